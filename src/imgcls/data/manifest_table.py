"""Reads the table of a manifest as a stream: which columns are meant, and what a row states."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from imgcls import messages, toml
from imgcls.data import manifest_forms, text_files
from imgcls.data.manifest_forms import Fault, Form, Record
from imgcls.errors import ConfigError

SUFFIXES: Final = (".csv", ".tsv", ".txt", *manifest_forms.JSON_SUFFIXES)

_PATH_NAMES = "path file filename filepath image imagefile imagename imagepath img imgname imgpath"
_LABEL_NAMES = "label labelid labelname class classid classname target category categoryid categoryname"
ROLES: Final = {"path": frozenset(_PATH_NAMES.split()), "label": frozenset(_LABEL_NAMES.split())}
"""What the columns for path and label are called, without case, spaces, ``_`` and ``-``."""

GROUP: Final = "group"  # unless the configuration names another column


class Row(NamedTuple):
    """What a manifest states of an image; ``columns``: in addition to path and label; ``group``: one of these."""

    line: int
    path: str
    label: str
    columns: Mapping[str, str]
    group: str | None = None


class ManifestTable(NamedTuple):
    """A manifest, however many rows it has: they are read anew each time. ``notes``: what was guessed, a sentence each.

    ``path``, ``label`` and ``group``: the names of the columns; the last one may be absent.
    """

    form: Form
    path: str
    label: str
    group: str | None
    notes: Sequence[str]

    def stated(self) -> Iterator[Row | Fault]:
        """What each line states, or what is wrong with it, in order."""
        return (line if isinstance(line, Fault) else self._stated(line) for line in self.form.read())

    def rows(self) -> Iterator[Row]:
        """The lines with which nothing is wrong."""
        return (line for line in self.stated() if isinstance(line, Row))

    def _stated(self, record: Record) -> Row | Fault:
        path, label = (record.fields.get(column) for column in (self.path, self.label))
        others = {name: _text(value) for name, value in record.fields.items() if name not in {self.path, self.label}}
        group = others.get(self.group, "").strip() if self.group else None
        if why := _fault(path, label) or _group_fault(self.group, group):
            return Fault(record.line, why)
        return Row(record.line, str(path), str(label).strip(), others, group)


def read(file: Path, columns: Mapping[str, str]) -> ManifestTable:
    """The table of a manifest, whose file is read once.

    ``columns``: the names of the columns for ``path``, ``label`` and ``group`` where they are given; others are
    guessed. Raises ConfigError for a file that cannot be read, and for columns that are missing or ambiguous.
    """
    form = manifest_forms.of(file, text_files.lines(file, "manifest"), lambda header: _has_both(header, columns))
    try:
        path, label = (_column(role, form.header, columns) for role in ROLES)
        group = _group_column(form.header, columns)
    except ConfigError as error:
        raise ConfigError(f"{file}: {error}") from error
    return ManifestTable(form, path, label, group, [*_guessed(path, label, columns), *form.notes])


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


def _has_both(header: Sequence[str], columns: Mapping[str, str]) -> bool:
    """Whether a header has a column for the path and one for the label."""
    try:
        _ = [_column(role, header, columns) for role in ROLES]
    except ConfigError:
        return False
    return True


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
    return f"{{ path = {toml.string(path)}, label = {toml.string(label)} }}"


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
