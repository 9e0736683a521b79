"""``collected.csv``: where each image of a folder is from, and why other URLs gave none."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass, fields, replace
from pathlib import Path

from imgcls import documents
from imgcls.collect.refusal import TRANSIENT
from imgcls.data import text_files
from imgcls.errors import ConfigError, MachineError
from imgcls.messages import printable

FILE = "collected.csv"

HASH_LETTERS = 16
"""Of the sha256 of an image, as the name of its file."""

_OWN_NAME = re.compile(rf"[0-9a-f]{{{HASH_LETTERS}}}\.[a-z]+")
_HALF = re.compile(rf"\.[0-9a-f]{{8}}\.{_OWN_NAME.pattern}")


@dataclass(frozen=True, slots=True)
class Source:
    """A URL of an image, the page that has it, and the licence, each empty where that is not known."""

    url: str
    page: str = ""
    licence: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """A URL that was tried. ``file`` and ``sha256``: of its image; ``reason`` and ``detail``: why there is none.

    ``date``: when it was fetched, in UTC.
    """

    file: str
    url: str
    page: str
    date: str
    licence: str
    sha256: str
    reason: str = ""
    detail: str = ""


COLUMNS = tuple(field.name for field in fields(Row))


class Manifest:
    """The rows of a folder's manifest, by URL; every new one is on the disk before the next is added.

    Without any there is no file, and no folder either unless it was there.
    """

    def __init__(self, folder: Path) -> None:
        """Read what is there, without what is worth another try. Raises ConfigError."""
        self.folder, self.file = folder, folder / FILE
        self._bytes, self._is_rewritten = self._size(), False
        rows = [_as_on_disk(folder, row) for row in _read(self.file)]
        self.rows = {row.url: row for row in rows if row.reason not in TRANSIENT}

    def add(self, row: Row) -> None:
        """Raises OSError, and MachineError where another process wrote into the manifest."""
        if self._size() != self._bytes:
            raise MachineError(
                f"{self.file} was changed by somebody else during this run: wait until another imgcls collect of this "
                "folder has ended, then run this one again"
            )
        self.rows[row.url] = row
        if self._is_rewritten:
            with self.file.open("ab", buffering=0) as stream:
                stream.write(_text(astuple(row)).encode())
        else:
            self.folder.mkdir(parents=True, exist_ok=True)
            documents.write_text(self.file, _text(COLUMNS, *map(astuple, self.rows.values())))
        self._bytes, self._is_rewritten = self._size(), True

    def with_images(self) -> list[Row]:
        """The rows whose images are in the folder."""
        return [row for row in self.rows.values() if not row.reason]

    def orphans(self, names: Iterable[str]) -> set[str]:
        """Those of the names of files that an image of a collection may have, and no row has."""
        return set(filter(_OWN_NAME.fullmatch, names)) - {row.file for row in self.rows.values()}

    def _size(self) -> int:
        """In bytes, 0 where there is no file."""
        return self.file.stat().st_size if self.file.exists() else 0


def file_name(sha256: str, suffix: str) -> str:
    """What the file of an image is called."""
    return sha256[:HASH_LETTERS] + suffix


def is_half(name: str) -> bool:
    """Whether a file is one that a killed process left half-written."""
    return _HALF.fullmatch(name) is not None


def sources(file: Path) -> tuple[Source, ...]:
    """The URLs of a list, each once: a line each, or a CSV with a column ``url``, as a manifest is. Raises ConfigError.

    Of a manifest only the images that were kept; of a CSV also the columns ``page`` and ``licence``.
    """
    text = text_files.read(file, "list of URLs")
    if file.suffix.lower() == ".csv":
        listed = list(_of_table(file, text))
    else:
        lines = (line.strip() for line in text.splitlines())
        listed = [Source(line) for line in lines if line and not line.startswith("#")]
    if not listed:
        raise ConfigError(f"{file}: it has no URL: write one per line")
    return tuple({source.url: source for source in listed}.values())


def _of_table(file: Path, text: str) -> Iterator[Source]:
    header, *rows = _cells(file, text, "write one URL per line in a .txt") or [[]]
    if "url" not in header:
        raise ConfigError(
            f"{file}: it has no column url: name it in the first line, or write one URL per line in a .txt"
        )
    for row in (dict(zip(header, cells, strict=False)) for cells in rows):
        if row.get("url") and not row.get("reason"):
            yield Source(row["url"].strip(), row.get("page") or "", row.get("licence") or "")


def _read(file: Path) -> Iterator[Row]:
    """The complete rows of a manifest, none where there is none yet."""
    if not file.exists():
        return
    rows = iter(_cells(file, text_files.read(file, "manifest"), "move it, or name another folder with --out"))
    if tuple(next(rows, ())) != COLUMNS:
        raise ConfigError(
            f"{file} was not written by imgcls collect, whose columns are {','.join(COLUMNS)}: move it, or name "
            "another folder with --out"
        )
    for cells in rows:
        if len(cells) == len(COLUMNS):  # else the process was killed while it wrote this one
            yield Row(*cells)


def _cells(file: Path, text: str, instead: str) -> list[list[str]]:
    """The rows of a table. Raises ConfigError, which states what to do instead."""
    try:
        return list(csv.reader(io.StringIO(text, newline="")))
    except csv.Error as error:
        raise ConfigError(f"{file} cannot be read as CSV: {error}: {instead}") from error


def _as_on_disk(folder: Path, row: Row) -> Row:
    if row.reason or (folder / row.file).is_file():
        return row
    return replace(row, reason="deleted", detail=f"{row.file} is not there any more")


def _text(*rows: tuple[str, ...]) -> str:
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerows([*map(printable, row)] for row in rows)
    return written.getvalue()
