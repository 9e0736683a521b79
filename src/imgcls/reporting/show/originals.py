"""The files of scored images, by the paths of a document: only those with the bytes that were scored."""

import os
import re
from pathlib import Path

from imgcls.data import digits, listing
from imgcls.errors import Undecodable
from imgcls.records.config import BUILTIN_DIGITS, Address, BuiltinDataset

_BYTE = re.compile(r"(\\+)x([89a-f][0-9a-f])")
"""How :func:`imgcls.messages.path_text` spells a byte that is not UTF-8, or a name that looks like it."""


def file_name(text: str) -> str:
    """The path that a document spells, as the system takes it: the reverse of :func:`imgcls.messages.path_text`."""
    return os.fsdecode(_BYTE.sub(_spelled_byte, text).encode("utf-8", "surrogateescape"))


def _spelled_byte(match: re.Match[str]) -> str:
    backslashes, byte = match.groups()
    kept = "\\" * (len(backslashes) // 2)
    return f"{kept}x{byte}" if len(backslashes) % 2 == 0 else f"{kept}{chr(0xDC00 + int(byte, 16))}"


def root_of(dataset: Path | BuiltinDataset | Address) -> Path:
    """Where the paths of a dataset begin: its folder, or that of its manifest. Raises MachineError."""
    if dataset == BUILTIN_DIGITS:
        return digits.folder()
    path = Path(dataset)
    return path if path.is_dir() else path.parent


def locate(root: Path, path: str, sha256: str) -> Path | None:
    """The file of an image below ``root``, absolute; None where there is none with these bytes."""
    file = root.absolute() / file_name(path)
    try:
        return file if listing.sha256(file) == sha256 else None
    except (Undecodable, ValueError):  # ValueError: a null character in the path
        return None
