"""Where files go: caches, the store, the folder for temporary files, and shared memory."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from imgcls.doctor.findings import Evidence, Finding, home
from imgcls.store.schema import HOME

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - not a file of ours

# docs/decisions.md#limits-of-the-doctor
FULL_BYTES = 100_000_000
LITTLE_BYTES = 2_000_000_000
SHARED_BYTES = 256_000_000
WALK_S = 1.0


class Cache(NamedTuple):
    """A folder that grows, and the variable that names another one."""

    name: str
    folder: Path
    variable: str


def places(environ: Mapping[str, str], user: Path, folder: Path) -> tuple[Cache, ...]:
    """Where torch, Hugging Face and imgcls keep files, by the rules of each."""
    from imgcls.data import digits

    def given(name: str, default: Path) -> Path:
        value = environ.get(name) or str(default)
        return Path(str(user) + value[1:] if value == "~" or value.startswith("~/") else value)

    shared = given("XDG_CACHE_HOME", user / ".cache")
    hub = given("HF_HOME", shared / "huggingface") / "hub"
    return (
        Cache("torch hub", given("TORCH_HOME", shared / "torch") / "hub", "TORCH_HOME"),
        Cache("Hugging Face", given("HF_HUB_CACHE", hub), "HF_HUB_CACHE"),
        Cache("imgcls", digits.cache(environ), "IMGCLS_CACHE"),
        Cache("store", folder / HOME, "--store"),
    )


def caches(evidence: Evidence) -> Iterator[Finding]:
    """The size of each cache, whether it can be written, and the room on its disk."""
    for cache in places(evidence.environ, home(), evidence.folder):
        other = "--store DIR" if cache.variable.startswith("-") else f"export {cache.variable}=/path/to/another/folder"
        size = _spelled_size(cache.folder) if cache.folder.is_dir() else "not there yet"
        text = f"{cache.name}: {cache.folder}, {size}"
        yield _writable(cache.folder, text, other)


def temporary(evidence: Evidence) -> Iterator[Finding]:  # noqa: ARG001 - as every check
    """The folder for temporary files, and shared memory."""
    try:
        folder = Path(tempfile.gettempdir())
    except OSError as error:
        yield Finding("broken", f"no folder for temporary files: {error.strerror}", "export TMPDIR=/path/to/a/folder")
    else:
        yield _writable(folder, f"temporary files: {folder}", "export TMPDIR=/path/to/another/folder")
    if SHARED_MEMORY.is_dir():
        yield _shared_memory()


def _shared_memory() -> Finding:
    total = shutil.disk_usage(SHARED_MEMORY).total
    text = f"shared memory: {SHARED_MEMORY}, {total / 1e6:,.0f} MB"
    if total < SHARED_BYTES:
        return Finding("warning", f"{text}: workers that load images may die", "docker run --shm-size=1g")
    return Finding("ok", text)


def _writable(folder: Path, text: str, other: str) -> Finding:
    """Whether files can be made in a folder, or the folder itself: tried with one, which is gone again."""
    place = next(place for place in (folder, *folder.parents) if os.path.exists(place))  # noqa: PTH110 - as below
    try:
        if not place.is_dir():
            raise NotADirectoryError(20, f"{place} is not a folder", str(place))
        with tempfile.TemporaryFile(dir=place) as file:
            file.write(b"imgcls")
    except OSError as error:
        return Finding("broken", f"{text}: cannot be written ({error.strerror})", other)
    free = shutil.disk_usage(place).free
    if free < FULL_BYTES:
        return Finding("broken", f"{text}: the disk is full ({free / 1e6:.0f} MB free)", f"make room, or {other}")
    if free < LITTLE_BYTES:
        return Finding("warning", f"{text}: {free / 1e6:,.0f} MB free on its disk", f"make room, or {other}")
    return Finding("ok", f"{text}; {free / 1e9:,.0f} GB free")


def _spelled_size(folder: Path) -> str:
    """The size of what lies in a folder, as far as that is counted in a short time."""
    size, is_whole = size_of(folder)
    return f"{'' if is_whole else 'more than '}{size / 1e6:,.0f} MB"


def size_of(folder: Path, limit_s: float = WALK_S) -> tuple[int, bool]:
    """The bytes of the files in a folder, and whether these are all; links count as little as they take."""
    total, deadline = 0, time.monotonic() + limit_s
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(parent, name)).st_size  # noqa: PTH118 - many files
            except OSError:  # gone since
                continue
        if time.monotonic() > deadline:
            return total, False
    return total, True
