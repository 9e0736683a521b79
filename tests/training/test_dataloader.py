"""Batches: every image once, in a seeded order, the same whether images stay in memory or not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from imgcls.data import listing as listings
from imgcls.errors import ConfigError
from imgcls.preprocessing import decode as decoding
from imgcls.preprocessing import transforms
from imgcls.records.config import InputSpec
from imgcls.training import dataloader
from imgcls.training.config import TrainingConfig
from imgcls.training.dataloader import Batch, Loader
from imgcls.training.split import Split

SPEC = InputSpec(20, (16, 16), "center", "bilinear", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
CONFIG = TrainingConfig(2, batch_size=4)


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with decoding.quiet_pillow():
        yield


@pytest.fixture
def split(tmp_path: Path) -> Split:
    """Nine training images and five validation images, of two classes."""
    generator = np.random.default_rng(0)
    for number in range(14):
        label = tmp_path / "ab"[number % 2]
        label.mkdir(exist_ok=True)
        Image.fromarray(generator.integers(256, size=(30, 40, 3), dtype=np.uint8)).save(label / f"{number:02}.png")
    refs = listings.find("x", tmp_path).images
    return Split(("a", "b"), refs[:9], refs[9:])


def _counted(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Every image's bytes, as often as they are decoded."""
    counted: list[bytes] = []
    decode = decoding.decode

    def decoded(data: bytes, **options: Any) -> Image.Image:
        counted.append(data)
        return decode(data, **options)

    monkeypatch.setattr(decoding, "decode", decoded)
    return counted


def _all(batches: Iterator[Batch]) -> tuple[np.ndarray, list[int]]:
    every = list(batches)
    return np.concatenate([batch.images for batch in every]), [len(batch.targets) for batch in every]


def test_an_epoch_is_every_image_once(split: Split) -> None:
    """An epoch is in batches of equal sizes, none larger than requested, with the classes of the images."""
    with Loader(split, SPEC, replace(CONFIG, scale=(1.0, 1.0), flip=False)) as loader:
        batches = list(loader.train_batches(1))
    assert [batch.images.shape for batch in batches] == [(3, 3, 16, 16)] * 3
    assert loader.steps == 3
    assert Counter(np.concatenate([batch.targets for batch in batches])) == Counter(map(split.target, split.train))
    assert {batch.images.dtype for batch in batches} == {np.dtype(np.float32)}


def test_every_epoch_has_its_order(split: Split) -> None:
    """The order follows from the seed and the epoch only."""

    def order(seed: int, epoch: int) -> tuple[int, ...]:
        with Loader(split, SPEC, replace(CONFIG, seed=seed)) as loader:
            return tuple(np.concatenate([batch.targets for batch in loader.train_batches(epoch)]))

    assert order(0, 1) == order(0, 1)
    assert len({order(0, epoch) for epoch in range(1, 6)}) > 3
    assert len({order(seed, 1) for seed in range(5)}) > 3


def test_validation_images_are_as_they_are_scored(split: Split) -> None:
    """Validation images come in the order of their listing, through the same crop and normalisation, bit for bit."""
    with Loader(split, SPEC, CONFIG) as loader:
        images, sizes = _all(loader.validation_batches())
    crops = [transforms.crop(SPEC, Image.open(ref.file).convert("RGB")) for ref in split.validation]
    assert sizes == [3, 2]
    assert np.array_equal(images, transforms.normalize(SPEC, np.stack(crops)).numpy())


