"""The files of a lock as they are on this machine."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from imgcls import hashing
from imgcls.models.weights import caches
from imgcls.records.weights import LockedFile

Fault = Literal["missing", "size", "hash"]


@dataclass(frozen=True, slots=True)
class FileState:
    """Where a locked file is, and what is wrong with it.

    ``where``: a folder that is carried with the lock, a library's cache, the user's own file, or not here.
    """

    entry: LockedFile
    path: Path | None
    where: Literal["folder", "cache", "own file", "not here"]
    fault: Fault | None = None
    detail: str = ""


def located(entry: LockedFile) -> FileState:
    """Where loading would take a file from; its bytes are not read."""
    if entry.path and entry.path.is_file():
        return FileState(entry, entry.path, "folder" if entry.is_published else "own file")
    cached = caches.find(entry.as_published()) if entry.is_published else None
    if cached:
        return FileState(entry, cached, "cache")
    places = [entry.path, caches.place(entry.as_published()) if entry.is_published else None]
    names = " nor at ".join(str(place) for place in places if place)
    return FileState(entry, None, "not here", "missing", f"is missing: it is not at {names}")


def checked(entry: LockedFile) -> FileState:
    """The same with its size and its hash compared. Raises OSError where the file cannot be read."""
    state = located(entry)
    if state.path is None:
        return state
    size = state.path.stat().st_size
    if size != entry.size:
        detail = f"at {state.path} has {size} bytes, and the lock lists {entry.size}"
        return replace(state, fault="size", detail=detail)
    sha256 = hashing.file_sha256(state.path)
    if sha256 != entry.sha256:
        detail = f"at {state.path} has the sha256 {sha256[:16]}…, and the lock lists {entry.sha256[:16]}…"
        return replace(state, fault="hash", detail=detail)
    return state
