"""The functions and classes that a pickle names, read off its instructions; nothing of it is run."""

from __future__ import annotations

import io
import pickletools
import zipfile
from _compat_pickle import IMPORT_MAPPING  # as the pickle module itself does: names of Python 2
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from imgcls.models.weights import archive

_OF_TORCH = ("torch.", "collections.OrderedDict")
"""How the names begin that every checkpoint has."""

_MOST_BYTES = 2**26  # docs/decisions.md#poisoned-pickles

_PICKLES = 5
"""As many stand one behind the other in a file of torch.save that is no archive."""

_TEXTS = frozenset({
    "STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8",
})  # fmt: skip


def of(path: Path) -> list[str]:
    """What a file of ``torch.save`` or of the pickle module names, without what is torch's. Raises OSError."""
    names = dict.fromkeys(_names(_pickle(path)))
    return [name for name in names if not name.startswith(_OF_TORCH)]


def is_whole(path: Path) -> bool:
    """Whether a file is one pickle from its beginning to its end, so that nothing was cut off. Raises OSError."""
    stream = io.BytesIO(_pickle(path))
    return sum(1 for _ in _instructions(stream)) > 0 and not stream.read(1) and stream.getvalue().endswith(b".")


def _pickle(path: Path) -> bytes:
    """The pickle in a file, or in the archive that it is; at most its first bytes."""
    with path.open("rb") as file:
        if file.read(2) != b"PK":
            file.seek(0)
            return file.read(_MOST_BYTES)
    try:
        with zipfile.ZipFile(path) as opened:
            member = next((name for name in opened.namelist() if name.rpartition("/")[2] == "data.pkl"), None)
            return opened.open(member).read(_MOST_BYTES) if member else b""
    except archive.UNREADABLE:
        return b""


def _names(data: bytes) -> Iterator[str]:
    """Every name, up to where the instructions cannot be read any further."""
    stream = io.BytesIO(data)
    for _ in range(_PICKLES):
        texts: list[str] = []
        memo: dict[int, str] = {}
        for name, argument in _instructions(stream):
            if name in {"GLOBAL", "INST"}:
                yield _dotted(*argument.split(" ", 1))
            elif name == "STACK_GLOBAL" and len(texts) > 1:
                yield _dotted(*texts[-2:])
            elif name in _TEXTS:
                texts.append(argument)
            elif name == "MEMOIZE":
                memo[len(memo)] = texts[-1] if texts else ""
            elif name in {"BINGET", "LONG_BINGET", "GET"} and argument in memo:
                texts.append(memo[argument])


def _instructions(stream: IO[bytes]) -> Iterator[tuple[str, Any]]:
    """The instructions of the next pickle with their arguments, up to its end or to where it cannot be read."""
    try:
        for operation, argument, _ in pickletools.genops(stream):
            yield operation.name, argument
    except (ValueError, IndexError, UnicodeError):
        return


def _dotted(module: str, name: str) -> str:
    return f"{IMPORT_MAPPING.get(module, module)}.{name}"
