"""imgcls.store.damage: what is damaged counts as missing and is said once, or is refused; it is never served."""

import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import stored
from imgcls.errors import StoreError
from imgcls.records.data import LabelList
from imgcls.records.runtime import RuntimeChoice
from imgcls.store import checksum
from imgcls.store.damage import Damage
from imgcls.store.database import Store
from imgcls.store.runs import list_key, progress_of
from stored import KEY, OTHER_KEY, OUTCOME, STATE

FIRST, SECOND = bytes.fromhex(stored.sha256(1)), bytes.fromhex(stored.sha256(2))
LABELS = LabelList("names.txt", ("cat", "dog"))
AGAIN = "damaged rows of the store were computed again ({}): `imgcls cache verify` shows whether there is more"


def _fill(store: Store) -> None:
    store.put({key: (10, stored.outputs([1, 2])) for key in (KEY, OTHER_KEY)})
    store.put_choice("about", RuntimeChoice("eager", 5))
    store.put_hashed({STATE: stored.sha256(1)})
    store.put_undecodable("Pillow 13", {stored.sha256(3): ("corrupt", "no such marker")})
    store.put_progress("run", "photos", 1, 2)
    store.plan("run", [("one", "photos"), ("two", "photos"), ("one", "digits")])
    store.put_outcome("run", OUTCOME, stored.images(range(3)), [LABELS])


def _missing(store: Store) -> object:
    return store.missing(KEY, [stored.sha256(1), stored.sha256(2)])


COMPUTED: dict[str, tuple[Callable[[Store], object], object, str]] = {
    "update keys set classes = 11": (lambda store: store.classes(KEY), None, "keys: 1"),
    "update keys set classes = 'many'": (lambda store: store.classes(KEY), None, "keys: 1"),
    "update keys set used_at = 0": (lambda store: store.classes(KEY), None, "keys: 1"),
    "update answers set body = x''": (_missing, {stored.sha256(1), stored.sha256(2)}, "predictions: 2"),
    "update answers set body = cast(body as text)": (_missing, {stored.sha256(1), stored.sha256(2)}, "predictions: 2"),
    "update answers set checksum = 0": (_missing, {stored.sha256(1), stored.sha256(2)}, "predictions: 2"),
    "update choices set body = '{}'": (lambda store: store.choice("about"), None, "choices of runtimes: 1"),
    "update undecodable set reason = 'corrupt?'": (
        lambda store: store.undecodable("Pillow 13", stored.index([stored.sha256(3)])), {}, "rejections: 1"
    ),
    "update undecodable set detail = cast(x'ff' as text)": (
        lambda store: store.undecodable("Pillow 13", stored.index([stored.sha256(3)])), {}, "rejections: 1"
    ),
    "update hashed_files set sha256 = zeroblob(32)": (lambda store: store.hashed(STATE), None, "hashes of files: 1"),
    "update hashed_files set sha256 = 5": (lambda store: store.hashed(STATE), None, "hashes of files: 1"),
    "update hashed_files set mtime_ns = 'now'": (lambda store: store.hashed(STATE), None, "hashes of files: 1"),
}  # fmt: skip
"""What is read of a damaged row, by the fault, and how that is counted."""

REFUSED: dict[str, tuple[Callable[[Store], object], str]] = {
    "update outcomes set body = substr(body, 2)": (lambda store: store.outcome("run", "photos"), "the outcome of this"),
    "update outcomes set body = 3": (lambda store: store.outcome("run", "photos"), "the outcome of this run on photos"),
    "update outcomes set images = 2": (lambda store: list(store.listing("run", "photos")), "the outcome of this run"),
    "delete from listings where position = 1": (lambda store: list(store.listing("run", "photos")), "the images of"),
    "delete from listings": (lambda store: list(store.listing("run", "photos")), "the images of photos"),
    "update listings set label = null": (lambda store: list(store.listing("run", "photos")), "an image of photos"),
    "update listings set image = 7": (lambda store: list(store.listing("run", "photos")), "an image of photos"),
    "update listings set position = position + 9": (lambda store: list(store.listing("run", "photos")), "the images"),
    "update plans set body = '[]'": (lambda store: store.planned("run"), "what this run is going to score"),
    "delete from plans": (lambda store: store.planned("run"), "what this run is going to score"),
    'update names set body = \'["dog","cat"]\'': (lambda store: store.names(list_key(LABELS)), "a list of class"),
    "delete from names": (lambda store: store.names(list_key(LABELS)), "a list of class names"),
    "update answers set body = x'00'": (lambda store: store.outputs(KEY, [stored.sha256(1)]), "the prediction of"),
}
"""What is read where nothing can be computed again, by the fault, and what the message names."""


