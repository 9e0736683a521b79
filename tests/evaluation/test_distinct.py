"""imgcls.evaluation.distinct: what the store lacks, in whichever way it is read."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import stored
from imgcls.data import dataset as datasets
from imgcls.evaluation import distinct
from imgcls.evaluation.distinct import DistinctImages
from imgcls.records.data import Images
from imgcls.store.database import Store
from stored import KEY, OTHER_KEY

NUMBERS = st.lists(st.integers(0, 30), max_size=40)


def _distinct(numbers: Sequence[int]) -> DistinctImages:
    return DistinctImages(Images(stored.images(numbers)))


@contextmanager
def _store(predicted: Sequence[int], damaged: Sequence[int]) -> Iterator[Store]:
    with closing(Store(None)) as store:
        store.put({KEY: (10, stored.outputs(predicted)), OTHER_KEY: (10, stored.outputs(range(31)))})
        for number in damaged:
            image = bytes.fromhex(stored.sha256(number))
            store._connection.execute("update answers set body = x'00' where image = ?", (image,))
        yield store


@settings(max_examples=40)
@given(NUMBERS, NUMBERS, NUMBERS, st.sets(st.integers(0, 30)))
def test_merges_and_lookups_find_the_same(
    listed: list[int], predicted: list[int], damaged: list[int], rejected: set[int]
) -> None:
    """With images listed twice, without any, with damaged rows, which are missing and damage, and rejected ones."""
    images = _distinct(listed)
    positions = [listed.index(number) for number in rejected if number in listed]
    results = []
    for rows in (0, 10**9):
        with _store(predicted, damaged) as store, pytest.MonkeyPatch.context() as patch:
            patch.setattr(distinct, "LOOKUP_ROWS", rows)
            patch.setattr(store, "estimated_predictions", lambda _: 1)
            results.append((images.missing(store, KEY, positions).tolist(), store.damage.take()))
    sound = set(predicted) - set(damaged)
    expected = [n not in sound and n not in rejected and listed.index(n) == p for p, n in enumerate(listed)]
    assert results[0] == results[1]
    assert results[0][0] == expected
    broken = (set(listed) - rejected) & set(predicted) & set(damaged)
    assert [f"predictions: {len(broken)})" in line for line in results[0][1]] == [True] * bool(broken)


def test_rows_that_are_no_hashes_are_not_found() -> None:
    """Of a damaged file a column may hold anything."""
    with _store([1, 2, 3], []) as store:
        for number, value in ((1, b"\0"), (2, 7), (3, "text")):
            row = (value, bytes.fromhex(stored.sha256(number)), bytes.fromhex(KEY)[:8])
            store._connection.execute("update answers set image = ? where image = ? and key = ?", row)
        assert _distinct([1, 2, 3]).missing(store, KEY, ()).tolist() == [True] * 3


def test_few_images_are_looked_up_in_a_large_store(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many are found by reading the store in order."""
    with _store(range(2000), []) as store:
        assert 1000 < store.estimated_predictions(KEY) < 4000
        monkeypatch.setattr(store, "predicted", lambda *_: pytest.fail("everything was read"))
        assert not _distinct(range(10)).missing(store, KEY, ()).any()
        monkeypatch.undo()
        monkeypatch.setattr(store, "missing", lambda *_: pytest.fail("they were looked up"))
        assert not _distinct(range(2000)).missing(store, KEY, ()).any()


@pytest.mark.parametrize("size", [1, 3, 8, 100])
def test_a_spread_is_that_of_samples(size: int) -> None:
    """The images of different bytes, evenly spread ones first, each once."""
    images = _distinct([*range(20), 3, 5, 7])
    expected = [image for sample in datasets.samples(images.images[:20], size) for image in sample]
    assert list(images.spread(size)) == expected


def test_the_first_image_stands_for_its_bytes() -> None:
    """Flags are at first positions, which are found by the hash."""
    images = _distinct([5, 6, 5, 7, 6])
    assert (images.first.tolist(), images.flags.tolist(), len(images)) == (
        [0, 1, 0, 3, 1],
        [True, True, False, True, False],
        3,
    )
    assert images.positions([stored.sha256(6), stored.sha256(7), stored.sha256(8)]) == [1, 3, -1]
    assert np.array_equal(_distinct([]).flags, [])


@given(st.sets(st.integers(0, 400)), st.sets(st.integers(0, 400)), st.integers(1, 20))
def test_a_part_of_a_set_has_no_others(numbers: set[int], gone: set[int], size: int) -> None:
    """However few of its smallest hashes are left."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(distinct, "SMALLEST", size)
        smallest = _distinct(sorted(numbers)).smallest()
        assert not _distinct(sorted(numbers - gone)).has_others(smallest)
        assert _distinct(range(401, 1000)).has_others(smallest)


def test_of_a_set_that_is_small_every_other_image_is_seen() -> None:
    """Of a large one those that are among the smallest hashes."""
    most = distinct.SMALLEST - 1
    smallest = _distinct(range(most)).smallest()
    assert all(_distinct([*range(most - 1), other]).has_others(smallest) for other in range(most, 300))
    assert _distinct([0]).has_others(())
    many = _distinct(range(3000)).smallest()
    seen = sum(
        _distinct([*range(2900), *range(start, start + 100)]).has_others(many) for start in range(3000, 4000, 100)
    )
    assert 7 <= seen <= 10  # of ten replacements of a thirtieth, each with 1 - (29 / 30) ** 64 = 0.89
