"""imgcls.records.data: images are as those of a tuple, and their labels and hashes are known without them."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imgcls.records import blocks
from imgcls.records.data import ImageRef, Images, Listing, Member, Place

TEXTS = st.text(min_size=1, max_size=8)
PLACES: st.SearchStrategy[Place] = st.one_of(
    st.sampled_from([Path("a/b.png"), Path("/c.jpg"), Path("caf\udce9.png")]),
    st.builds(Member, st.sampled_from(["tar", "url"]), TEXTS, TEXTS, st.lists(st.integers(0, 2**60)).map(tuple)),
)
HASHES = st.binary(min_size=32, max_size=32).map(bytes.hex)
IMAGES = st.builds(
    ImageRef, TEXTS, PLACES, HASHES, st.none() | TEXTS, st.dictionaries(TEXTS, TEXTS, max_size=2), st.none() | TEXTS
)


@pytest.fixture(scope="module", autouse=True)
def _small() -> Iterator[None]:
    """Three images are read together, and a few are in memory."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "BLOCK", 3)
        patch.setattr(blocks, "IN_MEMORY", 400)
        yield


@settings(max_examples=40)
@given(st.lists(IMAGES, max_size=12).map(tuple))
def test_images_are_as_those_of_a_tuple(images: tuple[ImageRef, ...]) -> None:
    """By their order, their number, their positions and slices; equal to the tuple, and to nothing else."""
    packed = Images(iter(images))
    assert packed == images == packed
    assert (len(packed), tuple(packed), packed[1:9:2], packed[-2:]) == (len(images), images, images[1:9:2], images[-2:])
    assert [packed[index] for index in range(-len(images), len(images))] == [*images, *images]
    assert list(packed.at(range(0, len(images), 2))) == list(images[::2])
    assert packed != (*images, ImageRef("more", Path("more"), "0" * 64, None))
    with pytest.raises(IndexError):
        packed[len(images)]


@settings(max_examples=40)
@given(st.lists(IMAGES, max_size=12))
def test_labels_and_hashes_are_those_of_the_images(images: list[ImageRef]) -> None:
    """Hashes sort as their texts do, and cannot be written to."""
    packed = Images(images)
    assert packed.labels == Counter(image.label for image in images)
    assert packed.hashes.dtype == np.uint64
    assert packed.hashes.tolist() == [[int(i.sha256[:16], 16), int(i.sha256[16:32], 16)] for i in images]
    with pytest.raises(ValueError, match="read-only"):
        packed.hashes[:] = 0


def test_a_listing_takes_any_sequence_of_images() -> None:
    """And what are images already stays what it is."""
    image = ImageRef("a", Path("a"), "0" * 64, "cat")
    images = Images([image])
    assert Listing(images, (), 0).images is images
    assert isinstance(Listing((image,), (), 0).images, Images)  # type: ignore[arg-type]  # for callers without types
    assert repr(Images([image] * 5)).endswith(" and 2 more)")
