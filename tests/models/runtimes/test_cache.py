"""imgcls.models.runtimes.cache: a folder of what was compiled is complete, or does not exist."""

import os
import time
from pathlib import Path

import pytest

from imgcls.models.runtimes import cache


def _write(folder: Path) -> None:
    (folder / "network.xml").write_text("xml")
    (folder / "network.bin").write_bytes(bytes(1000))


def test_what_was_stored_is_complete(tmp_path: Path) -> None:
    """Nothing but the folder is left, and each use makes it newer, so that it is not pruned."""
    folder = tmp_path / "compiled" / "key"
    assert not cache.is_complete(folder)
    cache.store(folder, _write)
    assert [place.name for place in folder.parent.iterdir()] == ["key"]
    os.utime(folder, (1, 1))
    assert cache.is_complete(folder)
    assert folder.stat().st_mtime > time.time() - 3600


@pytest.mark.parametrize("damage", ["cut", "changed", "missing", "more", "unsealed"])
def test_a_damaged_folder_is_not_complete(tmp_path: Path, damage: str) -> None:
    """Whatever the damage, it is written again."""
    folder = tmp_path / "key"
    cache.store(folder, _write)
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
        (folder / cache.SEAL).unlink()
    assert not cache.is_complete(folder)
    cache.store(folder, _write)
    assert cache.is_complete(folder)


def test_what_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    """A full disk costs time, and no prediction."""

    def full(folder: Path) -> None:
        _write(folder)
        raise OSError(28, "No space left on device")

    cache.store(tmp_path / "key", full)
    assert list(tmp_path.iterdir()) == []


def test_a_second_process_keeps_the_first_ones_folder(tmp_path: Path) -> None:
    """Two processes that compile the same at once do not disturb each other."""
    folder = tmp_path / "key"
    cache.store(folder, _write)
    before = {place.name: place.stat().st_mtime_ns for place in folder.iterdir()}
    cache.store(folder, _write)
    assert [place.name for place in tmp_path.iterdir()] == ["key"]
    assert {place.name: place.stat().st_mtime_ns for place in folder.iterdir()} == before
