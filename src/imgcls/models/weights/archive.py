"""The checksums in an archive of ``torch.save``, which torch writes and does not compare."""

from __future__ import annotations

import struct
import zipfile
import zlib
from pathlib import Path

UNREADABLE = (zipfile.BadZipFile, OSError, ValueError, RuntimeError, EOFError, zlib.error, struct.error)
"""What zipfile raises on what is not an archive or a damaged one: RuntimeError where one says that it is encrypted,
OSError where one says that a part of it lies before its beginning."""

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


def _matches(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bool:
    try:
        with archive.open(member) as file:
            while file.read(_PIECE):
                pass
    except (zipfile.BadZipFile, zlib.error, EOFError):
        return False
    return True