@pytest.mark.parametrize("fault", COMPUTED)
def test_what_is_damaged_counts_as_missing(store: Store, fault: str) -> None:
    """It is not served, said once however often it is read, and right again when it was stored again."""
    read, missing, counts = COMPUTED[fault]
    _fill(store)
    sound = read(store)
    store._connection.execute(fault)
    assert [read(store), read(store)] == [missing, missing]
    assert (store.damage.take(), store.damage.take()) == ((AGAIN.format(counts),), ())
    _fill(store)
    assert (read(store), store.damage.take()) == (sound, ())


@pytest.mark.parametrize("fault", REFUSED)
def test_what_cannot_be_computed_again_is_refused(store: Store, folder: Path, fault: str) -> None:
    """The message is one line with the file, what is damaged, and the way out."""
    read, what = REFUSED[fault]
    _fill(store)
    read(store)
    store._connection.execute(fault)
    with pytest.raises(StoreError) as error:
        read(store)
    file = folder / "predictions.sqlite3"
    assert str(error.value).startswith(f"the store {file} is damaged: {what}")
    assert str(error.value).endswith(". Run again; where that does not help, delete the file")
    assert "\n" not in str(error.value)


def test_exchanged_rows_are_noticed(store: Store) -> None:
    """Predictions that were exchanged between two images, or two keys, are sound rows in the wrong places."""
    images = [stored.sha256(1), stored.sha256(2)]
    for column, (one, other) in {"image": (FIRST, SECOND), "key": (_key(KEY), _key(OTHER_KEY))}.items():
        _fill(store)
        _exchange(store._connection, column, one, other)
        assert store.missing(KEY, images) == store.missing(OTHER_KEY, images) == set(images)
        assert store.damage.take() == (AGAIN.format("predictions: 4"),)


def _key(key: str) -> bytes:
    return bytes.fromhex(key)[:8]


def _exchange(database: sqlite3.Connection, column: str, one: bytes, other: bytes) -> None:
    for old, new in ((one, b"between"), (other, one), (b"between", other)):
        database.execute(f"update answers set {column} = ? where {column} = ?", (new, old))  # noqa: S608 - our own words


def test_a_key_is_checked_whole(store: Store) -> None:
    """Two keys with the same first bytes do not share predictions: a checksum covers all of them."""
    similar = KEY[:16] + OTHER_KEY[16:]
    store.put({KEY: (10, stored.outputs([1]))})
    assert store.missing(similar, [stored.sha256(1)]) == {stored.sha256(1)}
    assert store.damage.take() == (AGAIN.format("predictions: 1"),)


def test_progress_that_is_damaged_is_not_shown(store: Store, folder: Path) -> None:
    """Only that of the dataset concerned is left out, and a file that is no database has none."""
    store.put_progress("run", "photos", 1, 9)
    store.put_progress("run", "digits", 2, 9)
    store._connection.execute("update progress set done = 'most' where dataset = 'photos'")
    assert progress_of(folder, "run") == [("digits", 2, 9)]
    (folder / "predictions.sqlite3").write_bytes(b"somebody's diary " * 100)
    assert progress_of(folder, "run") == []


def test_a_choice_of_another_version_is_refused_in_one_line(store: Store) -> None:
    """A sound row that does not hold a choice is an error with the way out."""
    row = ("about", b"{}")
    store._connection.execute("insert into choices values (?, ?, ?)", (*row, checksum.of("choices", *row)))
    with pytest.raises(StoreError, match=r"cannot be used: Object missing required field `runtime`.* Delete the file"):
        store.choice("about")


def test_damage_is_counted_by_kind() -> None:
    """Every kind has its number of rows, and sentences on the whole store come first."""
    damage = Damage()
    damage.add("predictions", 1)
    damage.add("keys", 1)
    damage.add("predictions", 2)
    damage.add("predictions", 1)
    damage.add_sentence("everything is new")
    assert damage.take() == ("everything is new", AGAIN.format("predictions: 2, keys: 1"))
    assert damage.take() == ()


def test_an_outcome_repairs_its_keys(store: Store) -> None:
    """A damaged key of a run whose predictions are all stored is written again with its outcome."""
    store.put({KEY: (21843, stored.outputs([1]))})
    store._connection.execute("update keys set classes = 3")
    assert store.classes(KEY) is None
    store.put_outcome("run", replace(OUTCOME, complete=False), [], [])
    assert (store.classes(KEY), store.verify()) == (21843, 1)
