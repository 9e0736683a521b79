"""Where gathered images are from: what ``imgcls collect`` noted next to them."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from imgcls.collect import manifest
from imgcls.records.data import ImageRef
from imgcls.reporting.lab import marks
from imgcls.reporting.lab.contents import Contents

COLUMNS = ("image", "from", "licence", "gathered")


class Origin(NamedTuple):
    """The page of an image, or its own URL where no page is known; its licence, and when it was fetched."""

    where: str
    licence: str
    date: str


def read(images: Iterable[ImageRef]) -> Mapping[str, Origin]:
    """The origin of each image that a manifest in its folder states, by sha256, so that no other file has it."""
    folders = dict.fromkeys(image.place.parent for image in images if isinstance(image.place, Path))
    return {sha256: origin for folder in folders for sha256, origin in _of_folder(folder / manifest.FILE)}


def _of_folder(file: Path) -> Iterator[tuple[str, Origin]]:
    if not file.is_file():
        return
    with file.open(encoding="utf-8", errors="replace", newline="") as stream:
        try:
            rows = list(csv.DictReader(stream))
        except csv.Error:  # not what `imgcls collect` wrote
            return
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
