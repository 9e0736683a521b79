"""Reads the table of a manifest: in which of its forms it is written, which columns are meant, and what a row states.

The forms: a delimited table with a header, lines of a path and a label with a space in between, and JSON lines.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from imgcls import messages
from imgcls.data import suffixes, text_files
from imgcls.errors import ConfigError

JSON_SUFFIXES: Final = (".jsonl", ".ndjson")
SUFFIXES: Final = (".csv", ".tsv", ".txt", *JSON_SUFFIXES)

DELIMITERS: Final = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a bar"}

_PATH_NAMES = "path file filename filepath image imagefile imagename imagepath img imgname imgpath"
_LABEL_NAMES = "label labelid labelname class classid classname target category categoryid categoryname"
ROLES: Final = {"path": frozenset(_PATH_NAMES.split()), "label": frozenset(_LABEL_NAMES.split())}
"""What the columns for path and label are called, without case, spaces, ``_`` and ``-``."""

GROUP: Final = "group"  # unless the configuration names another column

_SEVERAL_NUMBERS = re.compile(r"\S+(?:\s+\d+){2,}", re.ASCII)
"""A line such as ``Abyssinian_1 1 1 1`` of the Oxford pets, which does not state which number is the label."""


class Fault(NamedTuple):
    """What is wrong with a line of a manifest, lines counted from 1."""

    line: int
    why: str


class Row(NamedTuple):
    """What a manifest states of an image; ``columns``: in addition to path and label; ``group``: one of these."""

    line: int
    path: str
    label: str
    columns: Mapping[str, str]
    group: str | None = None


class ManifestTable(NamedTuple):
    """A manifest as it is written. ``notes``: what was guessed, a sentence each."""

    rows: Sequence[Row]
    faults: Sequence[Fault]
    notes: Sequence[str] = ()


class _Lines(NamedTuple):
    """A manifest before its columns are known: the fields of its lines by name, and the lines that have none."""

    header: Sequence[str]
    records: Sequence[tuple[int, Mapping[str, Any]]]
    faults: Sequence[Fault]
    notes: Sequence[str] = ()


def read(file: Path, columns: Mapping[str, str]) -> ManifestTable:
    """The rows of a manifest, and the faults of the lines that are none.

    ``columns``: the names of the columns for ``path``, ``label`` and ``group`` where they are given; others are
    guessed. Raises ConfigError for a file that cannot be read, and for columns that are missing or ambiguous.
    """
    text = text_files.read(file, "manifest")
    lines = _lines(file, text, columns)
    try:
        path, label = (_column(role, lines.header, columns) for role in ROLES)
        group = _group_column(lines.header, columns)
    except ConfigError as error:
        raise ConfigError(f"{file}: {error}") from error
    rows, faults = list[Row](), list(lines.faults)
    for line, record in lines.records:
        others = {name: _text(value) for name, value in record.items() if name not in {path, label}}
        of_group = others.get(group, "").strip() if group else None
        if why := _fault(record.get(path), record.get(label)) or _group_fault(group, of_group):
            faults.append(Fault(line, why))
        else:
            rows.append(Row(line, record[path], str(record[label]).strip(), others, of_group))
    return ManifestTable(rows, faults, [*_guessed(path, label, columns), *lines.notes])


def _lines(file: Path, text: str, columns: Mapping[str, str]) -> _Lines:
    suffix = file.suffix.lower()
    if suffix in JSON_SUFFIXES:
        return _json_lines(text)
    delimiter, fits = _delimiter(text, columns)
    if suffix == ".txt" and not fits:
        return _spaced_lines(file, text)
    if not fits:
        _require_header(file, _header(_reader(text, delimiter)), delimiter)
    is_usual = delimiter == ("\t" if suffix == ".tsv" else ",")
    notes = [] if is_usual else [f"its columns are separated by {DELIMITERS[delimiter]}"]
    return _delimited_lines(text, delimiter)._replace(notes=notes)


# Columns.


def _column(role: str, header: Sequence[str], columns: Mapping[str, str]) -> str:
    """The name of the column for a role: as given, as in a manifest of ours, or the only one that is called like it."""
    listed = messages.named([*map(repr, header)]) or "none"
    if role in columns:
        if columns[role] not in header:
            raise ConfigError(f"there is no column {columns[role]!r}{messages.nearest(columns[role], header)}")
        return columns[role]
    meant = [role] if role in header else [name for name in header if _plain(name) in ROLES[role]]
    if len(set(meant)) != 1:
        which = f"{' and '.join(map(repr, meant))} may both be the {role}" if meant else f"no column for the {role}"
        raise ConfigError(
            f"{which} among its columns {listed}: name the two in the dataset, as in "
            f"columns = {_example(header)}, or call them path and label"
        )
    if header.count(meant[0]) > 1:
        raise ConfigError(f"it has several columns {meant[0]!r} among {listed}: call the others something else")
    return meant[0]


def _group_column(header: Sequence[str], columns: Mapping[str, str]) -> str | None:
    """The name of the column for the group, as given or ``group``; None where there is none."""
    if GROUP in columns or header.count(GROUP) > 1:
        return _column(GROUP, header, columns)
    return GROUP if GROUP in header else None


def _group_fault(column: str | None, group: str | None) -> str | None:
    """What is wrong with the group of a line: an image without one would count as independent of all others."""
    why = f"expected a group in the column {column!r}, found none: give an image without one a name of its own"
    return why if column is not None and group in {"", "null"} else None


def _example(header: Sequence[str]) -> str:
    """The value of ``columns`` with the two columns that there are; with others where there are more."""
    others = [name for name in header if name != GROUP]
    path, label = others if len(others) == 2 else ("file", "class")
    if _plain(path) in ROLES["label"] or _plain(label) in ROLES["path"]:
        path, label = label, path
    return f"{{ path = {json.dumps(path, ensure_ascii=False)}, label = {json.dumps(label, ensure_ascii=False)} }}"


def _is_image(name: str) -> bool:
    return suffixes.has_image_suffix(name)


def is_called_like(name: str, role: str) -> bool:
    """Whether a column of this name may be the one for a role."""
    return _plain(name) in ROLES[role]


def _plain(name: str) -> str:
    return name.casefold().replace("_", "").replace("-", "").replace(" ", "")


def _guessed(path: str, label: str, columns: Mapping[str, str]) -> list[str]:
    """A note where a column is called neither as in a manifest of ours nor as the configuration states."""
    given = {"path": "path", "label": "label", **columns}
    if (given["path"], given["label"]) == (path, label):
        return []
    return [f"its column {path!r} is taken for the path, and {label!r} for the label"]


def _fault(path: Any, label: Any) -> str | None:
    """What is wrong with the fields of a line."""
    if not isinstance(path, str) or not isinstance(label, str | int) or isinstance(label, bool):
        return f"expected a path and a label, a text or a whole number, found {path!r} and {label!r}"
    if not path.strip() or not str(label).strip() or "\0" in path:
        return f"expected a path and a label, found {path!r} and {label!r}"
    if not (_is_unicode(path) and _is_unicode(str(label))):
        return f"not Unicode: {path!r} and {label!r}"
    return None


def _is_unicode(text: str) -> bool:
    """Whether it has no half of a surrogate pair, as JSON may."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


