"""Parquet files with the bytes of images in a column, as datasets on the Hugging Face Hub have them.

A member's ``at`` is (row group, row in it). Source of the columns: the features in the schema's metadata under
``huggingface``, as the library datasets writes them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from itertools import chain
from pathlib import PurePosixPath
from types import ModuleType
from typing import Any, Final, NamedTuple

from imgcls import messages
from imgcls.data import manifest_table
from imgcls.data.places import base, containers, urls
from imgcls.data.places.base import Candidate, Candidates, Contents, Request, State
from imgcls.data.places.kept import Kept
from imgcls.errors import ConfigError, MachineError, Undecodable
from imgcls.records.data import Member

_KEPT: Final = 3  # docs/decisions.md#row-groups-in-memory
_GROUPS: Kept[tuple[str, State, int, str], Any] = Kept(_KEPT)

_MOST_BYTES: Final = 2**30  # docs/decisions.md#row-groups-in-memory
"""Of all images of a row group."""

_DIGITS: Final = 7
"""Of a row's number in a path, so that paths sort as rows do."""

_NO_LABEL: Final = -1
"""What datasets of the Hub have in the place of a label that is withheld."""


class _Columns(NamedTuple):
    """The leaves of a file's schema that are read. ``names``: of the classes, where labels are numbers of these."""

    bytes: str
    path: str | None
    label: str
    group: str | None
    names: Sequence[str] | None
    notes: Sequence[str]


def contents(request: Request) -> Contents:
    """A candidate for each row. Raises ConfigError for columns that are missing or ambiguous."""
    names, faulty = base.prefixes(request.containers), list[Candidate]()
    notes, classes = dict[str, None](), set[str]()

    def rows(container: str) -> Candidates:
        with _opened(container) as file:
            columns = _columns(container, file.schema_arrow, request)
            prefix = names[container] or f"{PurePosixPath(urls.shown(container)).name}/"
            candidates = Candidates(_candidates(container, prefix, file, columns))
        notes.update(dict.fromkeys(columns.notes))
        classes.update(columns.names or ())
        return candidates

    candidates = Candidates(base.each(request.containers, rows, faulty))
    return Contents(chain(candidates, faulty), notes=tuple(notes), classes=frozenset(classes))


def read(member: Member) -> bytes:
    """Raises :class:`Undecodable`."""
    group, row = member.at
    column, state = member.name.rpartition("/")[0], containers.listed_state(member.container)
    key = member.container, state, group, column
    cells = _GROUPS.get(key, lambda: _cells(member.container, group, column))
    if row >= len(cells):
        raise Undecodable("changed", f"row group {group} has only {len(cells)} rows now")
    if not cells[row].is_valid:
        raise Undecodable("changed", "its row has no bytes any more")
    return bytes(cells[row].as_buffer())


def _cells(container: str, group: int, column: str) -> Any:
    """The cells of a column in a row group."""
    with _opened(container) as file:
        if group >= file.num_row_groups:
            raise Undecodable("changed", f"it has only {file.num_row_groups} row groups now")
        return _leaf(file.read_row_group(group, columns=[column]), column)


def _leaf(table: Any, column: str) -> Any:
    """A column of a table, or a field of one that is made of fields."""
    name = next(name for name in table.column_names if f"{column}.".startswith(f"{name}."))
    fields = column.removeprefix(name).split(".")[1:]
    cells = table.column(name).combine_chunks()
    compute = _pyarrow("pyarrow.compute")
    for field in fields:
        cells = compute.struct_field(cells, field)
    return cells


def _pyarrow(name: str) -> ModuleType:
    try:
        return import_module(name)
    except ImportError as error:
        message = "Parquet is read with pyarrow, which is not installed: pip install 'imgcls[parquet]'"
        raise MachineError(message) from error


@contextmanager
def _opened(container: str) -> Iterator[Any]:
    """A Parquet file; whatever pyarrow finds wrong with it is Undecodable."""
    pyarrow, parquet = _pyarrow("pyarrow"), _pyarrow("pyarrow.parquet")
    with containers.opened(container) as stream:
        try:
            with parquet.ParquetFile(stream) as file:
                yield file
        except (pyarrow.ArrowException, EOFError, OSError, UnicodeError) as error:  # of Arrow, one without a number
            if isinstance(error, OSError) and error.errno:
                raise
            raise Undecodable("corrupt", f"it cannot be read as Parquet: {messages.one_line(error)}") from error


def _candidates(container: str, prefix: str, file: Any, columns: _Columns) -> Iterator[Candidate]:
    """Everything of each row except its image."""
    leaves = [leaf for leaf in (columns.path, columns.label, columns.group) if leaf]
    number = 0
    for group in range(file.num_row_groups):
        table = file.read_row_group(group, columns=leaves)
        rows = [_leaf(table, leaf).to_pylist() if leaf else [None] * len(table) for leaf in columns[1:4]]
        too_large = _too_large(file, group, columns.bytes)
        nulls = frozenset[int]() if too_large else _nulls(file, group, columns.bytes)
        for row, (path, value, group_name) in enumerate(zip(*rows, strict=True)):
            at = f"{prefix}{number:0{_DIGITS}}"
            name = f"{at}/{PurePosixPath(path).name}" if path else at
            member = Member("parquet", container, f"{columns.bytes}/{PurePosixPath(name).name}", (group, row))
            label, fault = _label(value, columns)
            fault = too_large or (_no_bytes(path) if row in nulls else fault)
            yield Candidate(base.shown(PurePosixPath(name)), member, label, fault, group=_text(group_name))
            number += 1


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _chunks(file: Any, group: int, leaf: str) -> Iterator[Any]:
    """What the file's metadata states of a leaf in a row group."""
    metadata = file.metadata.row_group(group)
    columns = (metadata.column(number) for number in range(metadata.num_columns))
    return (column for column in columns if column.path_in_schema == leaf)


