"""Downloads of one file by several processes: one fetches it, into a part next to its place, the others wait for it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from filelock import FileLock

from imgcls.models.weights import transfer, transfer_progress
from imgcls.models.weights.transfer import Expected, Transferred

FOLDER = ".imgcls-parts"


def fetched(
    url: str,
    expected: Expected,
    folder: Path,
    place: Path | Callable[[Transferred], Path],
    headers: Mapping[str, str] | None = None,
    *,
    quiet: bool = False,
) -> Path:
    """Fetch a file below ``folder``; it gets its name, which may depend on its hash, when it is whole and right.

    ``quiet``: no progress is shown.

    Raises what :func:`transfer.fetch` raises; then what was received stays for the next attempt.
    """
    part = folder / FOLDER / f"{hashlib.sha256(url.encode()).hexdigest()[:16]}.part"
    lock = part.with_suffix(".lock")
    with _alone(lock):
        if not isinstance(place, Path):
            final = _put(url, expected, part, place, headers, quiet=quiet)
        elif place.is_file():  # another process was faster
            final = place
        else:
            final = _put(url, expected, part, lambda _: place, headers, quiet=quiet)
        lock.unlink(missing_ok=True)
    with suppress(OSError):  # another file is being fetched
        part.parent.rmdir()
    return final


def _put(
    url: str,
    expected: Expected,
    part: Path,
    place: Callable[[Transferred], Path],
    headers: Mapping[str, str] | None,
    *,
    quiet: bool,
) -> Path:
    name = PurePosixPath(urlsplit(url).path).name
    with nullcontext(_ignore) if quiet else transfer_progress.shown(name) as report:
        final = place(transfer.fetch(url, part, expected, report, headers))
    final.parent.mkdir(parents=True, exist_ok=True)
    part.replace(final)
    return final


def _ignore(_done: int, _total: int | None) -> None:
    pass


def _alone(lock: Path) -> AbstractContextManager[object]:
    """A context in which no other process fetches the same file."""
    while True:
        try:
            lock.parent.mkdir(parents=True, exist_ok=True)
            return FileLock(lock).acquire()
        except (FileExistsError, FileNotFoundError):  # another process was done, and removed the folder
            if os.path.lexists(lock.parent) and not lock.parent.is_dir():
                raise
