"""imgcls.store.connection: what was committed is there, whichever process writes and whichever is killed."""

import signal
import sqlite3
import subprocess
import sys
from contextlib import closing, nullcontext, suppress
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock, Timeout

import stored
from imgcls.errors import StoreError
from imgcls.store import connection
from imgcls.store.database import Store
from stored import KEY, OTHER_KEY, OUTPUT


def test_a_batch_is_stored_whole_or_not_at_all(store: Store) -> None:
    """An exception in the middle of a batch leaves nothing of it, and the store can still be used."""
    with pytest.raises(ValueError, match="non-hexadecimal number"):
        store.put({KEY: (1000, stored.outputs(range(10))), OTHER_KEY: (10, [("no sha256", OUTPUT)])})
    assert (store.classes(KEY), store.verify()) == (None, 0)
    store.put({KEY: (1000, stored.outputs([1]))})
    assert store.verify() == 1


def test_what_is_committed_is_on_the_disk() -> None:
    """SQLite waits for it, outside of tests."""
    assert connection.PRAGMAS[:2] == ("journal_mode = delete", "synchronous = full")


def test_a_commit_that_fails_is_rolled_back(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch that cannot be committed because another connection reads is an error, and the next batch is stored."""
    monkeypatch.setattr(connection, "BUSY_SECONDS", 0)
    with closing(Store(folder)) as store, closing(sqlite3.connect(folder / "predictions.sqlite3")) as reader:
        reader.execute("begin")
        reader.execute("select * from keys").fetchall()
        with pytest.raises(
            StoreError, match=r"predictions\.sqlite3 cannot be used: database is locked\. Another process"
        ):
            store.put({KEY: (1000, stored.outputs([1]))})
        reader.rollback()
        store.put({KEY: (1000, stored.outputs([2]))})
        assert store.missing(KEY, [stored.sha256(1), stored.sha256(2)]) == {stored.sha256(1)}


class _InterruptedAtBegin:
    """A connection during which Ctrl-C is pressed as soon as a transaction has begun."""

    def __init__(self, whole: sqlite3.Connection) -> None:
        self._whole = whole

    def execute(self, statement: str, *values: Any) -> sqlite3.Cursor:
        cursor = self._whole.execute(statement, *values)
        if statement.startswith("begin"):
            raise KeyboardInterrupt
        return cursor

    def __getattr__(self, name: str) -> Any:
        return getattr(self._whole, name)


def test_an_interrupt_right_after_the_beginning_leaves_no_transaction_open(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is stored next would be a part of it, and lost when the store is closed."""
    with closing(Store(folder)) as store:
        with monkeypatch.context() as during:
            during.setattr(store, "_connection", _InterruptedAtBegin(store._connection))
            for method in (lambda: store.put({KEY: (1000, stored.outputs([1]))}), store.verify):
                with pytest.raises(KeyboardInterrupt):
                    method()
        store.put({KEY: (1000, stored.outputs([2]))})
        with closing(Store(folder)) as other:
            assert other.missing(KEY, [stored.sha256(1), stored.sha256(2)]) == {stored.sha256(1)}


def test_a_full_disk_is_reported(store: Store) -> None:
    """A batch for which there is no room is an error with its reason; earlier batches stay."""
    store.put({KEY: (1000, stored.outputs([1]))})
    store._connection.execute("pragma max_page_count = 30")
    with pytest.raises(StoreError, match=r"database or disk is full.* name another folder for the store"):
        store.put({KEY: (1000, stored.outputs(range(5000)))})
    assert store.verify() == 1


# Other processes.

WRITER = """
import itertools, sys
from pathlib import Path
from imgcls.store.database import Store
import stored
from stored import KEY

store = Store(Path(sys.argv[1]))
"""


ENDLESS = """
for batch in itertools.count():
    store.put({KEY: (1000, stored.outputs(range(100 * batch, 100 * batch + 100)))})
    if batch == 0:
        print("the first batch is in", flush=True)
"""


KILLED_HALFWAY = """
import os, signal

store.put({KEY: (1000, stored.outputs(range(100)))})

class Fatal:
    def __iter__(self):
        os.kill(os.getpid(), signal.SIGKILL)

store.put({KEY: (1000, stored.outputs(range(100, 30000))), "0" * 64: (10, Fatal())})
"""


TWENTY = """
print("ready", flush=True)
first = int(sys.stdin.readline())
for number in range(first, first + 100, 5):
    store.put({KEY: (1000, stored.outputs(range(number, number + 5)))})
"""


HOLDER = """
with store.lock("pass-photos"):
    print("held", flush=True)
    sys.stdin.read()
"""


def _start(text: str, folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER + text, str(folder)],
        cwd=Path(stored.__file__).parent,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def test_killed_while_writing(folder: Path) -> None:
    """A process killed at any moment leaves whole batches, at least the first, in a store without damage."""
    with _start(ENDLESS, folder) as writer:
        assert _line(writer) == "the first batch is in\n"
        writer.kill()
    assert writer.returncode == -signal.SIGKILL
    with closing(Store(folder)) as store:
        whole, rest = divmod(store.verify(), 100)
        assert (whole >= 1, rest) == (True, 0)


def test_killed_within_a_transaction(folder: Path) -> None:
    """Half a batch that has already reached the file is rolled back; the batch before it stays."""
    with _start(KILLED_HALFWAY, folder) as writer:
        assert _line(writer) == ""
    assert writer.returncode == -signal.SIGKILL
    assert (folder / "predictions.sqlite3-journal").exists()
    with closing(Store(folder)) as store:
        assert store.verify() == 100
        assert store.missing(KEY, [stored.sha256(number) for number in range(100)]) == set()


def test_two_processes_write_at_once(folder: Path) -> None:
    """Two processes that open the same new store and write batch after batch into it lose nothing."""
    with _start(TWENTY, folder) as one, _start(TWENTY, folder) as two:
        assert [_line(one), _line(two)] == ["ready\n", "ready\n"]
        for process, first in ((one, "0\n"), (two, "100\n")):
            assert process.stdin is not None
            process.stdin.write(first)
            process.stdin.flush()
    assert (one.returncode, two.returncode) == (0, 0)
    with closing(Store(folder)) as store:
        assert dict(stored.outputs(range(200))) == store.outputs(KEY, [stored.sha256(number) for number in range(200)])
        assert store.verify() == 200


def test_the_lock_of_a_killed_process_is_free(folder: Path) -> None:
    """A lock keeps other processes out while its holder lives, and none once the holder is killed."""
    lock = FileLock(folder / "pass-photos.lock", timeout=0)
    with _start(HOLDER, folder) as holder:
        assert _line(holder) == "held\n"
        with pytest.raises(Timeout, match="could not be acquired"):
            lock.acquire()
        holder.kill()
    with lock:
        assert lock.is_locked


def test_who_waits_states_for_whom(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A killed process, whose note is left, is waited for no longer; the next one leaves none when it is done."""
    monkeypatch.setattr(connection, "STATED_SECONDS", 0.05)
    stated: list[str] = []
    with _start(HOLDER, folder) as other:
        assert _line(other) == "held\n"

        def state(text: str) -> None:
            stated.append(text)
            if len(stated) == 2:
                other.kill()

        with closing(Store(folder, lambda: nullcontext(state))) as store, store.lock("pass-photos"):
            assert len(stated) >= 2
            assert (folder / "pass-photos.holder").is_file()
    assert all(text.startswith(f"waiting until process {other.pid} on ") for text in stated)
    assert not (folder / "pass-photos.holder").exists()


def test_a_free_lock_is_acquired_without_a_word(folder: Path) -> None:
    """Nothing is opened that would show it."""
    with closing(Store(folder, pytest.fail)) as store, store.lock():
        assert (folder / "pass.holder").is_file()


def test_a_folder_that_is_read_only(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is called that, and nothing is to be deleted."""
    Store(folder).close()
    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda file, **more: connect(f"file:{file}?mode=ro", uri=True, **more))
    expected = r"is read-only here \(attempt to write a readonly database\): name a folder that can be written with "
    with closing(Store(folder)) as store, pytest.raises(StoreError, match=expected):
        store.put({KEY: (1000, stored.outputs([1]))})


def test_locks_of_different_names_are_independent(store: Store) -> None:
    """Locks of two names are held at once, and a released lock can be acquired again."""
    with store.lock("pass-photos"), store.lock("pass-digits"):
        pass
    with store.lock("pass-photos"):
        pass


def test_a_lock_that_cannot_be_acquired(store: Store, folder: Path) -> None:
    """Where the lock's file cannot be written, the error states what to do."""
    (folder / "pass-photos.lock").mkdir()
    with pytest.raises(StoreError, match=r"Is a directory.* Name another folder"), store.lock("pass-photos"):
        pytest.fail("a folder was locked")


# What cannot be used.


def test_a_file_that_is_not_a_database(folder: Path) -> None:
    """Another program's file in the place of the store's is refused by name, and is left as it is."""
    folder.mkdir(parents=True)
    (folder / "predictions.sqlite3").write_bytes(b"somebody's diary " * 100)
    with pytest.raises(
        StoreError, match=r"predictions\.sqlite3 cannot be used: file is not a database\. Delete the file"
    ):
        Store(folder)
    assert (folder / "predictions.sqlite3").read_bytes() == b"somebody's diary " * 100


def test_a_file_that_cannot_be_opened(folder: Path) -> None:
    """A database that the system does not open is refused with the way out."""
    (folder / "predictions.sqlite3").mkdir(parents=True)
    with pytest.raises(StoreError, match=r"unable to open database file.* or switch it off"):
        Store(folder)


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    """A folder below something that is not a folder is refused with the way out."""
    (tmp_path / "home").write_text("a file")
    with pytest.raises(StoreError, match=r"Not a directory.* Name another folder for the store, or switch it off"):
        Store(tmp_path / "home" / ".imgcls")


def test_what_is_stored_together_is_stored_whole_or_not_at_all(tmp_path: Path) -> None:
    """Whatever is written inside of a transaction, and whatever ends it."""
    with closing(Store(tmp_path)) as store:
        with suppress(KeyboardInterrupt), store.transaction():
            store.put_undecodable("pillow", {stored.sha256(1): ("corrupt", "no such marker")})
            store.put_remarks("pillow", {stored.sha256(2): ["is grey"]})
            raise KeyboardInterrupt
        assert not store.undecodable("pillow", stored.index([stored.sha256(1)]))
        assert not list(store.remarks("pillow", stored.index([stored.sha256(2)])))
        with store.transaction():
            store.put_undecodable("pillow", {stored.sha256(1): ("corrupt", "no such marker")})
            store.put_remarks("pillow", {stored.sha256(2): ["is grey"]})
        assert store.undecodable("pillow", stored.index([stored.sha256(1)])) == {0: ("corrupt", "no such marker")}
        assert list(store.remarks("pillow", stored.index([stored.sha256(2)]))) == [(0, ("is grey",))]
