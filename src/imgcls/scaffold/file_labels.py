"""Labels of images that lie in one folder: in a table that no manifest is, or in the names of the files."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Final, NamedTuple

from imgcls import messages
from imgcls.data import manifest_forms, manifest_table, text_files
from imgcls.errors import ConfigError

ROWS_TRIED = 100  # docs/decisions.md#where-paths-of-a-manifest-begin

EACH: Final = 2  # docs/decisions.md#classes-in-the-names-of-files
"""Images that a class has at least, on average, if no model knows its name."""

OF_CAMERAS: Final = frozenset(
    "bild download dsc dscf dscn foto frame gopr image images img imgs mvi photo photos pic picture pxl sample scan "  # noqa: SIM905
    "screenshot snap test train untitled val wp".split()
)
"""First words of names that devices and programs give."""

_PATTERNS: Final = {
    re.compile(r"(?:.*[^A-Za-z0-9])?(?P<label>n\d{8})(?!\d).*"): "the WordNet ids in the names of the files",
    re.compile(r"(?P<label>.*[^\W\d_])[\W\d_]*\d[\W\d_]*"): "what the names of the files have in front of a number",
}
"""How names of files may state a class, and how that is called."""


class FileLabels(NamedTuple):
    """``labels``: of each image, by the name of its file. ``origin``: where they are from, in words."""

    labels: Mapping[str, str]
    origin: str


def of_names(files: Sequence[str], is_known: Callable[[str], bool]) -> FileLabels | None:
    """The WordNet id in the name of each file, or what stands in front of its number; None where that is not a class.

    ``is_known``: whether a model has a class of a name.
    """
    for pattern, origin in _PATTERNS.items():
        matches = {name: pattern.fullmatch(PurePosixPath(name).stem) for name in files}
        labels = {name: match["label"] for name, match in matches.items() if match}
        if len(labels) == len(files) and _are_classes(list(labels.values()), is_known):
            return FileLabels(labels, origin)
    return None


def _are_classes(labels: Sequence[str], is_known: Callable[[str], bool]) -> bool:
    classes = set(labels)
    if len(classes) < 2 or any(map(_is_of_cameras, classes)):
        return False
    return len(labels) >= EACH * len(classes) or all(map(is_known, classes))


def _is_of_cameras(label: str) -> bool:
    return re.split(r"[\W\d_]", label.casefold())[0] in OF_CAMERAS


def of_table(file: Path, files: Iterable[str]) -> FileLabels | None:
    """The labels that a table has for these files; None where it names none of them.

    Its first line may be its header. Raises ConfigError where nothing states which of its columns is the label.
    """
    rows, known = _rows(file), _by_spelling(files)
    path = _path_column(rows, known)
    if path is None:
        return None
    header = None if _name(rows[0][path]) in known else rows[0]
    body = [row for row in rows[1 if header else 0 :] if _name(row[path]) in known]
    label = _label_column(header or [""] * len(rows[0]), body, path)
    if label is not None:
        column = f"the column {header[label]!r}" if header else f"column {label + 1}"
        return FileLabels({known[_name(row[path])]: row[label].strip() for row in body}, f"{column} of {file}")
    if header and (classes := _class_columns(header, body, path)):
        labels = {known[_name(row[path])]: header[_marked(row, classes)] for row in body}
        return FileLabels(labels, f"the columns of {file} that hold 1, and 0 in all others")
    columns = messages.named([repr(name) for name in header]) if header else f"{len(rows[0])}, and no header"
    raise ConfigError(
        f"{file} names the images, and nothing states which of its columns is the label ({columns}): write a "
        "labels.csv with the columns path and label, and run imgcls init --data labels.csv"
    )


def _rows(file: Path) -> list[list[str]]:
    """The lines of a table that have as many fields as the first one."""
    try:
        text = text_files.read(file, "table")
    except ConfigError:
        return []
    readings = [_read(text, delimiter) for delimiter in manifest_forms.DELIMITERS]
    rows = max(readings, key=lambda rows: len(rows[0]) if rows else 0)
    if rows and len(rows[0]) == 1:
        rows = _read(text, " ")
    return [row for row in rows if len(row) == len(rows[0]) > 1]


def _read(text: str, delimiter: str) -> list[list[str]]:
    try:
        return [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if row]
    except csv.Error:
        return []


def _by_spelling(files: Iterable[str]) -> dict[str, str]:
    """The names of the files, by themselves and by their stems."""
    names = list(files)
    return {PurePosixPath(name).stem: name for name in names} | {name: name for name in names}


def _name(path: str) -> str:
    return path.strip().replace("\\", "/").rpartition("/")[2]


def _path_column(rows: Sequence[Sequence[str]], known: Mapping[str, str]) -> int | None:
    """The column that names most files of these; None where none names any."""
    if not rows:
        return None
    tried = rows[: ROWS_TRIED + 1]
    counts = [sum(_name(row[column]) in known for row in tried) for column in range(len(rows[0]))]
    return counts.index(max(counts)) if any(counts) else None


def _label_column(header: Sequence[str], body: Sequence[Sequence[str]], path: int) -> int | None:
    """The column that is called like a label, the only other one, or the only one of words."""
    others = [column for column in range(len(header)) if column != path]
    called = [column for column in others if manifest_table.is_called_like(header[column], "label")]
    words = [column for column in others if not any(_is_number(row[column]) for row in body)]
    return next((columns[0] for columns in (called, others, words) if len(columns) == 1), None)


def _is_number(text: str) -> bool:
    return re.fullmatch(r"\s*[-+]?[\d.]+(e[-+]?\d+)?\s*", text, re.IGNORECASE) is not None


def _class_columns(header: Sequence[str], body: Sequence[Sequence[str]], path: int) -> list[int] | None:
    """The columns of the classes, where each row has 1 in one of them and 0 in all others."""
    others = [column for column in range(len(header)) if column != path]
    is_marked = all(sorted({row[c].strip() for c in others}) == ["0", "1"] and _ones(row, others) == 1 for row in body)
    return others if len(others) > 1 and is_marked else None


def _ones(row: Sequence[str], columns: Iterable[int]) -> int:
    return sum(row[column].strip() == "1" for column in columns)


def _marked(row: Sequence[str], columns: Iterable[int]) -> int:
    return next(column for column in columns if row[column].strip() == "1")
