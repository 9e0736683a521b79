"""What compiling leaves for the next process: a folder of files that is whole, or is not there."""

import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from imgcls import digest

SEAL = "sha256.json"


def whole(folder: Path) -> bool:
    """Whether everything is there as it was written; what is used is not pruned, and what is damaged goes."""
    if not folder.exists():
        return False
    if not _is_sealed(folder):
        remove(folder)
        return False
    with suppress(OSError):
        os.utime(folder)
    return True


def remove(folder: Path) -> None:
    """Make room for a better one."""
    shutil.rmtree(folder, ignore_errors=True)


def keep(folder: Path, write: Callable[[Path], None]) -> None:
    """Let ``write`` fill a folder beside it, and rename that; where this is not to be had, nothing is left of it."""
    beside = folder.with_name(f"{folder.name}.{os.getpid()}")
    try:
        beside.mkdir(parents=True, exist_ok=True)
        write(beside)
        (beside / SEAL).write_text(_seal(beside), encoding="ascii")
        beside.rename(folder)
    except Exception:  # noqa: BLE001 - a full disk, or a faster process: it costs time, and no answer
        shutil.rmtree(beside, ignore_errors=True)


def _is_sealed(folder: Path) -> bool:
    try:
        return (folder / SEAL).read_text(encoding="ascii") == _seal(folder)
    except OSError:
        return False


def _seal(folder: Path) -> str:
    files = sorted(file for file in folder.iterdir() if file.name != SEAL)
    return digest.of_json({file.name: digest.file_sha256(file) for file in files})
