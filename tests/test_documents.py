"""imgcls.documents: files and folders are whole or absent, and there is one message for each that is not."""

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
    """JSON is indented and ends with a line break; unknown keys are left to others."""
    documents.write(tmp_path / "f.json", {"value": 3, "more": "ü"})
    assert (tmp_path / "f.json").read_text(encoding="utf-8") == '{\n "value": 3,\n "more": "ü"\n}\n'
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