# Forms.


def _delimiter(text: str, columns: Mapping[str, str]) -> tuple[str, bool]:
    """The delimiter with which the header has a path and a label, or the most columns; and which of the two it is."""
    headers = {delimiter: _header(_reader(text, delimiter)) for delimiter in DELIMITERS}
    for delimiter, header in headers.items():
        try:
            _ = [_column(role, header, columns) for role in ROLES]
        except ConfigError:
            continue
        return delimiter, True
    return max(headers, key=lambda delimiter: len(headers[delimiter])), False


def _reader(text: str, delimiter: str) -> Any:
    return csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True, skipinitialspace=True)


def _header(reader: Iterator[list[str]]) -> list[str]:
    """The first line that is not empty."""
    try:
        return [name.strip() for name in next((fields for fields in reader if fields), [])]
    except csv.Error:
        return []


def _require_header(file: Path, header: Sequence[str], delimiter: str) -> None:
    """Raise ConfigError where the first line is already an image."""
    names = ["path" if _is_image(name) else "label" for name in header]
    if "path" in names:
        line = repr(delimiter.join(names)) if sorted(names) == ["label", "path"] else "with the names of its columns"
        raise ConfigError(
            f"{file}: it begins with an image, {', '.join(map(repr, header))}, and has no header: "
            f"write the line {line} above it"
        )


def _delimited_lines(text: str, delimiter: str) -> _Lines:
    """Lines after a header; a field that holds the delimiter, a quote or a line break is quoted."""
    reader = _reader(text, delimiter)
    header = _header(reader)
    records, faults = list[tuple[int, Mapping[str, Any]]](), list[Fault]()
    while True:
        try:
            fields = next(reader)
        except StopIteration:
            return _Lines(header, records, faults)
        except csv.Error as error:
            faults.append(Fault(reader.line_num, f"not CSV: {error}"))
            continue
        if len(fields) == len(header):
            records.append((reader.line_num, dict(zip(header, fields, strict=True))))
        elif fields:
            expected = f"expected the {len(header)} fields {', '.join(header)}, found {len(fields)}"
            faults.append(Fault(reader.line_num, f"{expected}; quote a field that holds {DELIMITERS[delimiter]}"))


def _spaced_lines(file: Path, text: str) -> _Lines:
    """Lines of a path and a label, as ``val.txt`` of ImageNet has them; there is no header."""
    lines = [(number, line.strip()) for number, line in enumerate(io.StringIO(text), 1) if line.strip()]
    if lines and all(line.isdigit() for _, line in lines):
        raise ConfigError(
            f"{file}: it has a number per line and no path: set `path` to the folder of the images that it numbers, "
            "and the message states how to write their manifest"
        )
    records, faults = list[tuple[int, Mapping[str, Any]]](), list[Fault]()
    for number, line in lines:
        if _SEVERAL_NUMBERS.fullmatch(line):
            raise ConfigError(
                f"{file}, line {number}: several numbers follow the path in {line!r}, and nothing states which is the "
                "label: write a .csv with the columns path and label"
            )
        if split := _split(line):
            records.append((number, {"path": split[0], "label": split[1]}))
        else:
            faults.append(Fault(number, f"expected a path and a label with a space in between, found {line!r}"))
    return _Lines(("path", "label"), records, faults)


def _split(line: str) -> list[str] | None:
    """Path and label: at a tab, else after the first name of an image, else before the last word."""
    if "\t" in line:
        return line.rsplit("\t", 1)
    words = line.split(" ")
    for count in range(1, len(words)):
        path = " ".join(words[:count])
        if _is_image(path):
            return [path, " ".join(words[count:])]
    return line.rsplit(None, 1) if len(words) > 1 else None


def _json_lines(text: str) -> _Lines:
    """A JSON object per line."""
    header = dict[str, None]()
    records, faults = list[tuple[int, Mapping[str, Any]]](), list[Fault]()
    for number, line in enumerate(io.StringIO(text), 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            faults.append(Fault(number, f"not JSON: {messages.one_line(error)}"))
            continue
        if isinstance(record, dict):
            header.update(dict.fromkeys(record))
            records.append((number, record))
        else:
            faults.append(Fault(number, f"expected an object, found {type(record).__name__}"))
    return _Lines(list(header), records, faults)
