"""A table of TOML and where it stands, so that every complaint names both; typed readers for its keys."""

from __future__ import annotations

import difflib
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from imgcls.errors import ConfigError, one_line
from imgcls.records import Proven

NAME = re.compile(r"[A-Za-z0-9_-]+")
SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([A-Za-z]+)")
BYTES = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}

Table = Mapping[str, Any]


class Place:
    """A table and where it stands, so that every complaint names both."""

    def __init__(self, file: Path, name: str, table: Any) -> None:
        self.file, self.name = file, name
        if not isinstance(table, dict):
            raise ConfigError(f"{file}: {name} must be a table")
        self.table: Table = table

    def wrong(self, key: str, why: str) -> NoReturn:
        where = f"[{self.name}] {key}".rstrip() if self.name else f"[{key}]"
        raise ConfigError(f"{self.file}: {where}: {why}")

    def keys(self, *known: str) -> None:
        for key in self.table:
            if key not in known:
                self.wrong(key, f"unknown key{nearest(key, known)}")

    def tables(self, key: str) -> list[tuple[str, Any]]:
        return list(Place(self.file, key, self.table.get(key, {})).table.items())

    def named(self, key: str) -> list[tuple[str, Place]]:
        places = []
        for name, table in self.tables(key):
            if not NAME.fullmatch(name):
                self.wrong(f"{key}.{name}", "names are made of letters, digits, _ and -")
            places.append((name, Place(self.file, f"{key}.{name}", table)))
        return places

    def text(self, key: str, default: str | None = None) -> str | None:
        value = self.table.get(key, default)
        if value is not None and not isinstance(value, str):
            self.wrong(key, f"must be a string, not {value!r}")
        return value

    def choice(self, key: str, options: Sequence[str], default: str) -> Any:
        value = self.text(key, default)
        if value not in options:
            self.wrong(key, f"{value!r} is not one of {', '.join(options)}{_meant(str(value), options)}")
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

    def threshold(self, key: str) -> float | Proven | None:
        """A fraction to be observed, or a table of one to be shown."""
        if not isinstance(self.table.get(key), dict):
            return self.fraction(key)
        proven = Place(self.file, f"{self.name}.{key}", self.table[key])
        proven.keys("min", "confidence")
        wanted = proven.fraction("min")
        if wanted is None:
            proven.wrong("min", "is missing: the fraction that must be shown")
        if wanted == 1:
            proven.wrong("min", "1 can be shown by no number of images; it must be below 1")
        return Proven(wanted, proven.confidence())

    def size(self, key: str) -> int | tuple[int, int]:
        """Pixels: a whole number or ``[h, w]``."""
        value = self.table[key]
        sides = value if isinstance(value, list) else [value]
        if len(sides) not in {1, 2} or not all(type(side) is int and side > 0 for side in sides):
            self.wrong(key, f"must be a whole number of pixels or [h, w], not {value!r}")
        return (sides[0], sides[1]) if isinstance(value, list) else int(value)

    def triple(self, key: str) -> tuple[float, float, float]:
        value = self.table[key]
        if not (isinstance(value, list) and len(value) == 3 and all(map(is_finite, value))):
            self.wrong(key, f"must be three numbers, one per RGB channel, not {value!r}")
        return (float(value[0]), float(value[1]), float(value[2]))

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
        try:
            return self.file.parent / Path(value).expanduser()
        except RuntimeError as error:
            self.wrong(key, f"{value!r}: {one_line(error)}")


def is_finite(value: Any) -> bool:
    """A number that is neither NaN nor infinite nor a boolean."""
    return type(value) in {int, float} and abs(value) <= sys.float_info.max


def nearest(name: str, known: Any) -> str:
    """What to say of an unknown name: the known one that it resembles, or all of them."""
    return _meant(name, known) or (f"; known: {', '.join(known)}" if known else "; there is none")


def _meant(name: str, known: Any) -> str:
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f"; did you mean '{close[0]}'?" if close else ""
