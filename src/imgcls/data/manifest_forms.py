"""The forms in which a manifest is written, each read line by line, as often as needed.

They are a delimited table with a header, lines of a path and a label with a space in between, and JSON lines.
"""

from __future__ import annotations

import csv
import functools
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from imgcls import messages
from imgcls.data import suffixes
from imgcls.errors import ConfigError

JSON_SUFFIXES: Final = (".jsonl", ".ndjson")

DELIMITERS: Final = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a bar"}

_SEVERAL_NUMBERS = re.compile(r"\S+(?:\s+\d+){2,}", re.ASCII)
"""A line such as ``Abyssinian_1 1 1 1`` of the Oxford pets, which does not state which number is the label."""


class Fault(NamedTuple):
    """What is wrong with a line of a manifest, lines counted from 1."""

    line: int
    why: str


class Record(NamedTuple):
    """The fields of a line by the names of their columns."""

    line: int
    fields: Mapping[str, Any]


class Form(NamedTuple):
    """A manifest before it is known which columns are meant. ``header``: the names of all.

    ``read`` begins anew with each call: a record for each line, or what keeps it from being one. ``notes``: what was
    guessed.
    """

    header: Sequence[str]
    read: Callable[[], Iterator[Record | Fault]]
    notes: Sequence[str] = ()


def of(file: Path, lines: Iterable[str], fits: Callable[[Sequence[str]], bool]) -> Form:
    r"""The form of a manifest, by its suffix and its first line. ``lines``: to be iterated several times, with ``\n``.

    ``fits``: whether a header has the columns that are needed. Raises ConfigError for a table without a header, and
    for lines that do not state what is the path or the label.
    """
    suffix = file.suffix.lower()
    if suffix in JSON_SUFFIXES:
        return Form(_json_header(lines), functools.partial(_json_records, lines))
    headers = {delimiter: _header(_reader(lines, delimiter)) for delimiter in DELIMITERS}
    delimiter = next((delimiter for delimiter, header in headers.items() if fits(header)), None)
    if delimiter is None:
        if suffix == ".txt":
            _require_path_and_label(file, lines)
            return Form(("path", "label"), functools.partial(_spaced_records, lines))
        delimiter = max(headers, key=lambda delimiter: len(headers[delimiter]))
        _require_header(file, headers[delimiter], delimiter)
    is_usual = delimiter == ("\t" if suffix == ".tsv" else ",")
    notes = [] if is_usual else [f"its columns are separated by {DELIMITERS[delimiter]}"]
    return Form(headers[delimiter], functools.partial(_delimited_records, lines, delimiter), notes)


# Delimited tables.


def _reader(lines: Iterable[str], delimiter: str) -> Any:
    each_line = (part for line in lines for part in (io.StringIO(line, newline="") if "\r" in line else (line,)))
    return csv.reader(each_line, delimiter=delimiter, strict=True, skipinitialspace=True)


def _header(reader: Iterator[list[str]]) -> list[str]:
    """The first line that is not empty."""
    try:
        return [name.strip() for name in next((fields for fields in reader if fields), [])]
    except csv.Error:
        return []


def _require_header(file: Path, header: Sequence[str], delimiter: str) -> None:
    """Raise ConfigError where the first line is already an image."""
    names = ["path" if suffixes.has_image_suffix(name) else "label" for name in header]
    if "path" in names:
        line = repr(delimiter.join(names)) if sorted(names) == ["label", "path"] else "with the names of its columns"
        raise ConfigError(
            f"{file}: it begins with an image, {', '.join(map(repr, header))}, and has no header: "
            f"write the line {line} above it"
        )


def _delimited_records(lines: Iterable[str], delimiter: str) -> Iterator[Record | Fault]:
    """Lines after a header; a field that holds the delimiter, a quote or a line break is quoted."""
    reader = _reader(lines, delimiter)
    header = _header(reader)
    while True:
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Fault(reader.line_num, f"not CSV: {error}")
            continue
        if len(fields) == len(header):
            yield Record(reader.line_num, dict(zip(header, fields, strict=True)))
        elif fields:
            expected = f"expected the {len(header)} fields {', '.join(header)}, found {len(fields)}"
            yield Fault(reader.line_num, f"{expected}; quote a field that holds {DELIMITERS[delimiter]}")


# Lines of a path and a label, as ``val.txt`` of ImageNet has them; there is no header.


def _require_path_and_label(file: Path, lines: Iterable[str]) -> None:
    """Raise ConfigError where all lines are numbers, or several numbers follow a path."""
    are_numbers = set[bool]()
    for number, line in _stripped(lines):
        are_numbers.add(line.isdigit())
        if _SEVERAL_NUMBERS.fullmatch(line):
            raise ConfigError(
                f"{file}, line {number}: several numbers follow the path in {line!r}, and nothing states which is the "
                "label: write a .csv with the columns path and label"
            )
    if are_numbers == {True}:
        raise ConfigError(
            f"{file}: it has a number per line and no path: set `path` to the folder of the images that it numbers, "
            "and the message states how to write their manifest"
        )


def _spaced_records(lines: Iterable[str]) -> Iterator[Record | Fault]:
    for number, line in _stripped(lines):
        if split := _split(line):
            yield Record(number, {"path": split[0], "label": split[1]})
        else:
            yield Fault(number, f"expected a path and a label with a space in between, found {line!r}")


def _stripped(lines: Iterable[str]) -> Iterator[tuple[int, str]]:
    """The lines that are not empty, with their numbers."""
    return ((number, line.strip()) for number, line in enumerate(lines, 1) if line.strip())


def _split(line: str) -> list[str] | None:
    """Path and label: at a tab, else after the first name of an image, else before the last word."""
    if "\t" in line:
        return line.rsplit("\t", 1)
    words = line.split(" ")
    for count in range(1, len(words)):
        path = " ".join(words[:count])
        if suffixes.has_image_suffix(path):
            return [path, " ".join(words[count:])]
    return line.rsplit(None, 1) if len(words) > 1 else None


# JSON lines.


def _json_header(lines: Iterable[str]) -> list[str]:
    """The keys of all objects, as they come."""
    header = dict[str, None]()
    for record in _json_records(lines):
        if isinstance(record, Record):
            header.update(dict.fromkeys(record.fields))
    return list(header)


def _json_records(lines: Iterable[str]) -> Iterator[Record | Fault]:
    """A JSON object per line."""
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            yield Fault(number, f"not JSON: {messages.one_line(error)}")
            continue
        if isinstance(value, dict):
            yield Record(number, value)
        else:
            yield Fault(number, f"expected an object, found {type(value).__name__}")
