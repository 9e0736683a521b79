"""New files, all of them or none."""

import errno
from pathlib import Path
from typing import Any

import pytest

from imgcls.errors import ConfigError, MachineError
from imgcls.scaffold import files

TEXTS = {"a.toml": "a", ".ci/flows/b.yml": "ö", "c.csv": "c"}


def _below(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_new_files_are_written_with_their_folders(tmp_path: Path) -> None:
    """As UTF-8, whatever the system prefers."""
    files.write(tmp_path, TEXTS)
    assert (tmp_path / "a.toml").read_bytes() == b"a"
    assert (tmp_path / ".ci/flows/b.yml").read_bytes() == "ö".encode()


def test_nothing_is_written_where_one_exists(tmp_path: Path) -> None:
    """All that exist are named, links into nowhere too."""
    (tmp_path / "c.csv").symlink_to("nowhere")
    (tmp_path / "a.toml").write_text("mine")
    with pytest.raises(ConfigError, match=r"^a.toml, c.csv exist and are left as they are, and nothing was written"):
        files.write(tmp_path, TEXTS)
    assert _below(tmp_path) == ["a.toml", "c.csv"]
    assert (tmp_path / "a.toml").read_text() == "mine"


@pytest.mark.parametrize("failing", ["b.yml", "c.csv"])
def test_what_was_written_is_removed_where_the_rest_cannot_be(
    failing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the folders that were made for it, and in one line; what was there stays."""
    (tmp_path / ".ci").mkdir()
    opened = Path.open

    def full(file: Path, *arguments: Any) -> Any:
        if file.name == failing:
            raise OSError(errno.ENOSPC, "No space left on device", str(file))
        return opened(file, *arguments)

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(MachineError, match=r"^this folder takes no files, and nothing was written \(.*No space left"):
        files.write(tmp_path, TEXTS)
    assert _below(tmp_path) == [".ci"]


def test_a_file_that_appears_meanwhile_is_not_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever was faster keeps it."""
    monkeypatch.setattr(files, "require_new", lambda *_: (tmp_path / "c.csv").write_text("theirs"))
    with pytest.raises(MachineError, match="File exists"):
        files.write(tmp_path, TEXTS)
    assert _below(tmp_path) == ["c.csv"]
    assert (tmp_path / "c.csv").read_text() == "theirs"


def test_a_folder_that_is_read_only_is_refused_before_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In one line, with what works there."""
    files.require_writable(tmp_path)
    monkeypatch.setattr("os.access", lambda *_: False)
    with pytest.raises(
        MachineError, match=r"Permission denied\): run imgcls init in one that does, or copy what it .*"
    ):
        files.require_writable(tmp_path)
