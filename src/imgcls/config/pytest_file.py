"""The file that pytest takes its settings from, found and read as pytest does; nothing of pytest is imported."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from configparser import ConfigParser
from configparser import Error as ConfigParserError
from pathlib import Path
from typing import Any, NamedTuple


class PytestFile(NamedTuple):
    """A file with settings of pytest. ``table``: the one that they are in; ``keys``: those and their values."""

    path: Path
    table: str
    keys: Mapping[str, Any]

    def words(self, key: str) -> list[str]:
        """The value of a key that is a list, or a text of several words."""
        value = self.keys.get(key, [])
        return list(map(str, value)) if isinstance(value, list) else str(value).split()


def nearest(folder: Path) -> PytestFile | None:
    """The file with settings in this folder or the nearest one above; None where there is none."""
    for place in (folder, *folder.parents):
        for name, tables in _TABLES.items():
            if (place / name).is_file() and (settings := _settings(place / name, tables)):
                return settings
    return None


def _settings(file: Path, tables: tuple[str, ...]) -> PytestFile | None:
    read = _in_toml if file.suffix == ".toml" else _in_ini
    for table in tables:
        keys = read(file, table)
        if keys is not None and (keys or table != _NATIVE):
            return PytestFile(file, table, keys)
    return PytestFile(file, tables[0], {}) if file.name in _OWN else None


def _in_toml(file: Path, table: str) -> Mapping[str, Any] | None:
    try:
        content: Any = tomllib.loads(file.read_text(encoding="utf-8"))
        for name in table.split("."):
            content = content[name]
    except (OSError, ValueError, LookupError, TypeError):  # pytest itself reports what is wrong in it
        return None
    return content if isinstance(content, dict) else None


def _in_ini(file: Path, table: str) -> Mapping[str, Any] | None:
    parser = ConfigParser(interpolation=None)
    try:
        parser.read(file, encoding="utf-8")
    except (ConfigParserError, ValueError):  # pytest itself reports what is wrong in it
        return None
    return dict(parser[table]) if table in parser else None


_NATIVE = "tool.pytest"
"""Of a ``pyproject.toml``, since pytest 9; without a key it counts as absent."""

_OWN = ("pytest.toml", ".pytest.toml", "pytest.ini", ".pytest.ini")
"""Files that count even where they are empty."""

_TABLES: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(_OWN, ("pytest",)),
    "pyproject.toml": ("tool.pytest.ini_options", _NATIVE),
    "tox.ini": ("pytest",),
    "setup.cfg": ("tool:pytest",),
}
"""Where pytest looks, in its order."""
