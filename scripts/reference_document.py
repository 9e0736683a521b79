"""The reference of the result document, from its JSON Schema."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from reference_text import code, markdown, table

SCHEMA = Path(__file__).parents[1] / "docs" / "result.schema.json"

HEAD = """\
# Every key of the result document

The types of [result.schema.json](../result.schema.json), first that of the whole. What they mean together is in
[the result document](../result-document.md).
"""

Schema = Mapping[str, Any]


def text() -> str:
    """The page: a section per type."""
    types = json.loads(SCHEMA.read_text())["$defs"]
    names = sorted(types, key=lambda name: (name != "ResultDocument", name))
    return "\n".join([HEAD, *(_section(name, types[name]) for name in names)])


def _section(name: str, schema: Schema) -> str:
    rows = [(code(key), _type(field), _unit(field)) for key, field in schema.get("properties", {}).items()]
    fields = f"\n{table(('key', 'type', 'unit'), rows)}" if rows else ""
    return f"## {name}\n\n{markdown(schema.get('description', ''))}\n{fields}"


def _type(field: Schema) -> str:
    return " or ".join(dict.fromkeys(_types(field)))


def _types(field: Schema) -> Iterator[str]:
    for alternative in field.get("anyOf", ()):
        yield from _types(alternative)
    if "$ref" in field:
        name = field["$ref"].rpartition("/")[2]
        yield f"[{name}](#{name.lower()})"
    if "enum" in field:
        yield ", ".join(code(json.dumps(value)) for value in field["enum"])
    if "type" in field:
        yield _with_items(field)


def _with_items(field: Schema) -> str:
    """A type, with that of its elements."""
    items = field.get("items") or field.get("additionalProperties")
    return f"{field['type']} of {_type(items)}" if isinstance(items, dict) and items else str(field["type"])


def _unit(field: Schema) -> str:
    return markdown(field.get("description", ""))
