"""``imgcls.lock``: which weights the models of a configuration load, in TOML, with an entry for each file."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterable
from pathlib import Path

from imgcls import lfs, toml
from imgcls.config.table import ConfigTable
from imgcls.errors import ConfigError
from imgcls.records.weights import NOT_STATED, LockedFile, WeightsLock

FILE = "imgcls.lock"
FORMAT = 1

HEADER = f"""\
# The weights that the models of this folder's configuration load; with this file here, no others load.
# `imgcls weights fetch` and `imgcls weights lock` write it, `imgcls weights verify` checks it. Commit it.
# Paths are relative to this file, so that it can be carried together with the folders that it names.

format = {FORMAT}
"""

_TEXTS = ("name", "sha256", "url", "repository", "revision", "commit", "path", "licence", "licence_from")
_KEYS = (*_TEXTS, "size", "models")


def next_to(configuration: Path) -> WeightsLock | None:
    """The lock in the folder of a configuration; None where there is none. Raises what :func:`read` raises."""
    return of_folder(configuration.parent)


def of_folder(folder: Path) -> WeightsLock | None:
    """The lock in a folder; None where there is none. Raises what :func:`read` raises."""
    file = folder / FILE
    return read(file) if file.is_file() else None


def read(file: Path) -> WeightsLock:
    """The lock in a file. Raises ConfigError, naming the file and what is wrong in it."""
    root = ConfigTable(file, "", _document(file))
    if root.table.get("format") != FORMAT:
        root.wrong("format", f"must be {FORMAT}, not {root.table.get('format')!r}: write it again with this version")
    root.keys("format", "file")
    entries = root.table.get("file", [])
    if not isinstance(entries, list):
        root.wrong("file", "must be a list of tables, each headed [[file]]")
    return WeightsLock(file, tuple(_entry(ConfigTable(file, "[file]", entry)) for entry in entries))


def _document(file: Path) -> object:
    try:
        data = file.read_bytes()
        if lfs.is_pointer(data):
            raise ConfigError(lfs.refusal(file, "lock"))
        return tomllib.loads(data.decode())
    except OSError as error:
        raise ConfigError(f"{file}: the lock cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise ConfigError(f"{file}: not TOML: {error}; write it again with `imgcls weights lock`") from error


def _entry(table: ConfigTable) -> LockedFile:
    table.keys(*_KEYS)
    texts = {key: table.text(key) for key in _TEXTS}
    if not texts["name"]:
        table.wrong("name", "is missing: the name of the file")
    if not re.fullmatch(r"[0-9a-f]{64}", texts["sha256"] or ""):
        table.wrong("sha256", f"{texts['sha256']!r} is not 64 hexadecimal digits")
    size = table.table.get("size")
    if type(size) is not int or size < 0:
        table.wrong("size", f"must be a number of bytes, not {size!r}")
    path = texts.pop("path")
    return LockedFile(
        **{**texts, "licence": texts["licence"] or NOT_STATED},  # type: ignore[arg-type]  # name and sha256 are there
        size=size,
        path=table.path("path", path) if path else None,
        models=table.names("models") or (),
    )


def write(lock: WeightsLock) -> None:
    """Write a lock, in an order that depends on its entries only. Raises OSError; then the file is as it was."""
    from imgcls import documents

    documents.write_text(lock.file, text(lock))


def text(lock: WeightsLock) -> str:
    """A lock as TOML."""
    entries = sorted(lock.files, key=lambda entry: (entry.source, entry.name, entry.sha256))
    return "\n".join([HEADER, *("\n".join(_lines(entry, lock.file.parent)) + "\n" for entry in entries)])


def _lines(entry: LockedFile, folder: Path) -> Iterable[str]:
    path = _relative(entry.path, folder) if entry.path else None
    values = {
        "name": entry.name, "sha256": entry.sha256, "size": entry.size,
        "url": entry.url, "repository": entry.repository, "revision": entry.revision, "commit": entry.commit,
        "path": path, "licence": entry.licence, "licence_from": entry.licence_from, "models": sorted(entry.models),
    }  # fmt: skip
    yield "[[file]]"
    for key, value in values.items():
        if value is not None:
            yield f"{key} = {_value(value)}"


def _relative(path: Path, folder: Path) -> str:
    try:
        return Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:  # on another drive of Windows
        return path.as_posix()


def _value(value: object) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(toml.string, value))}]"
    return toml.string(value) if isinstance(value, str) else str(value)