@pytest.mark.parametrize(("budget", "decoded"), [(1 << 30, 14), (4000, 23), (0, 28)])
def test_memory_is_bounded(split: Split, budget: int, decoded: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two epochs decode each image once, or twice where there is no room, and give the same batches."""
    with Loader(split, SPEC, CONFIG) as loader:
        expected = [_all(batches)[0] for batches in (loader.train_batches(2), loader.validation_batches())]
    counted = _counted(monkeypatch)
    monkeypatch.setattr(dataloader, "BUDGET_BYTES", budget)
    with Loader(split, SPEC, CONFIG) as loader:
        for batches in (loader.validation_batches(), loader.train_batches(1)):
            list(batches)
        bounded = [_all(batches)[0] for batches in (loader.train_batches(2), loader.validation_batches())]
    assert len(counted) == decoded
    assert all(np.array_equal(*pair) for pair in zip(expected, bounded, strict=True))


def _with_broken(split: Split, *indices: int) -> Split:
    """The split with these images cut off; the images of both splits are counted as one sequence."""
    refs = [*split.train, *split.validation]
    for index in indices:
        refs[index].file.write_bytes(refs[index].file.read_bytes()[:60])
    listed = listings.find("x", split.train[0].file.parents[1]).images
    return replace(split, train=listed[:9], validation=listed[9:])


@pytest.mark.parametrize("budget", [1 << 30, 0])
def test_broken_images_are_reported_before_the_first_step(
    split: Split, budget: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What fits into memory is decoded first; one file without pixels there, and all of both splits are named."""
    monkeypatch.setattr(dataloader, "BUDGET_BYTES", budget)
    with (
        Loader(_with_broken(split, 4, 7, 9), SPEC, CONFIG) as loader,
        pytest.raises(
            ConfigError,
            match=r"cannot train on 3 of 14 files: .*/b/05\.png: truncated: .*/a/08\.png: trunc.*/b/01\.png: trunc",
        ),
    ):
        loader.prepare()


@pytest.mark.parametrize("budget", [1 << 30, 0])
def test_the_broken_images_of_both_splits(split: Split, budget: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of them are found, and no other, whether images fit into memory or not."""
    monkeypatch.setattr(dataloader, "BUDGET_BYTES", budget)
    broken = _with_broken(split, 0, 13)
    with Loader(broken, SPEC, CONFIG) as loader:
        assert [file for file, _ in loader.broken()] == [broken.validation[-1].file, broken.train[0].file]


def test_broken_images_beyond_memory_are_reported_together(split: Split, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that breaks while it is trained on ends the epoch with all that are broken by then."""
    monkeypatch.setattr(dataloader, "BUDGET_BYTES", 0)
    with Loader(split, SPEC, CONFIG) as loader:
        loader.prepare()
        for ref in (split.train[2], split.train[6], split.validation[4]):
            ref.file.write_bytes(b"")
        with pytest.raises(
            ConfigError, match=r"cannot train on 3 of 14 files: (.*/\w+\.png: empty: it has 0 bytes; ){3}m"
        ):
            list(loader.train_batches(1))


def test_a_split_may_be_replaced_by_another(split: Split) -> None:
    """An image that changes its split after it was decoded is prepared as the others of its new split are."""
    with Loader(split, SPEC, CONFIG) as loader:
        assert loader.broken() == []
        loader.split = replace(split, train=split.validation, validation=split.train)
        moved, _ = _all(loader.validation_batches())
    with Loader(loader.split, SPEC, CONFIG) as fresh:
        assert np.array_equal(moved, _all(fresh.validation_batches())[0])


def test_what_was_noticed_is_kept_by_image(split: Split) -> None:
    """An image of 16 bits per channel is trained on, and the rule for its pixels is known."""
    file = split.train[0].file
    Image.fromarray(np.full((30, 40), 60_000, np.uint16)).save(file)
    listed = listings.find("x", file.parents[1]).images
    with Loader(replace(split, train=listed[:9]), SPEC, CONFIG) as loader:
        loader.prepare()
    assert list(loader.remarks) == [file]


def test_preparing_ends_where_memory_does(split: Split, monkeypatch: pytest.MonkeyPatch) -> None:
    """A dataset larger than memory is not decoded in vain."""
    monkeypatch.setattr(dataloader, "BUDGET_BYTES", 0)
    counted = _counted(monkeypatch)
    with Loader(split, SPEC, CONFIG) as loader:
        loader.prepare()
    assert len(counted) == 3


@pytest.mark.parametrize("count", range(2, 40))
@pytest.mark.parametrize("size", [2, 3, 7, 32])
def test_no_batch_is_of_one_image(count: int, size: int) -> None:
    """No batch is of one image, which has no statistics for batch norm, nor more than one larger than requested."""
    sizes = [len(part) for part in dataloader._batch_indices(np.arange(count), size)]
    assert sum(sizes) == count
    assert min(sizes) > 1
    assert max(sizes) <= size + 1
