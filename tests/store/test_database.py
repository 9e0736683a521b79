"""imgcls.store.database: damage is found, what no run uses is removed, and everything works without a folder."""

import os
import sqlite3
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

import stored
from imgcls.errors import StoreError
from imgcls.store.codec import pack
from imgcls.store.connection import DAY_SECONDS
from imgcls.store.database import Pruned, Store
from stored import KEY, OTHER_KEY, OUTCOME, OUTPUT


def test_changed_bytes_are_found(store: Store) -> None:
    """A prediction with one bit turned is named by ``verify``, and reading it is an error, not a wrong prediction."""
    store.put({KEY: (1000, stored.outputs([1, 2]))})
    body = bytearray(pack(replace(OUTPUT, logsumexp=2.0)))
    body[-10] ^= 1
    image = bytes.fromhex(stored.sha256(2))
    store._connection.execute("update answers set body = ? where image = ?", (bytes(body), image))
    damage = rf"the row of answers for {KEY[:16]}, {stored.sha256(2)} does not match its checksum"
    with pytest.raises(StoreError, match=rf"is damaged; delete the file\n  {damage}$"):
        store.verify()
    with pytest.raises(
        StoreError, match=rf"the prediction of image {stored.sha256(2)} does not match .* Run again; where"
    ):
        store.outputs(KEY, [stored.sha256(1), stored.sha256(2)])
    assert dict(stored.outputs([1])) == store.outputs(KEY, [stored.sha256(1)])


def test_a_destroyed_page_is_found(folder: Path) -> None:
    """A file of which some pages were overwritten is damaged, also where no prediction can be read."""
    with closing(Store(folder)) as store:
        store.put({KEY: (1000, stored.outputs(range(1000)))})
    with (folder / "predictions.sqlite3").open("r+b") as file:
        file.seek(-8 * 4096, 2)
        file.write(bytes(4 * 4096))
    with closing(Store(folder)) as store, pytest.raises(StoreError, match=r"(?i)delete the file"):
        store.verify()


def test_of_much_damage_a_few_lines_are_reported(store: Store, folder: Path) -> None:
    """Three damaged predictions are named, a line each, and the others counted."""
    store.put({KEY: (1000, stored.outputs(range(5)))})
    with closing(sqlite3.connect(folder / "predictions.sqlite3", isolation_level=None)) as other:
        other.execute("update answers set body = x'00'")
    with pytest.raises(StoreError, match="is damaged") as error:
        store.verify()
    first, *lines, last = str(error.value).splitlines()
    assert first.endswith("predictions.sqlite3 is damaged; delete the file")
    assert [line.startswith(f"  the row of answers for {KEY[:16]}, ") for line in lines] == [True] * 3
    assert last == "  and 2 more"


def test_info_counts_rows_and_sizes(store: Store, folder: Path) -> None:
    """The rows of every table, the bytes of the file, and the number and bytes of what was compiled."""
    store.put({KEY: (1000, stored.outputs(range(7)))})
    assert store.artefacts is not None
    for name in ("one", "two"):
        (store.artefacts / name).mkdir(parents=True)
        (store.artefacts / name / "openvino.bin").write_bytes(bytes(1000))
    info = store.info()
    assert info.file_bytes == (folder / "predictions.sqlite3").stat().st_size
    assert {table: count for table, count in info.rows.items() if count} == {"keys": 1, "answers": 7}
    assert set(info.rows) >= {"undecodable", "outcomes", "plans", "progress", "listings", "names", "choices"}
    assert (info.artefacts, info.artefact_bytes) == (2, 2000)


def test_pruning_removes_what_no_run_used(store: Store) -> None:
    """Keys that no run has used for N days are removed with their predictions; one that a run has just used stays."""
    old_key = "0" * 64
    store.put({key: (10, stored.outputs([1, 2])) for key in (KEY, OTHER_KEY, old_key)})
    for key in (KEY, old_key):
        stored.age(store._connection, key, 40 * DAY_SECONDS)
    store.put_outcome("run", OUTCOME, [], [])
    pruned = [store.prune(days) for days in (41, 30, 30)]
    assert [(p.keys, p.predictions) for p in pruned] == [(0, 0), (1, 2), (0, 0)]
    assert (store.classes(KEY), store.classes(OTHER_KEY), store.classes(old_key)) == (21843, 10, None)
    assert store.verify() == 4


def test_pruning_removes_predictions_that_nobody_can_find(store: Store) -> None:
    """Where the key of predictions is lost, they are removed with what no run used."""
    store.put({key: (10, stored.outputs([1, 2])) for key in (KEY, OTHER_KEY)})
    store._connection.execute("delete from keys where sha256 = ?", (bytes.fromhex(KEY),))
    assert [(p.keys, p.predictions) for p in (store.prune(30), store.prune(30))] == [(0, 2), (0, 0)]
    assert store.verify() == 2


def test_pruning_gives_back_the_space(store: Store, folder: Path) -> None:
    """The file is smaller by the bytes that are reported; where nothing was removed, it keeps its bytes."""
    file = folder / "predictions.sqlite3"
    store.put({KEY: (1000, stored.outputs(range(2000))), OTHER_KEY: (10, stored.outputs([1]))})
    full, content = file.stat().st_size, file.read_bytes()
    assert store.prune(1) == Pruned(0, 0, 0, 0)
    assert file.read_bytes() == content
    stored.age(store._connection, KEY, 2 * DAY_SECONDS)
    pruned = store.prune(1)
    assert (pruned.keys, pruned.predictions) == (1, 2000)
    assert pruned.freed_bytes == full - file.stat().st_size > 200_000
    assert dict(stored.outputs([1])) == store.outputs(OTHER_KEY, [stored.sha256(1)])


def test_artefacts_that_no_run_used_are_removed(store: Store) -> None:
    """Folders of compiled networks are pruned by the time of their last use, half-written ones too."""
    assert store.artefacts is not None
    for name, days in (("old", 40), ("old.1234", 40), ("new", 1)):
        (store.artefacts / name).mkdir(parents=True)
        (store.artefacts / name / "openvino.xml").write_bytes(bytes(500))
        then = time.time() - days * DAY_SECONDS
        os.utime(store.artefacts / name, (then, then))
    assert store.prune(30) == Pruned(0, 0, 2, 1000)
    assert [folder.name for folder in store.artefacts.iterdir()] == ["new"]


def test_a_store_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a folder everything works, nothing is written, and no other store reads it."""
    monkeypatch.chdir(tmp_path)
    with closing(Store(None)) as store, closing(Store(None)) as other:
        with store.lock("pass-photos"), other.lock("pass-photos"):
            store.put({KEY: (1000, stored.outputs([1]))})
        store.put_outcome("run", OUTCOME, stored.images([1]), [])
        assert (store.verify(), other.verify()) == (1, 0)
        assert (store.info().rows["answers"], store.prune(1).keys) == (1, 0)
        assert (store.outcome("run", "photos"), other.outcome("run", "photos")) == (OUTCOME, None)
    assert list(tmp_path.iterdir()) == []
