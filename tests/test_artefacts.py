"""A folder of what was compiled is whole, or it is not there."""

import os
import time
from pathlib import Path

import pytest

from imgcls.runtimes import artefacts


def _write(folder: Path) -> None:
    (folder / "network.xml").write_text("xml")
    (folder / "network.bin").write_bytes(bytes(1000))


def test_what_was_kept_is_whole(tmp_path: Path) -> None:
    """Nothing but the folder is left, and to use it is to keep it from being pruned."""
    folder = tmp_path / "compiled" / "key"
    assert not artefacts.whole(folder)
    artefacts.keep(folder, _write)
    assert [place.name for place in folder.parent.iterdir()] == ["key"]
    os.utime(folder, (1, 1))
    assert artefacts.whole(folder)
    assert folder.stat().st_mtime > time.time() - 3600


@pytest.mark.parametrize("damage", ["cut", "changed", "missing", "more", "unsealed"])
def test_what_is_damaged_is_not_whole(tmp_path: Path, damage: str) -> None:
    """Whatever became of it, it is written anew."""
    folder = tmp_path / "key"
    artefacts.keep(folder, _write)
    file = folder / "network.bin"
    if damage == "cut":
        os.truncate(file, 10)
    elif damage == "changed":
        file.write_bytes(bytes(999) + b"x")
    elif damage == "missing":
        file.unlink()
    elif damage == "more":
        (folder / "more").touch()
    else:
        (folder / artefacts.SEAL).unlink()
    assert not artefacts.whole(folder)
    artefacts.keep(folder, _write)
    assert artefacts.whole(folder)


def test_what_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    """A full disk costs time, and no answer."""

    def full(folder: Path) -> None:
        _write(folder)
        raise OSError(28, "No space left on device")

    artefacts.keep(tmp_path / "key", full)
    assert list(tmp_path.iterdir()) == []


def test_whoever_comes_second_leaves_the_first(tmp_path: Path) -> None:
    """Two processes that compile the same at once do not meet."""
    folder = tmp_path / "key"
    artefacts.keep(folder, _write)
    before = {place.name: place.stat().st_mtime_ns for place in folder.iterdir()}
    artefacts.keep(folder, _write)
    assert [place.name for place in tmp_path.iterdir()] == ["key"]
    assert {place.name: place.stat().st_mtime_ns for place in folder.iterdir()} == before
