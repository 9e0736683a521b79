"""imgcls.records.blocks: rows beyond a few are in a file, and come back as they were, in order or sorted."""

import errno
import gc
import io
import os
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imgcls.errors import MachineError
from imgcls.records import blocks
from imgcls.records.blocks import Blocks

VALUES = st.none() | st.text(max_size=5) | st.binary(max_size=5) | st.integers()
ROWS = st.lists(st.tuples(st.integers(0, 9), VALUES, st.dictionaries(st.text(max_size=3), VALUES, max_size=2)))


@pytest.fixture(scope="module", autouse=True)
def _small() -> Iterator[None]:
    """Three rows are read together, a few are in memory, and seven are sorted at once."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"BLOCK": 3, "IN_MEMORY": 150, "RUN": 7}.items():
            patch.setattr(blocks, name, value)
        yield


@settings(max_examples=40)
@given(ROWS, st.integers(0, 50), st.integers(0, 50))
def test_rows_are_those_of_a_list(rows: list[Any], start: int, stop: int) -> None:
    """All of them, however often, some by their positions, and a part."""
    stored = Blocks(iter(rows))
    assert (len(stored), list(stored), list(stored)) == (len(rows), rows, rows)
    positions = range(len(rows))[start % 3 :: 2]
    assert list(stored.at(positions)) == [rows[position] for position in positions]
    assert list(stored.at(reversed(positions))) == [rows[position] for position in reversed(positions)]
    assert list(stored.part(start, max(start, stop))) == rows[start : max(start, stop)]


@settings(max_examples=40)
@given(ROWS)
def test_sorted_rows_are_those_of_sorted(rows: list[Any]) -> None:
    """Rows of the same key stay in their order, however many runs there are."""
    assert list(blocks.in_order(iter(rows), lambda row: row[0])) == sorted(rows, key=lambda row: row[0])


def test_texts_that_are_not_unicode_stay() -> None:
    """As names of files on Linux are."""
    assert list(Blocks(["caf\udce9"])) == ["caf\udce9"]


def test_few_rows_need_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """And many need one, which has no name and is closed with the object."""
    files = list[IO[bytes]]()
    really = blocks._temporary_file

    def noted() -> IO[bytes]:
        files.append(really())
        return files[-1]

    monkeypatch.setattr(blocks, "_temporary_file", noted)
    assert (len(Blocks(range(3))), files) == (3, [])
    stored = Blocks(range(1000))
    assert (len(files), files[0].closed) == (1, False)
    del stored
    gc.collect()
    assert files[0].closed


def test_threads_read_their_own_blocks() -> None:
    """Whatever others read at the same time."""
    stored, wrong = Blocks(range(600)), list[int]()

    def read(positions: range) -> None:
        wrong.extend(position for position in positions if next(stored.at([position])) != position)

    threads = [threading.Thread(target=read, args=(range(600)[:: 1 if n % 2 else -1],)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_full_disk_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """One line with the folder, and how to name another."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)

    def full(**_: object) -> IO[bytes]:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    with pytest.raises(MachineError) as error:
        Blocks(range(1000))
    assert str(error.value) == (
        f"{tmp_path}: no room for the list of images: No space left on device; free some, or set TMPDIR to a folder on "
        "a disk that has room"
    )


def test_a_disk_that_fills_while_it_is_written_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the file could be made."""

    class Full(io.RawIOBase):
        def writable(self) -> bool:
            return True

        def write(self, _: object) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(blocks, "_temporary_file", Full)
    with pytest.raises(MachineError, match="no room for the list of images: No space left on device"):
        Blocks(range(1000))


def test_the_file_is_on_a_disk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """In the folder for large files, unless the environment names another one."""
    for name in ("TMPDIR", "TEMP", "TMP"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(blocks, "_DISK", tmp_path)
    assert blocks.folder() == tmp_path
    monkeypatch.setattr(blocks, "_DISK", tmp_path / "none")
    assert blocks.folder() == Path(tempfile.gettempdir())
    other = tmp_path / "other"
    other.mkdir()
    monkeypatch.setattr(blocks, "_DISK", tmp_path)
    monkeypatch.setenv("TMPDIR", str(other))
    monkeypatch.setattr(tempfile, "tempdir", None)
    assert blocks.folder() == other
