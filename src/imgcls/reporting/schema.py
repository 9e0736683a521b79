"""The JSON Schema of the result document: the records as msgspec describes them, and the unit of every number."""

import inspect
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from imgcls.records.comparison import Prediction
from imgcls.records.report import Report
from imgcls.reporting import document_units

DIALECT = "https://json-schema.org/draft/2020-12/schema"

NUMBERS = ("integer", "number")

EMPTY: tuple[str, Any] = ("default", {})

_ROLES = re.compile(r":(?:class|mod|func|data):`~?([^`]+)`")
"""References to our own documentation, of which other programs need the name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultDocument(Report):
    """What imgcls writes about a run: a JSON object, to which keys may be added.

    ``predictions``: one a line; they are left out with ``--json-summary``. ``seal``: ``sha256:`` and the SHA-256 of
    all bytes before the comma in front of this last key.
    """

    format: Literal[1]
    predictions: tuple[Prediction, ...] = ()
    seal: str = ""


def build() -> dict[str, Any]:
    """The schema. Raises ValueError where a number has no unit, which :mod:`document_units` then lacks."""
    schema = _of_any_version(msgspec.json.schema(ResultDocument))
    records = {name: _described(name, record) for name, record in sorted(schema["$defs"].items())}
    return {"$schema": DIALECT, "title": "Result document of imgcls, format 1", **schema, "$defs": records}


def text() -> str:
    """The schema as a file."""
    return json.dumps(build(), indent=1, ensure_ascii=False) + "\n"


def _of_any_version(schema: Any) -> Any:
    """The same without what only some versions of msgspec state: the keys of objects, and that one is empty."""
    if isinstance(schema, dict):
        stated = {key: value for key, value in schema.items() if key != "propertyNames" and (key, value) != EMPTY}
        return {key: _of_any_version(value) for key, value in stated.items()}
    return [_of_any_version(value) for value in schema] if isinstance(schema, list) else schema


def _described(name: str, record: dict[str, Any]) -> dict[str, Any]:
    """A record with plain words, and with the unit of each number, in words and as the keyword ``x-unit``."""
    properties = {field: _with_unit(name, field, value) for field, value in record.get("properties", {}).items()}
    plain = {**record, "description": _ROLES.sub(r"`\1`", inspect.cleandoc(record["description"]))}
    if properties:
        return {**plain, "properties": properties}
    return {**plain, **({"x-unit": document_units.word(_unit(name, ""))} if has_number(record) else {})}


def _with_unit(record: str, field: str, value: dict[str, Any]) -> dict[str, Any]:
    if not has_number(value):
        return value
    unit = _unit(record, field)
    return {"description": unit, "x-unit": document_units.word(unit), **value}


def _unit(record: str, field: str) -> str:
    unit = document_units.of(record, field)
    if unit is None:
        raise ValueError(f"the numbers of {record}.{field} have no unit: state it in {document_units.__name__}")
    return unit


def has_number(schema: Any) -> bool:
    """Whether a value of this schema is a number or holds some, those of other records left aside."""
    return any(part.get("type") in NUMBERS for part in _parts(schema))


def _parts(schema: Any) -> Iterator[dict[str, Any]]:
    """A schema and all schemas within it."""
    if isinstance(schema, dict):
        yield schema
    for inner in schema.values() if isinstance(schema, dict) else schema:
        if isinstance(inner, dict | list):
            yield from _parts(inner)
