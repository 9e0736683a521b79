"""imgcls.data.same_bytes: images of the same bytes are found by their hashes, all 32 bytes of these."""

from collections.abc import Sequence
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from imgcls.data import same_bytes
from imgcls.records.data import ImageRef, Images

ALIKE = ["0" * 64, "0" * 63 + "1", "0" * 16 + "1" * 48, "1" * 64, "ff" * 32, "00" * 31 + "ff"]
"""Some of which begin with the same 8 or 16 bytes."""

LISTED = st.lists(st.tuples(st.sampled_from(ALIKE), st.sampled_from(["cat", "dog", None])), max_size=20)


def _images(listed: Sequence[tuple[str, str | None]]) -> Images:
    return Images(ImageRef(str(at), Path(str(at)), sha256, label) for at, (sha256, label) in enumerate(listed))


@settings(max_examples=40)
@given(LISTED)
def test_repeated_bytes_are_those_of_a_dict(listed: list[tuple[str, str | None]]) -> None:
    """Their positions, that of the first, and whether it has another label."""
    hashes = [sha256 for sha256, _ in listed]
    expected = [at for at, sha256 in enumerate(hashes) if hashes.count(sha256) > 1]
    repeats = same_bytes.repeated(_images(listed))
    assert repeats.positions.tolist() == expected
    assert repeats.firsts.tolist() == [hashes.index(hashes[at]) for at in expected]
    assert repeats.is_other_label.tolist() == [listed[at][1] != listed[hashes.index(hashes[at])][1] for at in expected]


@settings(max_examples=40)
@given(LISTED)
def test_distinct_images_are_those_of_a_dict(listed: list[tuple[str, str | None]]) -> None:
    """The last image of the same bytes, where the first would be."""
    expected = list({sha256: at for at, (sha256, _) in enumerate(listed)}.values())
    assert same_bytes.distinct(_images(listed)).tolist() == expected
