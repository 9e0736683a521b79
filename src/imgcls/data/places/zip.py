"""Zip archives: of a folder with a folder per class, or shards of samples.

A member's ``at`` is (offset of its header, size as stored, method, size, CRC-32 of its bytes).
"""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import Final

from imgcls.data.places import archives, containers, folders
from imgcls.data.places.archives import Listed
from imgcls.data.places.base import Contents, Request
from imgcls.data.places.folders import Entry
from imgcls.errors import Undecodable
from imgcls.records.data import Member

_HEADER: Final = struct.Struct("<4s22xHH")
"""Of a member: its signature, and the sizes of its name and of its extra field. Source: APPNOTE.TXT, 4.3.7."""

_SIGNATURE: Final = b"PK\x03\x04"
_ENCRYPTED: Final = 0x1
_READ: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_MOST_INFLATED: Final = 2**29  # docs/decisions.md#inflated-members
"""Bytes of an image that is read from fewer."""

_UNREAD: Final = {9: "Deflate64", zipfile.ZIP_BZIP2: "bzip2", zipfile.ZIP_LZMA: "LZMA", 93: "Zstandard"}
"""Methods of compression by their numbers. Source: APPNOTE.TXT, 4.4.5."""


def contents(request: Request) -> Contents:
    """What :func:`imgcls.data.places.archives.contents` has. Raises ConfigError."""
    return archives.contents(request, "zip", _index, read)


def read(member: Member) -> bytes:
    """Raises :class:`Undecodable`, ``corrupt`` where the index states something else than there is."""
    offset, stored, method, size, crc = member.at
    header = containers.read(member.container, offset, _HEADER.size)
    signature, name_size, extra_size = _HEADER.unpack(header)
    if signature != _SIGNATURE:
        raise Undecodable("corrupt", f"there is no member at byte {offset}, where the archive's index has it")
    data = containers.read(member.container, offset + _HEADER.size + name_size + extra_size, stored)
    data = _inflated(data, size) if method == zipfile.ZIP_DEFLATED else data
    if len(data) != size or zlib.crc32(data) != crc:
        raise Undecodable("corrupt", "its bytes are not those that the archive's index states: their CRC-32 differs")
    return data


def _inflated(data: bytes, size: int) -> bytes:
    """At most one byte more than stated, so that an index that lies fills no memory."""
    try:
        result = zlib.decompressobj(-zlib.MAX_WBITS).decompress(data, min(size, _MOST_INFLATED) + 1)
    except zlib.error as error:
        raise Undecodable("corrupt", f"its bytes cannot be inflated: {error}") from error
    if len(result) > _MOST_INFLATED:
        why = f"its {len(data)} bytes inflate to more than {_MOST_INFLATED}: pack it with `zip -0`"
        raise Undecodable("unsupported", why)
    return result


def _index(container: str) -> Iterator[Listed]:
    with containers.opened(container) as stream:
        try:
            with zipfile.ZipFile(stream) as archive:
                members = archive.infolist()
        except (zipfile.BadZipFile, NotImplementedError, ValueError, struct.error) as error:
            raise Undecodable("corrupt", f"it cannot be read as a zip archive: {error}") from error
    for info in members:
        yield info.filename if info.filename.endswith("/") else _entry(container, info)


def _entry(container: str, info: zipfile.ZipInfo) -> Entry:
    at = info.header_offset, info.compress_size, info.compress_type, info.file_size, info.CRC
    return folders.entry(Member("zip", container, info.filename, at), _fault(info))


def _fault(info: zipfile.ZipInfo) -> Undecodable | None:
    if info.flag_bits & _ENCRYPTED:
        return Undecodable("unsupported", "it is encrypted: pack the archive without a password")
    if info.compress_type not in _READ:
        name = _UNREAD.get(info.compress_type, f"method {info.compress_type}")
        return Undecodable("unsupported", f"it is compressed by {name}: pack the archive with `zip`, which deflates")
    return None if info.file_size else Undecodable("empty", "it has 0 bytes")
