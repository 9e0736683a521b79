"""imgcls.documents: files and folders are whole or absent, and there is one message for each that is not."""

import errno
import hashlib
import json
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from builders import LFS_POINTER
from imgcls import documents
from imgcls.errors import ConfigError


@dataclass(frozen=True)
class Figure:
    """A document of the tests."""

    value: int


def _read(file: Path) -> Figure:
    return documents.read(file, Figure, "figure", whose="a figure of ours", way="figure --json")


def test_what_is_written_is_read(tmp_path: Path) -> None:
    """JSON is indented and ends with its seal and a line break; unknown keys are left to others."""
    documents.write(tmp_path / "f.json", {"value": 3, "more": "ü"})
    content, _, seal = (tmp_path / "f.json").read_text(encoding="utf-8").partition(',\n "seal": "sha256:')
    assert content == '{\n "value": 3,\n "more": "ü"'
    assert seal == hashlib.sha256(content.encode()).hexdigest() + '"\n}\n'
    assert _read(tmp_path / "f.json") == Figure(3)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (None, "there is no figure of this name; make one with figure --json"),
        (b"{", "not a figure of ours: "),
        (b'{"value": "three"}', "not a figure of ours: Expected `int`, got `str`"),
        (b'{"value": "\xff"}', "not a figure of ours: "),
        (b"[" * 100_000, "not a figure of ours: "),
        (LFS_POINTER, "a Git LFS pointer, not the figure itself: fetch it with `git lfs pull`"),
    ],
)
def test_what_is_not_a_document_is_refused(tmp_path: Path, data: bytes | None, expected: str) -> None:
    """The message names the file."""
    file = tmp_path / "f.json"
    if data is not None:
        file.write_bytes(data)
    with pytest.raises(ConfigError) as refused:
        _read(file)
    assert str(refused.value).startswith(f"{file}: {expected}")


def _sealed(file: Path, value: int) -> bytes:
    with file.open("wb") as stream:
        document = documents.Sealed(stream)
        document.write(b'{"value":%d,\n"about":"seals"' % value)
        document.end()
    return file.read_bytes()


