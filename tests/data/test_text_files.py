"""imgcls.data.text_files: text is UTF-8, and the line that is not is named."""

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
