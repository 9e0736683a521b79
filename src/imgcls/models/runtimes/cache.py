"""What compiling leaves for the next process: a folder of files that is complete, or does not exist."""

import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from imgcls import documents, hashing

SEAL = "sha256.json"


def is_complete(folder: Path) -> bool:
    """Whether all files are as they were written. A folder in use becomes newer; a damaged one is removed."""
    if not folder.exists():
        return False
    if not _is_sealed(folder):
        remove(folder)
        return False
    with suppress(OSError):
        os.utime(folder)
    return True


def remove(folder: Path) -> None:
    """Make room for another attempt."""
    shutil.rmtree(folder, ignore_errors=True)


def store(folder: Path, write: Callable[[Path], None]) -> None:
    """Let ``write`` fill a folder next to it, and rename that; after a failure nothing of it is left."""
    with suppress(Exception), documents.whole_folder(folder) as half:  # a full disk costs time, and no prediction
        write(half)
        (half / SEAL).write_text(_seal(half), encoding="ascii")


def _is_sealed(folder: Path) -> bool:
    try:
        return (folder / SEAL).read_text(encoding="ascii") == _seal(folder)
    except OSError:
        return False


def _seal(folder: Path) -> str:
    files = sorted(file for file in folder.iterdir() if file.name != SEAL)
    return hashing.of_json({file.name: hashing.file_sha256(file) for file in files})
