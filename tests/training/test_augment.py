"""Augmentation: every random crop is inside the image, and follows from seed, epoch and bytes only."""

from __future__ import annotations

import hashlib
import random
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from imgcls.errors import ConfigError
from imgcls.records.config import InputSpec
from imgcls.training import augment
from imgcls.training.config import TrainingConfig

SPEC = InputSpec(40, (32, 24), "center", "bilinear", (0.5, 0.25, 0.75), (0.5, 0.5, 0.5))
CONFIG = TrainingConfig(3)
SHA = hashlib.sha256(b"a picture").hexdigest()


def _noise(width: int = 90, height: int = 60) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(256, size=(height, width, 3), dtype=np.uint8))


def _made(epoch: int = 1, sha256: str = SHA, **changes: Any) -> Any:
    return augment.build(SPEC, replace(CONFIG, **changes)).apply(_noise(), sha256, epoch)


@given(st.integers(1, 500), st.integers(1, 500), st.floats(0.01, 1), st.floats(0.01, 1), st.integers(0, 9))
def test_crops_are_inside(width: int, height: int, one: float, other: float, seed: int) -> None:
    """The box has an area, lies within the image, and is about 3:4 to 4:3 where the image allows it."""
    generator = np.random.default_rng(seed)
    left, top, right, bottom = augment.crop_box((width, height), (min(one, other), max(one, other)), generator)
    assert 0 <= left < right <= width
    assert 0 <= top < bottom <= height
    assert 3 / 4 * (bottom - top - 1) <= right - left + 1
    assert right - left - 1 <= 4 / 3 * (bottom - top + 1)


def test_areas_and_proportions_are_those_requested() -> None:
    """Over many crops of a square, areas fill the scale evenly and proportions both directions alike."""
    generator = np.random.default_rng(0)
    boxes = np.array([augment.crop_box((1000, 1000), (0.2, 0.5), generator) for _ in range(4000)])
    sides = boxes[:, 2:] - boxes[:, :2]
    areas = np.sort(sides.prod(axis=1) / 1e6)
    assert np.abs(areas - np.linspace(0.2, 0.5, 4000)).max() < 0.02
    ratios = np.sort(np.log(sides[:, 0] / sides[:, 1]))
    assert np.abs(ratios - np.linspace(np.log(3 / 4), np.log(4 / 3), 4000)).max() < 0.03


def test_an_image_too_thin_for_any_crop() -> None:
    """Of an image too thin for any crop, the largest middle part of the right proportions is taken."""
    assert augment.crop_box((400, 3), (0.9, 1.0), np.random.default_rng(0)) == (198, 0, 202, 3)
    assert augment.crop_box((3, 400), (0.9, 1.0), np.random.default_rng(0)) == (0, 198, 3, 202)


def test_the_shape_is_the_networks() -> None:
    """Whatever the image, the crop is uint8 (h, w, 3) of the input's size."""
    made = _made()
    assert (made.shape, made.dtype) == ((32, 24, 3), np.uint8)


def test_the_whole_image_unflipped_is_its_resize() -> None:
    """With the scale 1 and no flip, an image of 4:3 is resized and nothing else."""
    square, config = _noise(80, 80), replace(CONFIG, scale=(1.0, 1.0), flip=False)
    made = [augment.build(SPEC, config).apply(square, f"{number:064x}", 1) for number in range(20)]
    whole = np.asarray(square.resize((24, 32), Image.Resampling.BILINEAR))
    assert any(np.array_equal(one, whole) for one in made)


@pytest.mark.parametrize("rule", [None, "rand-m9-mstd0.5"])
def test_seed_epoch_and_bytes_decide(rule: str | None) -> None:
    """The same three give the same pixels; another seed, epoch or image gives others."""
    same = _made(randaugment=rule)
    assert np.array_equal(same, _made(randaugment=rule))
    others = [
        _made(randaugment=rule, epoch=2),
        _made(randaugment=rule, seed=1),
        _made(randaugment=rule, sha256=hashlib.sha256(b"another").hexdigest()),
    ]
    assert not any(np.array_equal(same, other) for other in others)


