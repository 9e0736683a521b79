"""imgcls.data.text_files: text is UTF-8, and the line that is not is named."""

import os
import threading
from pathlib import Path

import pytest

from builders import LFS_POINTER
from imgcls.data import text_files
from imgcls.errors import ConfigError, LabelError


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_byte_order_mark_is_no_text(tmp_path: Path, encoding: str) -> None:
    """Spreadsheets write one."""
    (tmp_path / "a.txt").write_text("Käse\n", encoding=encoding)
    assert text_files.read(tmp_path / "a.txt", "list") == "Käse\n"


@pytest.mark.parametrize(
    ("text", "encoding", "byte"), [("red\nKäse\n", "cp1252", "0xe4"), ("red\n고양이\n", "cp949", "0xb0")]
)
def test_other_encodings_are_named_by_their_line(tmp_path: Path, text: str, encoding: str, byte: str) -> None:
    """What Windows writes in Europe and in Korea is refused with the line and what to do."""
    file = tmp_path / "a.txt"
    file.write_text(text, encoding=encoding)
    with pytest.raises(LabelError, match=rf"a\.txt, line 2: the list is not UTF-8 \(byte {byte}\): save it as UTF-8$"):
        text_files.read(file, "list", LabelError)


def test_the_byte_is_named_after_a_byte_order_mark(tmp_path: Path) -> None:
    """The mark moves neither the line nor the byte that is named."""
    (tmp_path / "a.txt").write_bytes("\ufeffred\n".encode() + b"\xe4\n")
    with pytest.raises(ConfigError, match=r"a\.txt, line 2: the list is not UTF-8 \(byte 0xe4\): save it as UTF-8$"):
        text_files.read(tmp_path / "a.txt", "list")


def test_lines_are_those_of_the_text(tmp_path: Path) -> None:
    """They end at line feeds only, as often as they are read, without the byte order mark."""
    (tmp_path / "a.txt").write_bytes("\ufeffred\r\nK\u2028ä\rse\n\nlast".encode())
    lines = text_files.lines(tmp_path / "a.txt", "list")
    for _ in range(2):
        assert list(lines) == ["red\r\n", "K\u2028ä\rse\n", "\n", "last"]
    assert text_files.read(tmp_path / "a.txt", "list") == "".join(lines)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with a name here")
def test_a_pipe_is_read_once(tmp_path: Path) -> None:
    """What a program writes can be read as a file, and its lines as often as needed."""
    pipe = tmp_path / "a.txt"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_text, args=("red\nblue\n",))
    writer.start()
    lines = text_files.lines(pipe, "list")
    writer.join()
    assert [list(lines), list(lines)] == [["red\n", "blue\n"]] * 2


@pytest.mark.parametrize("encoding", ["utf-16"])
def test_utf_16_is_recognised(tmp_path: Path, encoding: str) -> None:
    """Its byte order mark says what it is."""
    (tmp_path / "a.txt").write_text("cat\n", encoding=encoding)
    with pytest.raises(ConfigError, match=r"a\.txt: the list is UTF-16: save it as UTF-8$"):
        text_files.read(tmp_path / "a.txt", "list")


def test_an_absent_file_is_refused(tmp_path: Path) -> None:
    """By its name and the system's reason."""
    with pytest.raises(ConfigError, match=r"a\.txt: the list cannot be read: No such file or directory$"):
        text_files.read(tmp_path / "a.txt", "list")


def test_a_list_that_git_lfs_did_not_fetch_is_named(tmp_path: Path) -> None:
    """With what fetches it."""
    (tmp_path / "a.txt").write_bytes(LFS_POINTER)
    with pytest.raises(LabelError, match=r"a\.txt: a Git LFS pointer, not the list itself: .*`git lfs pull`$"):
        text_files.read(tmp_path / "a.txt", "list", LabelError)
