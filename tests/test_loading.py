"""Batches: every picture once, in a seeded order, the same whether pictures stay in memory or not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imgcls import images, loading, pixels, preprocess
from imgcls.errors import ConfigError
from imgcls.loading import Batch, Loader
from imgcls.recipe import Recipe
from imgcls.records import InputSpec
from imgcls.training_data import Division

SPEC = InputSpec(20, (16, 16), "center", "bilinear", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
RECIPE = Recipe(2, batch_size=4)


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with pixels.quiet_pillow():
        yield


@pytest.fixture
def division(tmp_path: Path) -> Division:
    """Nine pictures to learn from and five that are held out, of two classes."""
    drawn = np.random.default_rng(0)
    for number in range(14):
        label = tmp_path / "ab"[number % 2]
        label.mkdir(exist_ok=True)
        Image.fromarray(drawn.integers(256, size=(30, 40, 3), dtype=np.uint8)).save(label / f"{number:02}.png")
    refs = images.find("x", tmp_path).images
    return Division(("a", "b"), refs[:9], refs[9:])


def _counted(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Every picture's bytes, as often as they are decoded."""
    counted: list[bytes] = []
    decode = pixels.decode

    def decoded(data: bytes) -> Image.Image:
        counted.append(data)
        return decode(data)

    monkeypatch.setattr(pixels, "decode", decoded)
    return counted


def _all(batches: Iterator[Batch]) -> tuple[np.ndarray, list[int]]:
    read = list(batches)
    return np.concatenate([batch.pictures for batch in read]), [len(batch.targets) for batch in read]


def test_an_epoch_is_every_picture_once(division: Division) -> None:
    """In batches of sizes as equal as can be, none larger than asked for, with the classes of the pictures."""
    with Loader(division, SPEC, replace(RECIPE, scale=(1.0, 1.0), flip=False)) as loader:
        batches = list(loader.learn(1))
    assert [batch.pictures.shape for batch in batches] == [(3, 3, 16, 16)] * 3
    assert loader.steps == 3
    assert Counter(np.concatenate([batch.targets for batch in batches])) == Counter(
        map(division.target, division.learn)
    )
    assert {batch.pictures.dtype for batch in batches} == {np.dtype(np.float32)}


def test_every_epoch_has_its_order(division: Division) -> None:
    """The order follows from the seed and the epoch alone."""

    def order(seed: int, epoch: int) -> tuple[int, ...]:
        with Loader(division, SPEC, replace(RECIPE, seed=seed)) as loader:
            return tuple(np.concatenate([batch.targets for batch in loader.learn(epoch)]))

    assert order(0, 1) == order(0, 1)
    assert len({order(0, epoch) for epoch in range(1, 6)}) > 3
    assert len({order(seed, 1) for seed in range(5)}) > 3


def test_held_out_pictures_are_as_they_are_scored(division: Division) -> None:
    """In the order of their listing, through the same crop and normalisation, bit for bit."""
    with Loader(division, SPEC, RECIPE) as loader:
        found, sizes = _all(loader.held_out())
    crops = [preprocess.crop(SPEC, Image.open(ref.file).convert("RGB")) for ref in division.held_out]
    assert sizes == [3, 2]
    assert np.array_equal(found, preprocess.normalize(SPEC, np.stack(crops)).numpy())


@pytest.mark.parametrize(("budget", "decoded"), [(1 << 30, 14), (4000, 23), (0, 28)])
def test_memory_is_bounded(division: Division, budget: int, decoded: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two epochs decode each picture once, or twice where there is no room, and give the same batches."""
    with Loader(division, SPEC, RECIPE) as loader:
        expected = [_all(batches)[0] for batches in (loader.learn(2), loader.held_out())]
    counted = _counted(monkeypatch)
    monkeypatch.setattr(loading, "BUDGET_BYTES", budget)
    with Loader(division, SPEC, RECIPE) as loader:
        for batches in (loader.held_out(), loader.learn(1)):
            list(batches)
        found = [_all(batches)[0] for batches in (loader.learn(2), loader.held_out())]
    assert len(counted) == decoded
    assert all(np.array_equal(*pair) for pair in zip(expected, found, strict=True))


def test_a_broken_picture_is_found_before_anything_is_learnt(division: Division) -> None:
    """What fits into memory is decoded first, and a file that gives no pixels is named with the reason."""
    whole = division.learn[4].file.read_bytes()
    division.learn[4].file.write_bytes(whole[:60])
    refs = images.find("x", division.learn[0].file.parents[1]).images
    with (
        Loader(replace(division, learn=refs[:9]), SPEC, RECIPE) as loader,
        pytest.raises(ConfigError, match=r"cannot train on .*/a/08\.png: truncated: .*; mend or remove it"),
    ):
        loader.prepare()


def test_preparing_ends_where_memory_does(division: Division, monkeypatch: pytest.MonkeyPatch) -> None:
    """A data set larger than memory is not decoded for nothing."""
    monkeypatch.setattr(loading, "BUDGET_BYTES", 0)
    counted = _counted(monkeypatch)
    with Loader(division, SPEC, RECIPE) as loader:
        loader.prepare()
    assert len(counted) == 3


@pytest.mark.parametrize("count", range(2, 40))
@pytest.mark.parametrize("size", [2, 3, 7, 32])
def test_no_batch_is_of_one_picture(count: int, size: int) -> None:
    """It would have no statistics for a batch norm; batches are at most one picture larger than asked for."""
    sizes = [len(part) for part in loading._parts(np.arange(count), size)]
    assert sum(sizes) == count
    assert min(sizes) > 1
    assert max(sizes) <= size + 1
