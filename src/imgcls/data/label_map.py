"""Reads map files, which list the classes that are right for a folder."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from imgcls.data import text_files
from imgcls.errors import ConfigError

Key = Literal["wnid", "name", "index"]

LabelMap = Mapping[str, Sequence[tuple[Key, str]]]
"""Folder -> the ids that are right for it, as ``(column, value)`` of the map file."""

KEYS = frozenset({"wnid", "name", "index"})


def read(file: Path) -> dict[str, list[tuple[Any, str]]]:
    """The ids by folder of a ``.csv`` with the columns ``folder`` and ``wnid``, ``name`` or ``index``.

    Columns are separated by commas, semicolons or tabs, as spreadsheets write them. Other columns are for people.
    Folders are as they are written, with their blanks. Raises ConfigError, which names the line.
    """
    ids: dict[str, list[tuple[Any, str]]] = {}
    try:
        for folder, kind, value in _rows(file, text_files.read(file, "map file")):
            ids.setdefault(folder, []).append((kind, value))
    except csv.Error as error:
        raise ConfigError(f"{file}: the map file cannot be read: {error}") from error
    return ids


def _rows(file: Path, text: str) -> Iterator[tuple[str, str, str]]:
    delimiter = max(",;\t", key=text.partition("\n")[0].count)
    rows = csv.DictReader(io.StringIO(text, newline=""), strict=True, delimiter=delimiter)
    columns = list(rows.fieldnames or ())
    kinds = KEYS.intersection(columns)
    if "folder" not in columns or len(kinds) != 1:
        raise ConfigError(
            f"{file}: expected the columns folder and one of wnid, name, index, found {', '.join(columns) or 'none'}"
        )
    [kind] = kinds
    for row in rows:
        folder, value = row["folder"] or "", (row[kind] or "").strip()
        if None in row:
            raise ConfigError(
                f"{file}, line {rows.line_num}: more fields than columns; quote a name with a {delimiter!r}"
            )
        if not folder.strip() or not value:
            raise ConfigError(f"{file}, line {rows.line_num}: folder or {kind} is empty")
        yield folder, kind, value
