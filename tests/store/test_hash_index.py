"""imgcls.store.hash_index: images are found by their hashes as in a dict of the first position of each."""

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from imgcls.store.hash_index import HashIndex

HASHES = st.lists(st.tuples(*[st.sampled_from([0, 1, 2**63, 2**64 - 1])] * 2), max_size=12)
"""Halves of hashes, of which many are the same."""


def _index(hashes: list[tuple[int, int]]) -> HashIndex:
    return HashIndex(np.array(hashes, np.uint64).reshape(-1, 2))


@given(HASHES, HASHES)
@example([], [(0, 0)])
@example([(1, 0), (1, 2**63), (1, 1)], [(1, 1), (1, 2**63), (1, 0), (1, 2)])
def test_the_first_of_the_same_bytes_is_found(listed: list[tuple[int, int]], sought: list[tuple[int, int]]) -> None:
    """Also where only the second half of two hashes differs; what is not listed is at -1."""
    first: dict[tuple[int, int], int] = {}
    for position, image in enumerate(listed):
        first.setdefault(image, position)
    index = _index(listed)
    images = [high.to_bytes(8) + low.to_bytes(8) + bytes(16) for high, low in sought]
    assert index.find(images).tolist() == [first.get(image, -1) for image in sought]
    assert (index.first.tolist(), len(index)) == ([first[image] for image in listed], len(first))
