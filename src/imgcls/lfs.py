"""Files that Git LFS left as pointers to files that were not fetched: recognised, and how to fetch them."""

from __future__ import annotations

import shlex
from pathlib import Path

_FIRST_LINE = b"version https://git-lfs.github.com/spec/v1\n"
_MOST_BYTES = 1024
"""A pointer is shorter (https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md)."""

IMAGE = "a Git LFS pointer, not the image itself: fetch it with `git lfs pull`"
"""What to say of the bytes of an image, which may lie in many places."""

_PATTERNS = frozenset("*?[],\\")


def is_pointer(data: bytes) -> bool:
    """Whether a file of these bytes is a pointer; of a long file its first kilobyte will do."""
    return data.startswith(_FIRST_LINE) and len(data) < _MOST_BYTES


def is_pointer_file(file: Path) -> bool:
    """Whether this file is a pointer; one that cannot be read is none."""
    try:
        with file.open("rb") as stream:
            return is_pointer(stream.read(_MOST_BYTES))
    except OSError:
        return False


def refusal(file: Path, what: str) -> str:
    """The message for a file that is a pointer; ``what`` it should be."""
    return f"{file}: a Git LFS pointer, not the {what} itself: fetch it with `{_command(file)}`"


def _command(file: Path) -> str:
    """What fetches one file, or everything where its place in the repository is not known or would be a pattern."""
    path = file.absolute()
    root = next((folder for folder in path.parents if (folder / ".git").exists()), None)
    place = path.relative_to(root).as_posix() if root else ""
    if not place or _PATTERNS.intersection(place):
        return "git lfs pull"
    return f"git lfs pull --include {shlex.quote(place)}"
