"""The examples that come with the package: in the wheel, and next to the source in a checkout."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path, PurePosixPath

from imgcls import documents

ABOUT: Mapping[str, str] = {
    "digits": "three small networks on handwritten digits; nothing is downloaded",
    "imagenet": "three networks with ImageNet weights on six photographs",
    "pretrained": "seven published networks for your own photographs",
    "labs": "four comparisons of models, each a report to hand in",
    "ci": "workflows for GitHub and GitLab",
}
"""What each of them is."""

GENERATED = ("__pycache__", ".imgcls", ".pytest_cache", "photos", "weights")
"""Folders that running an example leaves in it."""


@dataclass(frozen=True, slots=True)
class Copied:
    """``written``: the new files; ``existing``: those that were there before, with another content."""

    written: tuple[Path, ...]
    existing: tuple[Path, ...]


def folder() -> Traversable:
    """The folder ``examples``, with everything in it."""
    installed = resources.files("imgcls") / "examples"
    return installed if installed.is_dir() else Path(__file__).parents[3] / "examples"


def copy(target: Path) -> Copied:
    """Copy every example into a folder; a file that is there stays as it is. Raises OSError."""
    written, existing = [], []
    for path, file in _files(folder(), PurePosixPath()):
        content, copied = file.read_bytes(), target / path
        if not os.path.lexists(copied):
            copied.parent.mkdir(parents=True, exist_ok=True)
            with documents.whole(copied) as stream:
                stream.write(content)
            written.append(copied)
        elif not copied.is_file() or copied.read_bytes() != content:
            existing.append(copied)
    return Copied(tuple(written), tuple(existing))


def _files(within: Traversable, path: PurePosixPath) -> Iterator[tuple[PurePosixPath, Traversable]]:
    for entry in sorted(within.iterdir(), key=lambda entry: entry.name):
        if entry.is_file():
            yield path / entry.name, entry
        elif entry.name not in GENERATED:
            yield from _files(entry, path / entry.name)
