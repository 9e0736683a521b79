"""A table of TOML with typed readers for its keys; every error names its file and its key."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from imgcls import messages
from imgcls.errors import ConfigError
from imgcls.messages import one_line
from imgcls.records.thresholds import ProvenThreshold

NAME = re.compile(r"[A-Za-z0-9_-]+")
SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([A-Za-z]+)")
BYTES = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}

Table = Mapping[str, Any]


class ConfigTable:
    """A table, its file and its name there. Every reader raises ConfigError where a value is not what it reads."""

    def __init__(self, file: Path, name: str, table: Any) -> None:
        self.file, self.name = file, name
        if not isinstance(table, dict):
            raise ConfigError(f"{file}: {name} must be a table")
        self.table: Table = table

    def wrong(self, key: str, why: str) -> NoReturn:
        """Raise ConfigError with file, table and key; without a key it is about the whole table."""
        where = f"[{self.name}] {key}".rstrip() if self.name else f"[{key}]"
        raise ConfigError(f"{self.file}: {where}: {why}")

    def keys(self, *known: str) -> None:
        """Raise ConfigError for a key that is not known, naming the nearest."""
        for key in self.table:
            if key not in known:
                self.wrong(key, f"unknown key{messages.nearest(key, known)}")

    def subtable(self, key: str) -> ConfigTable:
        """The table under a key; an empty one where there is none."""
        name = f"{self.name}.{key}" if self.name else key
        return ConfigTable(self.file, name, self.table.get(key, {}))

    def tables(self, key: str) -> list[tuple[str, Any]]:
        """What is under a key, by name."""
        return list(self.subtable(key).table.items())

    def named(self, key: str) -> list[tuple[str, ConfigTable]]:
        """The tables under a key, whose names a user chooses."""
        result = []
        for name, table in self.tables(key):
            if not NAME.fullmatch(name):
                self.wrong(f"{key}.{name}", "names are made of letters, digits, _ and -")
            result.append((name, ConfigTable(self.file, f"{key}.{name}", table)))
        return result

    def text(self, key: str, default: str | None = None) -> str | None:
        value = self.table.get(key, default)
        if value is not None and not isinstance(value, str):
            self.wrong(key, f"must be a string, not {value!r}")
        return value

    def choice(self, key: str, options: Sequence[str], default: str) -> Any:
        value = self.text(key, default)
        if value not in options:
            self.wrong(key, f"{value!r} is not one of {', '.join(options)}{messages.did_you_mean(str(value), options)}")
        return value

    def flag(self, key: str) -> bool:
        value = self.table.get(key, False)
        if not isinstance(value, bool):
            self.wrong(key, f"must be true or false, not {value!r}")
        return bool(value)

    def names(self, key: str) -> tuple[str, ...] | None:
        value = self.table.get(key)
        if value is not None and not (isinstance(value, list) and all(isinstance(name, str) for name in value)):
            self.wrong(key, f"must be a list of names, not {value!r}")
        return None if value is None else tuple(value)

    def fraction(self, key: str) -> float | None:
        value = self.table.get(key)
        if value is None:
            return None
        if not isinstance(value, (int, float)) or isinstance(value, bool):
            self.wrong(key, f"must be a fraction in [0, 1], not {value!r}")
        if not 0 <= value <= 1:
            hint = f"; write {value / 100:g}" if 1 < value <= 100 else ""
            self.wrong(key, f"{value} is not a fraction in [0, 1]{hint}")
        return float(value)

    def confidence(self) -> float:
        value = self.fraction("confidence")
        if value is not None and not 0.5 <= value < 1:
            self.wrong("confidence", f"{value:g} is not in [0.5, 1)")
        return 0.95 if value is None else value

    def threshold(self, key: str) -> float | ProvenThreshold | None:
        """A fraction that must be observed, or a table of one that must be shown."""
        if not isinstance(self.table.get(key), dict):
            return self.fraction(key)
        proven = ConfigTable(self.file, f"{self.name}.{key}", self.table[key])
        proven.keys("min", "confidence")
        minimum = proven.fraction("min")
        if minimum is None:
            proven.wrong("min", "is missing: the fraction that must be shown")
        if minimum == 1:
            proven.wrong("min", "1 can be shown by no number of images; it must be below 1")
        return ProvenThreshold(minimum, proven.confidence())

    def size(self, key: str) -> int | tuple[int, int]:
        """Pixels: a whole number or ``[h, w]``."""
        value = self.table[key]
        sides = value if isinstance(value, list) else [value]
        if len(sides) not in {1, 2} or not all(type(side) is int and side > 0 for side in sides):
            self.wrong(key, f"must be a whole number of pixels or [h, w], not {value!r}")
        return (sides[0], sides[1]) if isinstance(value, list) else int(value)

    def per_channel(self, key: str) -> tuple[float, ...]:
        """A number for all channels, or three, one per RGB channel."""
        value = self.table[key]
        values = value if isinstance(value, list) else [value]
        if len(values) not in {1, 3} or not all(map(is_finite, values)):
            self.wrong(key, f"must be a number, or three, one per RGB channel, not {value!r}")
        return tuple(map(float, values))

    def positive(self, key: str) -> float:
        value = self.table[key]
        if not is_finite(value) or value <= 0:
            self.wrong(key, f"must be a number above 0, not {value!r}")
        return float(value)

    def bytes(self, key: str) -> int:
        """A size with its unit, as in ``"400 MB"``."""
        value = self.table[key]
        size = SIZE.fullmatch(value) if isinstance(value, str) else None
        if size is None or size[2] not in BYTES:
            self.wrong(key, f'must be a size like "400 MB" (with {", ".join(BYTES)}), not {value!r}')
        return round(float(size[1]) * BYTES[size[2]])

    def path(self, key: str, value: str) -> Path:
        """A path from the file's folder on; ``~`` in front is a home, and ``./~`` the beginning of a name."""
        if not value.startswith("~"):
            return self.file.parent / value
        try:
            return self.file.parent / Path(value).expanduser()
        except RuntimeError as error:
            self.wrong(key, f"{value!r}: {one_line(error)}")


def is_finite(value: Any) -> bool:
    """Whether this is a number, and neither NaN nor infinite nor a boolean."""
    return type(value) in {int, float} and abs(value) <= sys.float_info.max
