"""Files without a suffix that are images all the same, which a listing of a folder ignores."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path, PurePath

from PIL import Image, UnidentifiedImageError

from imgcls.data import suffixes
from imgcls.messages import spelled
from imgcls.preprocessing import decode, formats

TRIED = 100  # docs/decisions.md#images-without-a-suffix


def sentence(folder: Path) -> str | None:
    """How many of the first files without a suffix below a folder are images, and what to do; None without any."""
    with decode.quiet_pillow():
        images = [file for file in islice(_files(folder), TRIED) if _is_image(file)]
    if not images:
        return None
    count = f"{len(images)} at least" if len(images) == TRIED else str(len(images))
    what = "file without a suffix is an image" if len(images) == 1 else "files without a suffix are images"
    step = "name them with their suffix, or list them in a manifest (path,label)"
    return f"{count} {what}, as {spelled(str(images[0]))}: {step}"


def _files(folder: Path) -> Iterator[Path]:
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not suffixes.is_hidden(PurePath(name)))
        yield from (
            Path(root, name) for name in sorted(names) if not PurePath(name).suffix and not name.startswith(".")
        )


def _is_image(file: Path) -> bool:
    try:
        with Image.open(file, formats=formats.names()):
            return True
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError, ValueError, SyntaxError):
        return False
