"""imgcls.store: what is in it comes out the same, whoever else writes and whoever is killed meanwhile."""

import hashlib
import os
import signal
import sqlite3
import struct
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock, Timeout
from hypothesis import given
from hypothesis import strategies as st

from imgcls import store as module
from imgcls.errors import StoreError
from imgcls.records import (
    Answer,
    ClassScore,
    DatasetOutcome,
    Facts,
    Failure,
    FileState,
    Guess,
    ImageRef,
    InputSpec,
    LabelList,
    PairOutcome,
    Pass,
    Rejection,
    Scores,
)
from imgcls.store import DAY_SECONDS, QUERIED, VERSION, Store, list_key, pack, unpack

KEY = hashlib.sha256(b"a network").hexdigest()
OTHER_KEY = hashlib.sha256(b"another network").hexdigest()
STATE = FileState(Path("/photos/cat/1.jpg"), 7, 1_700_000_000_123_456_789, 2**64 - 1)
ANSWER = Answer(((3, 2.5), (1, 0.5)), 2.75, tuple(number / 8 for number in range(12)))

_float32 = st.floats(width=32, allow_nan=False)
_answers = st.builds(
    Answer,
    top=st.lists(st.tuples(st.integers(0, 2**32 - 1), _float32), min_size=1, max_size=10).map(tuple),
    logsumexp=st.floats(allow_nan=False),
    fingerprint=st.lists(_float32, max_size=12).map(tuple),
)

PASS = Pass("photos", ("one", "two"), 1.5, 0.25, {"one": 0.5, "two": 0.25}, {"one": 0.125}, {"one": 0.0}, 2**33)
OUTCOME = DatasetOutcome(
    dataset="photos",
    exif="apply",
    complete=True,
    passes=(PASS,),
    pairs=(
        PairOutcome(
            scores=Scores(
                "one", "photos", 9, 5, 2, 1, 1, 4, 3, 4, {"Käse": ClassScore(5, 3, 4)}, {7: 0.1, 21842: 1e-300}
            ),
            facts=Facts(
                "eager",
                "float32",
                "cpu",
                InputSpec((256, 320), (224, 288), "squash", "bicubic", (0.1, 0.2, 0.3), (1.0, 1.0, 1 / 3)),
                None,
                "5" * 64,
                1_248_424,
                0.875,
                4_993_696,
            ),
            prediction_key=KEY,
            labels="imagenet-1k",
            accepted={"Käse": (7, 8)},
            overall=(Guess(7, "cock", 0.1), Guess(8, "hen", 2 / 3)),
            from_store=3,
            ids_ignored=2,
        ),
        PairOutcome(Scores("two", "photos", listed=9, unscored=9), failure=Failure(3, "no weights:\nnowhere")),
    ),
    rejections=(Rejection("photos", "Käse/1.jpg", "truncated", "it ends after 7 bytes"),),
)


