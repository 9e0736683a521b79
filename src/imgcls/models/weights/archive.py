"""What an archive of ``torch.save`` states of its parts: their place, and checksums, which torch does not compare."""

from __future__ import annotations

import os
import struct
import sys
import zipfile
import zlib
from pathlib import Path
from typing import BinaryIO

UNREADABLE = (zipfile.BadZipFile, OSError, ValueError, RuntimeError, EOFError, zlib.error, struct.error)
"""What zipfile raises on what is not an archive or a damaged one: RuntimeError where one says that it is encrypted,
OSError where one says that a part of it lies before its beginning."""

_BYTE_ORDER = sys.byteorder.encode()

_HEADING = 30
"""Bytes of a part's heading that come before its name."""

_ENCRYPTED = 1
"""The bit of a part's flags that says so."""

_PIECE = 2**20  # docs/decisions.md#checksums-of-checkpoints


def damaged_member(path: Path) -> str | None:
    """The first file in an archive that does not match its CRC-32; None also for what is not an archive.

    Where no file matches, its writer left the checksums out: ``torch.serialization.set_crc32_options(False)``.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            matches = {info.filename: _matches(archive, info) for info in archive.infolist() if info.file_size}
    except UNREADABLE:  # reading it has a message for that
        return None
    damaged = [name for name, is_intact in matches.items() if not is_intact]
    return damaged[0] if 0 < len(damaged) < len(matches) else None


def stored(path: Path) -> dict[int, int]:
    """The number of bytes of each part that lies in an archive as it is, by its place in the file.

    Without parts that would reach beyond the file. Empty for what is not an archive, is damaged, or has its numbers in
    the byte order of other machines.
    """
    try:
        with zipfile.ZipFile(path) as archive, path.open("rb") as file:
            parts = archive.infolist()
            orders = {archive.read(part) for part in parts if part.filename.lower().endswith("byteorder")}
            if orders - {_BYTE_ORDER}:
                return {}
            places = [(_start(file, part), part) for part in parts if _is_as_it_is(part)]
            length = file.seek(0, os.SEEK_END)
            return {start: part.file_size for start, part in places if start + part.file_size <= length}
    except UNREADABLE:
        return {}


def _is_as_it_is(part: zipfile.ZipInfo) -> bool:
    """Whether the bytes of a part are neither compressed nor encrypted."""
    is_encrypted = part.flag_bits & _ENCRYPTED
    return part.compress_type == zipfile.ZIP_STORED and part.file_size == part.compress_size and not is_encrypted


def _start(file: BinaryIO, part: zipfile.ZipInfo) -> int:
    """Where the bytes of a part begin: behind its own heading, its name, and what fills up to a round number."""
    file.seek(part.header_offset)
    name, more = map(int, struct.unpack("<26xHH", file.read(_HEADING)))
    return part.header_offset + _HEADING + name + more


def _matches(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bool:
    try:
        with archive.open(member) as file:
            while file.read(_PIECE):
                pass
    except (zipfile.BadZipFile, zlib.error, EOFError):
        return False
    return True
