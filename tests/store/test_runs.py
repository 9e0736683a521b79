"""imgcls.store.runs: what a run leaves is read back the same by any process, until it is forgotten."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

import stored
from imgcls.errors import StoreError
from imgcls.records.data import ImageRef, LabelList
from imgcls.store import runs
from imgcls.store.connection import DAY_SECONDS, IMAGES_PER_QUERY
from imgcls.store.database import Store
from imgcls.store.runs import list_key, progress_of
from stored import KEY, OUTCOME


def test_outcomes_come_back_equal(store: Store) -> None:
    """An outcome with every field in use is the same after its way through the store, and only for its own run."""
    store.put_outcome("run", OUTCOME, [], [])
    assert store.outcome("run", "photos") == OUTCOME
    assert (store.outcome("run", "digits"), store.outcome("later", "photos")) == (None, None)


def test_listings_keep_their_order(store: Store) -> None:
    """The images of a run come back in order and in batches; the same bytes may be listed twice."""
    images = stored.images([*range(2 * IMAGES_PER_QUERY, 0, -1), 1])
    store.put_outcome("run", OUTCOME, images, [])
    batches = list(store.listing("run", "photos"))
    assert [len(batch) for batch in batches] == [IMAGES_PER_QUERY, IMAGES_PER_QUERY, 1]
    assert [(i.path, i.sha256, i.label) for i in images] == [row for batch in batches for row in batch]


def test_a_later_outcome_replaces_the_earlier(store: Store) -> None:
    """A run that scores a dataset again leaves nothing of its first listing."""
    store.put_outcome("run", OUTCOME, stored.images(range(5)), [])
    again = replace(OUTCOME, complete=False)
    store.put_outcome("run", again, stored.images([7]), [])
    assert store.outcome("run", "photos") == again
    assert [[("cat/7.jpg", stored.sha256(7), "cat")]] == list(store.listing("run", "photos"))


def test_names_keep_their_order(store: Store) -> None:
    """The names behind class numbers come back in order, per list; an unknown list is an error."""
    names = tuple(f"class {number}" for number in range(1000, 0, -1))
    long, short = LabelList("names.txt", names), LabelList("names.txt", ("Käse",))
    store.put_outcome("run", OUTCOME, [], [long, short, long])
    assert (names, ("Käse",)) == tuple(store.names(list_key(labels)) for labels in (long, short))
    with pytest.raises(StoreError, match=r"is damaged: a list of class names is no longer complete\. Run again"):
        store.names("unknown")


def test_plans_add_up(store: Store) -> None:
    """The pairs that several workers of a run plan are one set, and not of another run."""
    store.plan("run", [("one", "photos"), ("two", "photos")])
    store.plan("run", [("two", "photos"), ("two", "digits")])
    assert store.planned("run") == {("one", "photos"), ("two", "photos"), ("two", "digits")}
    assert store.planned("later") == set()


def test_progress_is_read_without_opening_the_store(store: Store, folder: Path) -> None:
    """The last progress of each dataset is read from the folder, only for its own run; without a store it is empty."""
    store.put_progress("run", "photos", 1, 9)
    store.put_progress("run", "photos", 2, 9)
    store.put_progress("run", "digits", 0, 4)
    assert progress_of(folder, "run") == [("digits", 0, 4), ("photos", 2, 9)]
    assert progress_of(folder, "later") == []
    assert progress_of(folder / "nowhere", "run") == []


def test_forgetting_a_run(store: Store) -> None:
    """A run's outcome, listing and plan are deleted, and those of runs that died a week ago; the rest stays."""
    store.put({KEY: (1000, stored.outputs([1]))})
    for run in ("run", "dead", "other"):
        store.plan(run, [("one", "photos")])
        store.put_outcome(run, OUTCOME, stored.images([1]), [])
    store._connection.execute("update plans set made_at = made_at - ? where run = 'dead'", (7 * DAY_SECONDS + 60,))
    store.forget("run")
    for run in ("run", "dead"):
        assert (None, [], set()) == (
            store.outcome(run, "photos"),
            list(store.listing(run, "photos")),
            store.planned(run),
        )
    assert store.outcome("other", "photos") == OUTCOME
    assert ("one", "photos") in store.planned("other")
    assert store.verify() == 1


class _Cut(list[ImageRef]):
    """Images of which the process dies at the 25th."""

    def __iter__(self) -> Iterator[ImageRef]:
        yield from self[:25]
        raise KeyboardInterrupt


def _listed(store: Store) -> int:
    return store.info().rows["listings"]


@pytest.fixture
def cut(store: Store, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A store of which 10 images of a listing share a transaction, and one that was not stored to its end."""
    monkeypatch.setattr(runs, "LISTED", 10)
    with pytest.raises(KeyboardInterrupt):
        store.put_outcome("run", OUTCOME, _Cut(stored.images(range(35))), [])
    return store


def test_a_large_listing_is_stored_part_by_part(cut: Store, folder: Path) -> None:
    """Others write in between; until it is whole there is no outcome, and nothing counts as lost."""
    assert _listed(cut) == 20
    with closing(Store(folder)) as other:
        assert (other.outcome("run", "photos"), list(other.listing("run", "photos")), other.verify()) == (None, [], 0)
    assert cut.planned("run") == {(pair.scores.model, "photos") for pair in OUTCOME.pairs}
    cut.put_outcome("run", OUTCOME, stored.images(range(13)), [])
    assert (cut.outcome("run", "photos"), _listed(cut), cut.verify()) == (OUTCOME, 13, 0)


def test_what_is_replaced_is_replaced_at_once(cut: Store) -> None:
    """Who has read an outcome of this run finds one until the end."""
    cut.put_outcome("run", OUTCOME, stored.images(range(13)), [])
    with pytest.raises(KeyboardInterrupt):
        cut.put_outcome("run", replace(OUTCOME, complete=False), _Cut(stored.images(range(35))), [])
    assert (cut.outcome("run", "photos"), _listed(cut)) == (OUTCOME, 13)


@pytest.mark.parametrize("images", [13, None])
def test_a_large_listing_is_forgotten_part_by_part(cut: Store, images: int | None) -> None:
    """Whether it is whole or was cut short; others write in between."""
    if images:
        cut.put_outcome("run", OUTCOME, stored.images(range(images)), [])
    statements: list[str] = []
    cut._connection.set_trace_callback(statements.append)
    cut.forget("run")
    assert statements.count("begin immediate") == 4
    assert (_listed(cut), cut.planned("run"), cut.verify()) == (0, set(), 0)
