"""Where gathered images are from: what ``imgcls collect`` noted next to them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from imgcls.collect import manifest
from imgcls.data import text_files
from imgcls.errors import ConfigError
from imgcls.records.data import ImageRef
from imgcls.reporting.lab import marks
from imgcls.reporting.lab.contents import Contents

_WAY = "restore it, or name it otherwise"

COLUMNS = ("image", "from", "licence", "gathered")


class Origin(NamedTuple):
    """The page of an image, or its own URL where no page is known; its licence, and when it was fetched."""

    where: str
    licence: str
    date: str


def read(images: Iterable[ImageRef]) -> tuple[Mapping[str, Origin], Sequence[str]]:
    """The origin of each image that a manifest in its folder states, by sha256, so that no other file has it.

    And a note for each manifest that cannot be read.
    """
    origins: dict[str, Origin] = {}
    notes: list[str] = []
    folders = dict.fromkeys(image.place.parent for image in images if isinstance(image.place, Path))
    for file in (folder / manifest.FILE for folder in folders):
        try:
            origins |= dict(_of(file))
        except ConfigError as error:
            notes.append(f"where the images of a folder are from is left out: {error}")
    return origins, notes


def _of(file: Path) -> Iterator[tuple[str, Origin]]:
    """Raises ConfigError."""
    if not file.is_file():
        return
    rows = csv.DictReader(io.StringIO(text_files.read(file, "manifest"), newline=""))
    try:
        yield from _rows(rows)
    except csv.Error as error:
        raise ConfigError(f"{file} cannot be read as CSV: {error}: {_WAY}") from error
    if "sha256" not in (rows.fieldnames or ()):
        raise ConfigError(f"{file} was not written by imgcls collect, it has no column sha256: {_WAY}")


def _rows(rows: csv.DictReader[str]) -> Iterator[tuple[str, Origin]]:
    for row in rows:
        if row.get("sha256") and not row.get("reason"):
            where = row.get("page") or row.get("url") or ""
            yield row["sha256"], Origin(where, row.get("licence") or "", row.get("date") or "")


def blocks(contents: Contents) -> Iterator[str]:
    """A row for each gathered image; a licence that is not known is a dash."""
    paths = {prediction.path: prediction.image_sha256 for prediction in contents.predictions}
    gathered = ((path, contents.origins[sha256]) for path, sha256 in paths.items() if sha256 in contents.origins)
    rows = [(path, marks.page(where), licence or "-", date or "-") for path, (where, licence, date) in gathered]
    if rows:
        yield "As `imgcls collect` noted it. Whoever passes an image on has to know its licence.\n"
        yield marks.table(COLUMNS, COLUMNS, rows)
