"""Where a gate, a limit or a model stands in the files of a configuration."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple


class Line(NamedTuple):
    """A line of a configuration, counted from 1."""

    file: Path
    number: int


def of_gate(files: Sequence[Path], kind: str, model: str, key: str | None = None) -> Line | None:
    """The line of a gate or a limit, or of the table that it would be in, or of the model; None where all are absent.

    ``kind``: ``gates``, ``latency``, ``memory`` or ``parity``. ``key``: a dataset, or the name of a limit.
    """
    return of_table(files, (f"{kind}.{model}", f"{kind}.*", f"models.{model}"), key)


def of_table(files: Sequence[Path], tables: Sequence[str], key: str | None = None) -> Line | None:
    """The line of a key in the first of these tables that is there, or else of the table's header."""
    texts = {file: file.read_text(encoding="utf-8", errors="replace").splitlines() for file in files}
    for table in tables:
        for file, lines in texts.items():
            for place, line in enumerate(lines):
                if _header(line) == table:
                    return Line(file, place + 1 + _offset(lines[place + 1 :], key))
    return None


def _header(line: str) -> str | None:
    """The name of the table that a line begins, without quotes and without what pyproject.toml puts before it."""
    text = line.partition("#")[0].strip()
    if not (text.startswith("[") and text.endswith("]")):
        return None
    return text[1:-1].translate({ord(mark): None for mark in "\"' "}).removeprefix("tool.imgcls.")


def _offset(lines: Sequence[str], key: str | None) -> int:
    """How many lines after its header a table has a key; 0 where it has none."""
    for number, line in enumerate(lines, 1):
        if line.lstrip().startswith("["):
            break
        if key and line.partition("=")[0].strip().partition(".")[0].strip("\"'") == key:
            return number
    return 0
