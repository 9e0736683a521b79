"""imgcls.lfs: what Git LFS did not fetch is recognised by its bytes, and the message has the command."""

from pathlib import Path

import pytest

from builders import LFS_POINTER
from imgcls import lfs


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (LFS_POINTER, True),
        (LFS_POINTER.replace(b"oid", b"ext-0-foo sha256:00\noid"), True),
        (b"", False),
        (b"version https://git-lfs.github.com/spec/v2\n", False),
        (b"# " + LFS_POINTER, False),
        (LFS_POINTER.ljust(1024), False),
    ],
)
def test_a_pointer_is_recognised_by_its_bytes(tmp_path: Path, data: bytes, expected: bool) -> None:
    """By its first line, and by its size: it is shorter than 1024 bytes, as its specification states."""
    (tmp_path / "file").write_bytes(data)
    assert lfs.is_pointer(data) is expected
    assert lfs.is_pointer_file(tmp_path / "file") is expected


def test_what_cannot_be_read_is_no_pointer(tmp_path: Path) -> None:
    """Whoever reads it has the reason."""
    assert not lfs.is_pointer_file(tmp_path)
    assert not lfs.is_pointer_file(tmp_path / "nothing")


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("models/net.pth", "git lfs pull --include models/net.pth"),
        ("my models/net.pth", "git lfs pull --include 'my models/net.pth'"),
        ("models/net[1].pth", "git lfs pull"),
        ("a,b/net.pth", "git lfs pull"),
    ],
)
def test_the_command_fetches_the_file(tmp_path: Path, name: str, command: str) -> None:
    """By its place in the repository, where that is not a pattern of several."""
    (tmp_path / ".git").mkdir()
    file = tmp_path / name
    assert lfs.refusal(file, "weights file") == (
        f"{file}: a Git LFS pointer, not the weights file itself: fetch it with `{command}`"
    )


def test_without_a_repository_the_command_fetches_everything(tmp_path: Path) -> None:
    """Where the file is in it is not known."""
    assert lfs.refusal(tmp_path / "net.pth", "weights file").endswith("`git lfs pull`")