def _sha256(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()


def _pictures(numbers: Sequence[int]) -> list[tuple[str, Answer]]:
    return [(_sha256(number), replace(ANSWER, logsumexp=float(number))) for number in numbers]


def _images(numbers: Sequence[int]) -> list[ImageRef]:
    return [
        ImageRef(f"cat/{n}.jpg", Path(f"/photos/cat/{n}.jpg"), _sha256(n), "cat" if n % 2 else None) for n in numbers
    ]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "home" / ".imgcls"


@pytest.fixture
def store(folder: Path) -> Iterator[Store]:
    with closing(Store(folder)) as opened:
        yield opened


# Answers.


@given(_answers)
def test_answers_are_packed_exactly(answer: Answer) -> None:
    """What is packed comes back equal and, bit for bit, the same."""
    body = pack(answer)
    assert answer == unpack(body)
    assert body == pack(unpack(body))


@given(_answers, st.data())
def test_no_changed_byte_goes_unnoticed(answer: Answer, data: st.DataObject) -> None:
    """A packed answer with any one byte changed, or cut off anywhere, is refused."""
    body = bytearray(pack(answer))
    position = data.draw(st.integers(0, len(body) - 1))
    with pytest.raises(struct.error):
        unpack(bytes(body[:position]))
    body[position] ^= data.draw(st.integers(1, 255))
    with pytest.raises(struct.error):
        unpack(bytes(body))


def test_answers_of_many_pictures(store: Store) -> None:
    """Of more pictures than one statement asks for, each comes back with its own answer, and the rest is missing."""
    kept, asked = range(0, 3 * QUERIED, 2), [_sha256(number) for number in range(3 * QUERIED)]
    store.put({KEY: (1000, _pictures(kept))})
    assert dict(_pictures(kept)) == store.answers(KEY, asked)
    assert {_sha256(number) for number in range(1, 3 * QUERIED, 2)} == store.missing(KEY, asked)


def test_keys_do_not_share_answers(store: Store) -> None:
    """An answer stored for one key is missing for every other."""
    store.put({KEY: (1000, _pictures([1])), OTHER_KEY: (10, _pictures([2]))})
    both = [_sha256(1), _sha256(2)]
    assert ({_sha256(2)}, {_sha256(1)}) == (store.missing(KEY, both), store.missing(OTHER_KEY, both))
    assert (store.classes(KEY), store.classes(OTHER_KEY), store.classes("0" * 64)) == (1000, 10, None)


def test_answers_survive_closing(folder: Path) -> None:
    """What one process stored, a later one finds; git ignores it."""
    with closing(Store(folder)) as first:
        first.put({KEY: (1000, _pictures([1]))})
    with closing(Store(folder)) as second:
        assert dict(_pictures([1])) == second.answers(KEY, [_sha256(1)])
    assert (folder / ".gitignore").read_text() == "*\n"


def test_a_later_answer_replaces_the_earlier(store: Store) -> None:
    """The same picture stored again for the same key is one answer, the later."""
    store.put({KEY: (1000, [(_sha256(1), ANSWER)])})
    store.put({KEY: (1000, _pictures([1]))})
    assert dict(_pictures([1])) == store.answers(KEY, [_sha256(1)])
    assert store.verify() == 1


def test_a_batch_is_kept_whole_or_not_at_all(store: Store) -> None:
    """An exception in the middle of a batch leaves nothing of it, and the store goes on working."""
    with pytest.raises(ValueError, match="non-hexadecimal number"):
        store.put({KEY: (1000, _pictures(range(10))), OTHER_KEY: (10, [("no sha256", ANSWER)])})
    assert (store.classes(KEY), store.verify()) == (None, 0)
    store.put({KEY: (1000, _pictures([1]))})
    assert store.verify() == 1


def test_a_commit_that_fails_is_rolled_back(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch that cannot be committed because somebody reads is an error, and the next batch is kept."""
    monkeypatch.setattr(module, "BUSY_SECONDS", 0)
    with closing(Store(folder)) as store, closing(sqlite3.connect(folder / "predictions.sqlite3")) as reader:
        reader.execute("begin")
        reader.execute("select * from keys").fetchall()
        with pytest.raises(StoreError, match=r"predictions\.sqlite3 cannot be used: database is locked\. Delete"):
            store.put({KEY: (1000, _pictures([1]))})
        reader.rollback()
        store.put({KEY: (1000, _pictures([2]))})
        assert store.missing(KEY, [_sha256(1), _sha256(2)]) == {_sha256(1)}


def test_a_full_disk_is_told(store: Store) -> None:
    """A batch for which there is no room is an error that says so; what was there before is still there."""
    store.put({KEY: (1000, _pictures([1]))})
    store._connection.execute("pragma max_page_count = 30")
    with pytest.raises(StoreError, match=r"database or disk is full.* name another folder for the store"):
        store.put({KEY: (1000, _pictures(range(5000)))})
    assert store.verify() == 1


# Other processes.

WRITER = """
import itertools, sys
from pathlib import Path
from imgcls.store import Store
from test_store import KEY, _pictures

store = Store(Path(sys.argv[1]))
"""

ENDLESS = """
for batch in itertools.count():
    store.put({KEY: (1000, _pictures(range(100 * batch, 100 * batch + 100)))})
    if batch == 0:
        print("the first batch is in", flush=True)
"""

KILLED_HALFWAY = """
import os, signal

store.put({KEY: (1000, _pictures(range(100)))})

class Fatal:
    def __iter__(self):
        os.kill(os.getpid(), signal.SIGKILL)

store.put({KEY: (1000, _pictures(range(100, 30000))), "0" * 64: (10, Fatal())})
"""

TWENTY = """
print("ready", flush=True)
first = int(sys.stdin.readline())
for number in range(first, first + 100, 5):
    store.put({KEY: (1000, _pictures(range(number, number + 5)))})
"""

HOLDER = """
with store.lock("pass-photos"):
    print("held", flush=True)
    sys.stdin.read()
"""


def _start(text: str, folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER + text, str(folder)],
        cwd=Path(__file__).parent,
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
    """Half a batch that has already reached the file is taken back; the batch before it stays."""
    with _start(KILLED_HALFWAY, folder) as writer:
        assert _line(writer) == ""
    assert writer.returncode == -signal.SIGKILL
    assert (folder / "predictions.sqlite3-journal").exists()
    with closing(Store(folder)) as store:
        assert store.verify() == 100
        assert store.missing(KEY, [_sha256(number) for number in range(100)]) == set()


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
        assert dict(_pictures(range(200))) == store.answers(KEY, [_sha256(number) for number in range(200)])
        assert store.verify() == 200


def test_the_lock_of_a_killed_process_is_free(folder: Path) -> None:
    """A lock keeps everybody else out while its holder lives, and nobody once the holder is killed."""
    lock = FileLock(folder / "pass-photos.lock", timeout=0)
    with _start(HOLDER, folder) as holder:
        assert _line(holder) == "held\n"
        with pytest.raises(Timeout, match="could not be acquired"):
            lock.acquire()
        holder.kill()
    with lock:
        assert lock.is_locked


def test_locks_of_different_names_do_not_meet(store: Store) -> None:
    """Two data sets are locked apart, and a lock that was given back can be had again."""
    with store.lock("pass-photos"), store.lock("pass-digits"):
        pass
    with store.lock("pass-photos"):
        pass


def test_a_lock_that_cannot_be_had(store: Store, folder: Path) -> None:
    """Where the lock's file cannot be written, the error says what to do."""
    (folder / "pass-photos.lock").mkdir()
    with pytest.raises(StoreError, match=r"Is a directory.* name another folder"), store.lock("pass-photos"):
        pytest.fail("a folder was locked")


# What cannot be used.


def test_a_file_that_is_no_database(folder: Path) -> None:
    """Another program's file in the store's place is refused by name, and is left as it is."""
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
    """A folder below something that is no folder is refused with the way out."""
    (tmp_path / "home").write_text("a file")
    with pytest.raises(StoreError, match=r"Not a directory.* name another folder for the store, or switch it off"):
        Store(tmp_path / "home" / ".imgcls")


FIRST_SCRIPT_SHA256 = "4a7785075294f9de14f880ffe613a3de34d8c9ef632fe463d8f441e628ed2827"


def _first_version(folder: Path) -> None:
    """Write the file that the first version of imgcls would, with the answers for two pictures."""
    folder.mkdir(parents=True)
    with closing(sqlite3.connect(folder / "predictions.sqlite3")) as connection:
        connection.executescript(module.HISTORY[0])
        connection.execute("insert into keys values (1, ?, 1000, ?)", (KEY, int(time.time())))
        rows = [(1, bytes.fromhex(image), pack(answer)) for image, answer in _pictures([1, 2])]
        connection.executemany("insert into answers values (?, ?, ?)", rows)
        connection.execute("pragma user_version = 1")
        connection.commit()


def test_a_store_of_the_first_version_is_brought_up_to_date(folder: Path) -> None:
    """Its answers are found, and what is new works; the script that made it is still the same."""
    assert hashlib.sha256(module.HISTORY[0].encode()).hexdigest() == FIRST_SCRIPT_SHA256
    _first_version(folder)
    for _ in range(2):
        with closing(Store(folder)) as store:
            assert store._rows("pragma user_version") == [(VERSION,)]
            assert dict(_pictures([1, 2])) == store.answers(KEY, [_sha256(1), _sha256(2), _sha256(3)])
            store.put_hashed({STATE: _sha256(1)})
            assert store.hashed(STATE) == _sha256(1)


def test_an_older_and_a_new_store_have_one_schema(folder: Path) -> None:
    """What was brought up to date has the tables of what was made today."""
    _first_version(folder)
    with closing(Store(folder)) as old, closing(Store(None)) as new:
        schema = "select type, name, sql from sqlite_schema order by name"
        assert old._rows(schema) == new._rows(schema)


def test_a_store_that_cannot_be_brought_up_to_date_stays_as_it_is(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A script that fails half-way leaves the older file to the older version."""
    _first_version(folder)
    before = (folder / "predictions.sqlite3").read_bytes()
    monkeypatch.setattr(module, "HISTORY", (*module.HISTORY, "create table half (n);\ncreate table keys (n)"))
    monkeypatch.setattr(module, "VERSION", VERSION + 1)
    with pytest.raises(StoreError, match="table keys already exists"):
        Store(folder)
    assert (folder / "predictions.sqlite3").read_bytes() == before


@pytest.mark.parametrize("version", [VERSION + 1, VERSION + 2])
def test_a_newer_schema_is_refused(folder: Path, version: int) -> None:
    """A store of a newer version of imgcls is not touched, and the message says what to do."""
    with closing(Store(folder)) as store:
        store._connection.execute(f"pragma user_version = {version}")
    with pytest.raises(
        StoreError, match=rf"its schema is {version}, ours {VERSION}\): delete the file, or name another"
    ):
        Store(folder)


def test_changed_bytes_are_found(store: Store, folder: Path) -> None:
    """An answer with one bit turned is named by ``verify``, and asking for it is an error, not a wrong answer."""
    store.put({KEY: (1000, _pictures([1, 2]))})
    body = bytearray(pack(replace(ANSWER, logsumexp=2.0)))
    body[-10] ^= 1
    with closing(sqlite3.connect(folder / "predictions.sqlite3", isolation_level=None)) as other:
        other.execute("update answers set body = ? where hex(image) = ?", (bytes(body), _sha256(2).upper()))
    with pytest.raises(
        StoreError, match=rf"is damaged: the answer for picture {_sha256(2)}: .*checksum\. Delete the file"
    ):
        store.verify()
    with pytest.raises(StoreError, match=r"do not match their checksum.* Delete the file"):
        store.answers(KEY, [_sha256(1), _sha256(2)])
    assert dict(_pictures([1])) == store.answers(KEY, [_sha256(1)])


def test_a_destroyed_page_is_found(folder: Path) -> None:
    """A file of which some pages were overwritten is damaged, even where no answer can be read to say so."""
    with closing(Store(folder)) as store:
        store.put({KEY: (1000, _pictures(range(1000)))})
    with (folder / "predictions.sqlite3").open("r+b") as file:
        file.seek(-8 * 4096, 2)
        file.write(bytes(4 * 4096))
    with closing(Store(folder)) as store, pytest.raises(StoreError, match="Delete the file"):
        store.verify()


# Pictures that do not decode.


def test_undecodable_pictures_are_remembered(store: Store) -> None:
    """Why a picture gives no pixels is kept per decoder, and said of no other picture."""
    images = [_sha256(number) for number in range(2 * QUERIED)]
    for image in (images[0], images[-1]):
        store.put_undecodable("Pillow 13", image, "truncated", "it ends after 7 bytes")
    store.put_undecodable("Pillow 13", images[0], "corrupt", "no such marker")
    expected = {images[0]: ("corrupt", "no such marker"), images[-1]: ("truncated", "it ends after 7 bytes")}
    assert expected == store.undecodable("Pillow 13", images)
    assert store.undecodable("Pillow 14", images) == {}


# Files that were hashed.


@pytest.mark.parametrize(
    "other", [{"path": Path("/photos/cat/2.jpg")}, {"size": 8}, {"mtime_ns": STATE.mtime_ns + 1}, {"inode": 1}]
)
def test_a_file_is_known_by_all_of_its_state(store: Store, other: dict[str, Any]) -> None:
    """The hash is found for the very same path, size, time and inode, up to the largest, and for no other."""
    store.put_hashed({STATE: _sha256(1)})
    assert store.hashed(STATE) == _sha256(1)
    assert store.hashed(replace(STATE, **other)) is None


def test_of_a_path_the_last_state_is_kept(store: Store) -> None:
    """A file that was changed and hashed again is not taken for what it was before."""
    now = replace(STATE, mtime_ns=STATE.mtime_ns + 1)
    store.put_hashed({STATE: _sha256(1)})
    store.put_hashed({now: _sha256(2)})
    assert (store.hashed(STATE), store.hashed(now)) == (None, _sha256(2))


def test_paths_need_not_be_unicode(store: Store) -> None:
    """A name of any bytes is kept and found."""
    odd = replace(STATE, path=Path(os.fsdecode(b"/photos/cat/\xff.jpg")))
    store.put_hashed({odd: _sha256(1)})
    assert store.hashed(odd) == _sha256(1)


# What runs leave.


def test_outcomes_come_back_equal(store: Store) -> None:
    """An outcome with every field in use is the same after its way through the store, for its own run alone."""
    store.put_outcome("run", OUTCOME, [], [])
    assert store.outcome("run", "photos") == OUTCOME
    assert (store.outcome("run", "digits"), store.outcome("later", "photos")) == (None, None)


def test_listings_keep_their_order(store: Store) -> None:
    """The pictures of a run come back in order and in parts; the same bytes may be listed twice."""
    images = _images([*range(2 * QUERIED, 0, -1), 1])
    store.put_outcome("run", OUTCOME, images, [])
    parts = list(store.listing("run", "photos"))
    assert [len(part) for part in parts] == [QUERIED, QUERIED, 1]
    assert [(i.path, i.sha256, i.label) for i in images] == [row for part in parts for row in part]


def test_a_later_outcome_replaces_the_earlier(store: Store) -> None:
    """A run that scores a data set again leaves nothing of its first listing."""
    store.put_outcome("run", OUTCOME, _images(range(5)), [])
    again = replace(OUTCOME, complete=False)
    store.put_outcome("run", again, _images([7]), [])
    assert store.outcome("run", "photos") == again
    assert [[("cat/7.jpg", _sha256(7), "cat")]] == list(store.listing("run", "photos"))


def test_names_keep_their_order(store: Store) -> None:
    """The names behind class numbers come back in order, per list; an unknown list has none."""
    names = tuple(f"class {number}" for number in range(1000, 0, -1))
    long, short = LabelList("names.txt", names), LabelList("names.txt", ("Käse",))
    store.put_outcome("run", OUTCOME, [], [long, short, long])
    assert (names, ("Käse",), ()) == tuple(store.names(key) for key in (list_key(long), list_key(short), "unknown"))


def test_plans_add_up(store: Store) -> None:
    """What several workers of a run mean to score is one set, and no other run's."""
    store.plan("run", [("one", "photos"), ("two", "photos")])
    store.plan("run", [("two", "photos"), ("two", "digits")])
    assert store.planned("run") == {("one", "photos"), ("two", "photos"), ("two", "digits")}
    assert store.planned("later") == set()


def test_forgetting_a_run(store: Store) -> None:
    """A run's outcome, listing and plan go, and those of runs that died a week ago; the rest stays."""
    store.put({KEY: (1000, _pictures([1]))})
    for run in ("run", "dead", "other"):
        store.plan(run, [("one", "photos")])
        store.put_outcome(run, OUTCOME, _images([1]), [])
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


# Upkeep.


def test_pruning_drops_what_nobody_uses(store: Store) -> None:
    """Keys that no run has used for so long go with their answers; one that a run has just used stays."""
    old_key = "0" * 64
    store.put({key: (10, _pictures([1, 2])) for key in (KEY, OTHER_KEY, old_key)})
    store._connection.execute("update keys set used_at = used_at - ? where sha256 != ?", (40 * DAY_SECONDS, OTHER_KEY))
    store.put_outcome("run", OUTCOME, [], [])
    assert (store.prune(41), store.prune(30), store.prune(30)) == (0, 1, 0)
    assert (store.classes(KEY), store.classes(OTHER_KEY), store.classes(old_key)) == (10, 10, None)
    assert store.verify() == 4


def test_what_was_compiled_goes_when_nobody_uses_it(store: Store) -> None:
    """Folders of compiled networks are pruned by when they were used last, half written ones too."""
    assert store.artefacts is not None
    for name, days in (("old", 40), ("old.1234", 40), ("new", 1)):
        (store.artefacts / name).mkdir(parents=True)
        (store.artefacts / name / "openvino.xml").touch()
        then = time.time() - days * DAY_SECONDS
        os.utime(store.artefacts / name, (then, then))
    store.prune(30)
    assert [folder.name for folder in store.artefacts.iterdir()] == ["new"]


def test_a_store_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a folder everything works, nothing is written, and no other store sees it."""
    monkeypatch.chdir(tmp_path)
    with closing(Store(None)) as store, closing(Store(None)) as other:
        with store.lock("pass-photos"), other.lock("pass-photos"):
            store.put({KEY: (1000, _pictures([1]))})
        store.put_outcome("run", OUTCOME, _images([1]), [])
        assert (store.verify(), other.verify()) == (1, 0)
        assert (store.outcome("run", "photos"), other.outcome("run", "photos")) == (OUTCOME, None)
    assert list(tmp_path.iterdir()) == []