def test_every_flipped_bit_is_found(tmp_path: Path) -> None:
    """Or it changes nothing that is read, as in the name of the seal itself."""
    file = tmp_path / "f.json"
    data = _sealed(file, 300)
    assert _read(file) == Figure(300)
    silent = []
    for bit in range(8 * len(data)):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        file.write_bytes(damaged)
        with suppress(ConfigError):
            assert _read(file) == Figure(300)
            silent.append(bit // 8)
    assert {data[at : at + 1] for at in silent} <= {bytes([letter]) for letter in b"seal"}


@pytest.mark.parametrize(
    "edit",
    [
        lambda text: text.replace("300", "301"),
        lambda text: json.dumps(json.loads(text), indent=2),
        lambda text: json.dumps(dict(reversed(json.loads(text).items()))),
    ],
)
def test_a_document_that_was_edited_says_so_in_one_line(tmp_path: Path, edit: Callable[[str], str]) -> None:
    """What was formatted anew is not what was sealed; the way to read it is to vouch for it."""
    file = tmp_path / "f.json"
    edited = edit(_sealed(file, 300).decode())
    file.write_text(edited)
    with pytest.raises(ConfigError) as refused:
        _read(file)
    assert str(refused.value) == (
        f"{file}: its seal does not match: it was damaged, edited or formatted after it was written; write it again "
        'with figure --json, or delete its key "seal" to vouch for it yourself'
    )
    file.write_text(json.dumps({key: value for key, value in json.loads(edited).items() if key != "seal"}))
    assert _read(file).value in {300, 301}


def test_other_line_breaks_are_the_same_document(tmp_path: Path) -> None:
    """Git writes those of the system where it is told to."""
    file = tmp_path / "f.json"
    file.write_bytes(_sealed(file, 300).replace(b"\n", b"\r\n"))
    assert _read(file) == Figure(300)


def test_a_class_may_be_called_seal(tmp_path: Path) -> None:
    """A key of this name elsewhere is of somebody else."""
    file = tmp_path / "f.json"
    file.write_text('{"value": 3, "classes": {"seal": {"scored": 3}, "eared seal": 1}, "animal": "seal"}')
    assert _read(file) == Figure(3)


def test_a_folder_is_not_a_document(tmp_path: Path) -> None:
    """The message has the words of the system."""
    with pytest.raises(ConfigError, match="the figure cannot be read: Is a directory"):
        _read(tmp_path)


def test_a_failure_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    """After a failure half way the old document is there, and nothing else."""
    file = tmp_path / "f.json"
    file.write_text("before")

    def half_way() -> None:
        with documents.whole(file) as stream:
            stream.write(b"half")
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        half_way()
    assert file.read_text() == "before"
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("code", [errno.EFBIG, errno.ENOSPC, errno.EDQUOT, errno.EIO])
def test_an_error_of_the_system_names_the_file(tmp_path: Path, code: int) -> None:
    """Also where the system itself names none; where it is full, room is the next step."""
    file = tmp_path / "f.json"
    with pytest.raises(OSError, match=r"f\.json") as failed, documents.whole(file):
        raise OSError(code, os.strerror(code))
    assert failed.value.filename == str(file)
    text = documents.failure(failed.value)
    assert text.startswith(f"[Errno {code}] {os.strerror(code)}: '{file}'")
    assert text.endswith("; make room, or name a file where there is some") == (code != errno.EIO)


def test_an_error_about_another_file_keeps_its_name(tmp_path: Path) -> None:
    """The half-written file is called as the whole one will be."""
    with pytest.raises(FileNotFoundError, match="other"), documents.whole(tmp_path / "f.json"):
        (tmp_path / "other").read_bytes()
    with pytest.raises(FileNotFoundError) as failed, documents.whole(tmp_path / "none" / "f.json"):
        pass
    assert failed.value.filename == str(tmp_path / "none" / "f.json")


def test_what_the_system_does_not_name_is_said() -> None:
    """As the standard output has no name."""
    error = OSError(errno.EFBIG, "File too large")
    assert documents.failure(error) == (
        "[Errno 27] File too large: standard output, or a file that the system does not name; make room, or name a "
        "file where there is some"
    )


def test_a_new_file_has_the_suffix_of_the_one_that_it_replaces(tmp_path: Path) -> None:
    """A writer that looks at suffixes sees the right one; only the file is left."""
    file = tmp_path / "trace.json.gz"
    with documents.whole_file(file) as half:
        assert half.parent == tmp_path
        assert half.name.endswith(".trace.json.gz")
        half.write_text("whole")
        assert not file.exists()
    assert file.read_text() == "whole"
    assert list(tmp_path.iterdir()) == [file]


def test_a_folder_is_whole_or_absent(tmp_path: Path) -> None:
    """It has its name when everything is written; after a failure half way nothing is left."""
    folder = tmp_path / "new" / "folder"

    def half_way() -> None:
        with documents.whole_folder(folder) as half:
            (half / "a").touch()
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        half_way()
    assert list(folder.parent.iterdir()) == []
    with documents.whole_folder(folder) as half:
        (half / "a").touch()
        assert not folder.exists()
    assert [path.name for path in folder.parent.rglob("*")] == ["folder", "a"]


def test_the_folder_of_a_faster_process_stays(tmp_path: Path) -> None:
    """The second one is removed, and that is not an error."""
    with documents.whole_folder(tmp_path / "folder") as half:
        (tmp_path / "folder").mkdir()
        (tmp_path / "folder" / "theirs").touch()
        (half / "ours").touch()
    assert [path.name for path in tmp_path.rglob("*")] == ["folder", "theirs"]


def test_half_written_files_of_killed_processes_are_known(tmp_path: Path) -> None:
    """Only those of the very same file, whatever characters its name has."""
    file = tmp_path / "best[1].pt"
    with documents.whole_file(file) as half:
        half.write_text("half")
        for other in ("best[1].pt", ".0123abcd.last.pt", ".mine.best[1].pt", ".0123abcd.best1.pt"):
            (tmp_path / other).touch()
        assert documents.halves(file) == [half]


def test_what_cannot_be_written_is_refused_before_the_work(tmp_path: Path) -> None:
    """A folder, and a file in a folder that does not exist."""
    documents.check_writable(tmp_path / "f.json")
    for file in (tmp_path, tmp_path / "nowhere" / "f.json"):
        with pytest.raises(ConfigError, match="cannot be written: name a file in a folder that exists"):
            documents.check_writable(file)


def test_a_hyphen_is_standard_output(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """All of it at the end, or nothing where writing it failed."""
    documents.check_writable(Path("-"))
    documents.write_text(Path("-"), "ä\n")
    with suppress(ZeroDivisionError), documents.whole(Path("-")) as stream:
        stream.write(b"half")
        raise ZeroDivisionError
    assert capfdbinary.readouterr().out == "ä\n".encode()
