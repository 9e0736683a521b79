"""The reference of the configuration: keys and types from the loader, and what they mean from ``docs/``.

A table below ``<!-- keys of PLACE -->`` in a page explains the keys of a place, such as ``models.MODEL.input``. What
the loader takes is observed while it reads a configuration that has every table.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from tempfile import TemporaryDirectory
from types import UnionType
from typing import Any, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints
from unittest import mock

from imgcls.config import loader
from imgcls.config.recipe import ExportRecipe
from imgcls.config.table import ConfigTable
from imgcls.records.config import DatasetSpec, ExportSpec, InputSpec, ModelSpec, ServingSpec
from imgcls.records.thresholds import Gate, LatencyGate, Margin, MemoryGate, ParityGate
from reference_text import MissingText, code, rebased, table

DOCS = Path(__file__).parents[1] / "docs"

HEAD = """\
# Keys of the configuration

Every key that `imgcls.toml` and `[tool.imgcls]` may have. What belongs together, with examples, is in
[configuration](../configuration.md). MODEL, DATASET, EXPORT and RECIPE are names of your own; MODEL of gates and limits
may be `"*"`, for keys that a model does not give itself.
"""

EVERYTHING = """
[datasets.DATASET]
path = "builtin:digits"
labels = { file = "classes.csv" }
columns = {}
[models.MODEL]
arch = "timm:NAME"
exports = { EXPORT = { path = "a.onnx", input = {} }, made = { RECIPE = { format = "onnx" } } }
serving = { url = "http://127.0.0.1/" }
[gates.MODEL.DATASET]
top1 = { min = 0.5 }
top5 = { min = 0.5 }
class_top1 = { min = 0.5 }
[parity.MODEL.DATASET]
flips = 0.1
top1 = { margin = 0.1 }
top5 = { margin = 0.1 }
[compare]
top1 = { margin = 0.1 }
top5 = { margin = 0.1 }
[latency.MODEL]
p95_ms = 1
[memory.MODEL]
host = "1 MB"
"""
"""A configuration with every table that the loader reads."""

RECORDS: Mapping[str, type] = {
    "datasets.DATASET": DatasetSpec,
    "models.MODEL": ModelSpec,
    "models.MODEL.input": InputSpec,
    "models.MODEL.exports.EXPORT": ExportSpec,
    "models.MODEL.exports.made.RECIPE": ExportRecipe,
    "models.MODEL.serving": ServingSpec,
    "gates.MODEL.DATASET": Gate,
    "parity.MODEL.DATASET": ParityGate,
    "latency.MODEL": LatencyGate,
    "memory.MODEL": MemoryGate,
}
"""What the tables become, whose fields have the types of the keys."""

READ_AS = {
    ("datasets.DATASET", "labels"): "string or table",
    ("models.MODEL.input", "crop"): "whole number or list",
    ("models.MODEL.input", "mean"): "number or list",
    ("models.MODEL.input", "std"): "number or list",
}
"""Types of keys that are not those of the field."""

SAME = {"models.MODEL.exports.EXPORT.input": "models.MODEL.input"}
"""Places with the keys of another one."""


class Row(NamedTuple):
    """What a page states of a key, and the page."""

    value: str
    default: str
    page: str


def text() -> str:
    """The page. Raises MissingText for a key without a row, and for a row without a key."""
    known, explained = taken(), documented()
    check(known, explained)
    return "\n".join([HEAD, *(_section(place, known[place], explained[place]) for place in explained)])


def taken() -> dict[str, tuple[str, ...]]:
    """The keys that the loader takes, by place."""
    result: dict[str, tuple[str, ...]] = {}
    checked = ConfigTable.keys

    def observed(self: ConfigTable, *known: str) -> None:
        result[self.name] = known
        checked(self, *known)

    with TemporaryDirectory() as folder, mock.patch.object(ConfigTable, "keys", observed):
        file = Path(folder) / "imgcls.toml"
        file.write_text(EVERYTHING)
        loader.load([file])
    return result


def documented() -> dict[str, dict[str, Row]]:
    """The rows of all tables of keys, by place and key."""
    result: dict[str, dict[str, Row]] = {}
    for page in sorted(DOCS.glob("*.md")):
        for place, rows in re.findall(r"^<!-- keys of (\S+) -->\n+((?:\|.*\n)+)", page.read_text(), re.MULTILINE):
            result[place] = dict(_rows(rows, page.name))
    return result


def _rows(block: str, page: str) -> Iterator[tuple[str, Row]]:
    for line in block.splitlines()[2:]:
        names, value, *default = (cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1])
        row = Row(rebased(value, page), rebased("".join(default), page), page)
        yield from ((key, row) for key in re.findall(r"`(\w+)`", names))


def check(known: Mapping[str, tuple[str, ...]], explained: Mapping[str, Mapping[str, Row]]) -> None:
    """Raise MissingText where pages and loader do not have the same keys."""
    for place, rows in explained.items():
        if extra := rows.keys() - {*known.get(place, ())}:
            raise MissingText(f"[{place}] takes no {', '.join(sorted(extra))}, which a page explains")
    for place, keys in known.items():
        if missing := [key for key in keys if not _is_explained(place, key, known, explained)]:
            raise MissingText(f"[{place}] {', '.join(missing)}: no row below <!-- keys of {place} --> in docs/")


def _is_explained(
    place: str, key: str, known: Mapping[str, tuple[str, ...]], explained: Mapping[str, Mapping[str, Row]]
) -> bool:
    """By its own row; a table of tables by those; a key of an inline table in the row of that table."""
    rows = explained.get(SAME.get(place, place), {})
    below = f"{place}.{key}".lstrip(".")
    outer, _, name = place.rpartition(".")
    is_inline = name in known.get(outer, ()) and name in explained.get(outer, {})
    return (
        key in rows
        or any(f"{other}.".startswith(f"{below}.") for other in explained if other != place)
        or (is_inline and f"{key} =" in explained[outer][name].value)
    )


def _section(place: str, keys: tuple[str, ...], rows: Mapping[str, Row]) -> str:
    cells = ((code(key), kind(place, key), _default(place, key, rows[key]), rows[key].value) for key in keys)
    return f"## [{place}]\n\n{table(('key', 'type', 'default', 'meaning'), cells)}"


def kind(place: str, key: str) -> str:
    """The type of a key's value, in TOML's words."""
    if (place, key) in READ_AS:
        return READ_AS[place, key]
    record = RECORDS.get(place, Margin)
    hints = get_type_hints(record)
    if f"{key}_bytes" in hints:
        return "string"
    return " or ".join(dict.fromkeys(_words(hints.get(key, record))))


def _words(hint: Any) -> Iterator[str]:
    simple = {bool: "true or false", int: "whole number", float: "number", str: "string", Path: "string", Any: "any"}
    origin = get_origin(hint)
    if origin in {Union, UnionType}:
        for part in get_args(hint):
            yield from _words(part)
    elif hint in simple:
        yield simple[hint]
    elif origin is Literal:
        yield "string"
    elif hint is not type(None):
        yield "list" if origin is tuple else "table"


def _default(place: str, key: str, row: Row) -> str:
    """What a page states; else that of the record. Raises MissingText where they differ."""
    default = _in_toml(place, key)
    if not row.default:
        return default
    if default and default not in row.default.replace('"', ""):
        raise MissingText(f"{row.page}: the default of [{place}] {key} is {default}, not {row.default}")
    return row.default


def _in_toml(place: str, key: str) -> str:
    """The default of a record's field as one would write it; empty where it means that something else is taken."""
    record = RECORDS.get(place)
    values = {field.name: field.default for field in fields(record)} if record else {}
    value = values.get(key, MISSING)
    if value is MISSING or value is None:
        return ""
    if isinstance(value, float):
        return code(f"{value:g}")
    return code(str(value).lower() if isinstance(value, bool) else str(value))