@pytest.fixture
def restless() -> Iterator[None]:
    """Threads that interrupt each other as often as Python lets them."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("restless")
def test_threads_and_order_do_not_matter() -> None:
    """With RandAugment, which draws from the generators of the process, pixels are the same from many threads."""
    augmentation = augment.build(SPEC, replace(CONFIG, randaugment="rand-m9-n3-mstd0.5"))
    image, shas = _noise(), [hashlib.sha256(bytes([number])).hexdigest() for number in range(40)]
    expected = [augmentation.apply(image, sha, 1) for sha in shas]
    with ThreadPoolExecutor(8) as threads:
        backwards = list(threads.map(lambda sha: augmentation.apply(image, sha, 1), reversed(shas)))
    assert all(np.array_equal(*pair) for pair in zip(expected, reversed(backwards), strict=True))


def test_the_generators_of_the_process_are_left_as_they_were() -> None:
    """The next numbers drawn from them are those that would have been drawn without an augmentation."""
    random.seed(3)
    np.random.seed(3)  # noqa: NPY002 - the generator that must not move
    expected = random.random(), np.random.random()  # noqa: NPY002, S311 - as above
    random.seed(3)
    np.random.seed(3)  # noqa: NPY002 - as above
    _made(randaugment="rand-m9-mstd0.5")
    assert (random.random(), np.random.random()) == expected  # noqa: NPY002, S311 - as above


def test_half_of_all_are_mirrored() -> None:
    """About half of 400 images are mirrored, within four standard deviations; with ``flip=False`` none."""
    left_bright = np.zeros((32, 24, 3), np.uint8)
    left_bright[:, :12] = 255
    image = Image.fromarray(left_bright)
    for flip, few, many in ((True, 160, 240), (False, 0, 0)):
        augmentation = augment.build(SPEC, replace(CONFIG, scale=(0.9, 1.0), flip=flip))
        made = [augmentation.apply(image, f"{number:064x}", 1) for number in range(400)]
        assert few <= sum(one[:, -4:].mean() > 128 for one in made) <= many


@pytest.mark.parametrize("rule", ["trivial", "rand-q9", "rand-m9-tnowhere", "rand-mstdinf", "rand-m9-", "rand-m"])
def test_a_rule_that_timm_does_not_know(rule: str) -> None:
    """An unknown rule is refused with a known one, also where timm would ignore what it does not understand."""
    with pytest.raises(ConfigError, match=rf"'{rule}' is not timm's notation of RandAugment; write it like rand-m9"):
        augment.build(SPEC, replace(CONFIG, randaugment=rule))


@pytest.mark.parametrize("rule", ["rand-m9-n3-mstd0.5", "rand-mstd1-tweights", "rand-m5-p0.8-mmax12-inc1-t3a"])
def test_rules_that_timm_knows(rule: str) -> None:
    """timm's own examples, and every part of its notation, are accepted."""
    assert _made(randaugment=rule).shape == (32, 24, 3)


@pytest.mark.parametrize("increasing", [0, 1])
@pytest.mark.parametrize("magnitude", range(11))
def test_every_operation_of_every_magnitude(magnitude: int, increasing: int) -> None:
    """All fifteen operations take all magnitudes, those too where timm would leave no bit of a colour."""
    assert _made(randaugment=f"rand-m{magnitude}-n100-p1.0-mstd0.5-inc{increasing}").shape == (32, 24, 3)


def test_grey_inputs_are_augmented_in_colour() -> None:
    """The crop, its flip and its colours are those of the RGB image; what comes out is grey by Pillow's rule."""
    grey = replace(SPEC, mean=(0.5,), std=(0.25,))
    config = replace(CONFIG, randaugment="rand-m9-mstd0.5")
    [one, three] = [
        augment.build(spec, config).apply(_noise(), SHA, 1) for spec in (grey, replace(SPEC, mean=(0.5,) * 3))
    ]
    assert one.shape == (32, 24, 1)
    assert np.array_equal(one[..., 0], np.asarray(Image.fromarray(three).convert("L")))
