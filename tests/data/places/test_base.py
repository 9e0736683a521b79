"""imgcls.data.places.base: candidates are sorted, and each path is there once, however many there are."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imgcls.data.places import base
from imgcls.data.places.base import Candidate, Candidates
from imgcls.errors import Undecodable
from imgcls.records import blocks
from imgcls.records.data import Member

CANDIDATES = st.lists(
    st.builds(
        Candidate,
        st.sampled_from(["a", "a/b", "a-b", "b", "caf\udce9"]),
        st.sampled_from([Path("a"), Member("tar", "x.tar", "a", (1, 2))]),
        st.none() | st.sampled_from(["cat", "dog"]),
        fault=st.none(),
        columns=st.dictionaries(st.sampled_from("xy"), st.text(max_size=2)),
        group=st.none() | st.just("one"),
        sha256=st.none() | st.just("0" * 64),
    ),
    max_size=20,
)


@pytest.fixture(scope="module", autouse=True)
def _small() -> Iterator[None]:
    """Four candidates are sorted at once, three are read together, a few are in memory."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"BLOCK": 3, "IN_MEMORY": 200, "RUN": 4}.items():
            patch.setattr(blocks, name, value)
        yield


def _by_path(candidates: Sequence[Candidate]) -> dict[str, list[Candidate]]:
    by_path: dict[str, list[Candidate]] = {}
    for candidate in candidates:
        by_path.setdefault(candidate.path, []).append(candidate)
    return by_path


@settings(max_examples=40)
@given(CANDIDATES)
def test_a_path_of_several_members_is_a_fault(candidates: list[Candidate]) -> None:
    """Sorted by path; the first of the same path stands for all, with their number."""
    by_path, listed = _by_path(candidates), list(base.once(iter(candidates)))
    assert [candidate.path for candidate in listed] == sorted(by_path)
    for candidate in listed:
        first, *others = by_path[candidate.path]
        assert candidate._replace(fault=None) == first
        assert str(candidate.fault or "").startswith(f"corrupt: {len(others) + 1} members" if others else "")
        assert bool(candidate.fault) == bool(others)


@settings(max_examples=40)
@given(CANDIDATES)
def test_an_earlier_path_goes_first(candidates: list[Candidate]) -> None:
    """In the order in which they came."""
    assert list(base.each_once(iter(candidates))) == [same[0] for same in _by_path(candidates).values()]


def test_candidates_are_iterated_as_often_as_needed() -> None:
    """With their faults."""
    faulty = Candidate("a", Path("a"), None, Undecodable("empty", "it has 0 bytes"))
    candidates = Candidates(iter([faulty] * 9))
    for _ in range(2):
        assert [(one.path, str(one.fault)) for one in candidates] == [("a", "empty: it has 0 bytes")] * 9
