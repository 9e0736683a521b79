"""imgcls.data.dataset: samples of the images, spread evenly and without repeated bytes."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgcls.data import dataset
from imgcls.records.data import ImageRef


def _images(hashes: Sequence[str]) -> list[ImageRef]:
    return [ImageRef(str(number), Path(str(number)), sha256, None) for number, sha256 in enumerate(hashes)]


def test_a_sample_is_spread_over_the_images() -> None:
    """Eight of a thousand come from all of them, each as far from the next."""
    first = dataset.samples(_images([str(number) for number in range(1003)]), 8)[0]
    assert [int(image.path) for image in first] == [126 * step for step in range(8)]


@given(st.lists(st.integers(0, 40).map(str), max_size=100), st.integers(1, 40))
def test_samples_hold_every_hash_once(hashes: Sequence[str], size: int) -> None:
    """However many images there are, no sample is larger than requested, and their sizes differ by one at most."""
    samples = dataset.samples(_images(hashes), size)
    assert Counter(image.sha256 for sample in samples for image in sample) == Counter(set(hashes))
    assert max(map(len, samples)) <= size
    assert max(map(len, samples)) - min(map(len, samples)) <= 1


@pytest.mark.parametrize("images", [0, 1, 8])
def test_few_images_are_one_sample(images: int) -> None:
    """All of them in order; none where there are none."""
    listed = _images([str(number) for number in range(images)])
    assert dataset.samples(listed, 8) == [listed]
