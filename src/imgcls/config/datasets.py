"""The tables of datasets: :class:`DatasetSpec` from their keys, or from the words of a command line."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, Final, NamedTuple, get_args

from imgcls.config.table import ConfigTable
from imgcls.errors import ConfigError
from imgcls.records.config import BUILTIN_DIGITS, Address, BuiltinDataset, DatasetSpec, Duplicates

KEYS: Final = ("path", "labels", "golden", "exif", "columns", "duplicates", "max_megapixels")


_ADDRESS: Final = re.compile(r"[a-z][a-z0-9+.-]*://|python:")
"""The beginning of what is not a path of this machine."""


class DatasetPath(NamedTuple):
    """Where the images of a dataset are; ``notes``: what was guessed, a sentence each."""

    path: Path | BuiltinDataset | Address
    notes: tuple[str, ...] = ()


def parse_path(value: str, path: Path) -> DatasetPath:
    """The dataset that ``value`` names: the built-in one, what is at an URL or in Python, or what is at ``path``.

    ``digits`` is the user's where there is such a path, and the built-in dataset with a note where there is none.
    Raises ConfigError for a built-in dataset that there is not.
    """
    if value == BUILTIN_DIGITS:
        return DatasetPath(BUILTIN_DIGITS)
    if os.path.lexists(path):
        return DatasetPath(path)
    if _ADDRESS.match(value):
        return DatasetPath(Address(value))
    if value.startswith("builtin:"):
        raise ConfigError(f"there is no built-in dataset {value!r}; known: {BUILTIN_DIGITS}")
    if value == "digits":
        note = f'"digits" is the built-in dataset, because there is no path {path}; write "{BUILTIN_DIGITS}"'
        return DatasetPath(BUILTIN_DIGITS, (note,))
    return DatasetPath(path)


def dataset(where: str, path: str, labels: str) -> DatasetSpec:
    """A dataset that is not in a file, named after its path; ``where``: what errors call the place of its keys.

    ``labels``: a way of reading folders, or a map file. Raises ConfigError.
    """
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", Path(_last_part(path)).stem) or "data"
    value = {"file": labels} if labels.endswith(".csv") else labels
    return read(ConfigTable(Path(where), f"datasets.{name}", {"path": path, "labels": value}))


def _last_part(path: str) -> str:
    """What names a dataset: of an URL its path, of ``python:`` its factory, of shards what is before the braces."""
    if not _ADDRESS.match(path):
        path = path.removeprefix("builtin:")
    elif path.startswith("python:"):
        path = path.rpartition(":")[2]
    else:
        path = path.partition("?")[0]
    return re.sub(r"[-_.]?[{*].*", "", path).rstrip("/") or path


def read(table: ConfigTable) -> DatasetSpec:
    """One ``[datasets.NAME]`` table. Raises ConfigError."""
    table.keys(*KEYS)
    path, notes = _path(table)
    return DatasetSpec(
        name=table.name.partition(".")[2],
        path=path,
        labels=_folder_labels(table),
        golden=table.flag("golden"),
        exif=table.choice("exif", ("ignore", "apply"), "ignore"),
        columns=_columns(table.subtable("columns")),
        duplicates=table.choice("duplicates", get_args(Duplicates), "error"),
        max_megapixels=table.positive("max_megapixels") if "max_megapixels" in table.table else None,
        notes=notes,
        folder=table.file.parent if str(path).startswith("python:") else None,
    )


def _path(table: ConfigTable) -> DatasetPath:
    value = table.text("path")
    if value is None:
        table.wrong("path", f'is missing: a folder with a folder per class, a manifest, or "{BUILTIN_DIGITS}"')
    path = table.path("path", value)
    try:
        return parse_path(value, path)
    except ConfigError as error:
        table.wrong("path", str(error))


def _folder_labels(table: ConfigTable) -> Any:
    given = table.table.get("labels", "auto")
    if isinstance(given, str) and given.lower().endswith(".csv"):
        table.wrong("labels", f'{given!r} is a file: write labels = {{ file = "{given}" }}')
    if not isinstance(given, dict):
        return table.choice("labels", ("auto", "wnid", "name", "index"), "auto")
    labels = table.subtable("labels")
    labels.keys("file")
    file = labels.text("file")
    if file is None:
        labels.wrong("file", "is missing: a .csv with the columns folder and wnid, name or index")
    return labels.path("file", file)


def _columns(table: ConfigTable) -> dict[str, str]:
    """The names of a manifest's columns, by what they hold."""
    table.keys("path", "label", "group")
    return {role: str(table.text(role)) for role in table.table}