def _too_large(file: Any, group: int, leaf: str) -> Undecodable | None:
    """Why no image of a row group is read, where all of them together are too large."""
    size = sum(chunk.total_uncompressed_size for chunk in _chunks(file, group, leaf))
    if size <= _MOST_BYTES:
        return None
    return Undecodable(
        "unsupported",
        f"the images of row group {group} have {size} bytes together, and at most {_MOST_BYTES} are read at once: "
        "write the file with row_group_size=100",
    )


def _nulls(file: Any, group: int, leaf: str) -> frozenset[int]:
    """The rows of a group without bytes; where its statistics state that there is none, it is not read."""
    if any(chunk.statistics and chunk.statistics.null_count == 0 for chunk in _chunks(file, group, leaf)):
        return frozenset()
    cells = _leaf(file.read_row_group(group, columns=[leaf]), leaf)
    return frozenset(row for row, cell in enumerate(cells) if not cell.is_valid)


def _no_bytes(path: str | None) -> Undecodable:
    of_path = f", only the path {path}" if path else ""
    return Undecodable("missing", f"its row has no bytes{of_path}")


def _label(value: Any, columns: _Columns) -> tuple[str | None, Undecodable | None]:
    """The class of a row, or why it has none."""
    if value is None or value == _NO_LABEL:
        return None, Undecodable(
            "unlabelled", f"its row has no label: {columns.label} is {'null' if value is None else -1}"
        )
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None, Undecodable("unlabelled", f"its row has the label {value!r}, not a text or a whole number")
    if columns.names is None:
        return str(value), None
    if not isinstance(value, int) or not 0 <= value < len(columns.names):
        classes = messages.counted(len(columns.names), "class")
        return None, Undecodable("unlabelled", f"its row has the label {value!r}, and there are {classes}")
    return columns.names[value], None


def _columns(container: str, schema: Any, request: Request) -> _Columns:
    features, given = _features(schema), request.columns
    image = _image_column(container, schema, features, given)
    label = _label_column(container, schema, features, given)
    group = given.get("group", "group" if "group" in schema.names else "") or None
    if group:
        _require(container, schema, group)
    kind = schema.field(image).type
    pyarrow = _pyarrow("pyarrow")
    is_struct = pyarrow.types.is_struct(kind)
    has_path = is_struct and any(field.name == "path" and pyarrow.types.is_string(field.type) for field in kind)
    stated = given.get("path") is None and features.get(image, {}).get("_type") != "Image" and image != "image"
    return _Columns(
        bytes=f"{image}.bytes" if is_struct else image,
        path=f"{image}.path" if has_path else None,
        label=label,
        group=group,
        names=base.class_names(f"{urls.shown(container)}: {label}", _names(features.get(label, {})), request),
        notes=(f"its column {image!r} is taken for the image, and {label!r} for the label",) if stated else (),
    )


def _names(feature: Mapping[str, Any]) -> Sequence[str] | None:
    """The names of the classes of a feature; None where it has none, or what is not one."""
    names = feature.get("names")
    return names if isinstance(names, list) and all(isinstance(name, str) for name in names) else None


def _features(schema: Any) -> Mapping[str, Any]:
    """What the Hub's metadata states of each column; nothing where there are none, or are not understood."""
    try:
        features = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))["info"]["features"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return {}
    return {name: of for name, of in features.items() if isinstance(of, dict)} if isinstance(features, dict) else {}


def _image_column(container: str, schema: Any, features: Mapping[str, Any], given: Mapping[str, str]) -> str:
    if "path" in given:
        name = _require(container, schema, given["path"])
        if _holds_bytes(schema.field(name).type):
            return name
        raise ConfigError(f"{urls.shown(container)}: its column {name!r} holds no bytes of images")
    stated = [
        name
        for name, feature in features.items()
        if feature.get("_type") == "Image" and name in schema.names and _holds_bytes(schema.field(name).type)
    ]
    holding = stated or [field.name for field in schema if _holds_bytes(field.type)]
    if len(holding) != 1:
        raise _undecided(container, schema, "image", holding)
    return holding[0]


def _holds_bytes(kind: Any) -> bool:
    types = _pyarrow("pyarrow").types
    if types.is_struct(kind):
        return any(field.name == "bytes" and _holds_bytes(field.type) for field in kind)
    return bool(types.is_binary(kind) or types.is_large_binary(kind))


def _label_column(container: str, schema: Any, features: Mapping[str, Any], given: Mapping[str, str]) -> str:
    if "label" in given:
        return _require(container, schema, given["label"])
    if "label" in schema.names:
        return _require(container, schema, "label")
    stated = [name for name, feature in features.items() if feature.get("_type") == "ClassLabel"]
    called = stated or [name for name in schema.names if manifest_table.is_called_like(name, "label")]
    if len(called) != 1:
        raise _undecided(container, schema, "label", called)
    return called[0]


def _require(container: str, schema: Any, name: str) -> str:
    if name not in schema.names:
        raise ConfigError(f"{urls.shown(container)} has no column {name!r}{messages.nearest(name, schema.names)}")
    if schema.names.count(name) > 1:
        raise ConfigError(f"{urls.shown(container)} has several columns {name!r}: write it with one")
    return name


def _undecided(container: str, schema: Any, role: str, names: Sequence[str]) -> ConfigError:
    which = f"{' and '.join(map(repr, names))} may each be the {role}" if names else f"no column for the {role}"
    columns = messages.named([*map(repr, schema.names)])
    return ConfigError(
        f"{urls.shown(container)}: {which} among its columns {columns}: name the two in the dataset, as in "
        'columns = { path = "image", label = "fine_label" }'
    )
