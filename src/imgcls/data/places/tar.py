"""Tar archives: of a folder with a folder per class, or shards of samples as WebDataset writes them.

A member's ``at`` is (offset, size) of its bytes.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from typing import BinaryIO

from imgcls.data.places import archives, containers, folders
from imgcls.data.places.archives import Listed
from imgcls.data.places.base import Contents, Request
from imgcls.data.places.folders import Entry
from imgcls.errors import Undecodable
from imgcls.records.data import Member

_BLOCK = tarfile.BLOCKSIZE


def contents(request: Request) -> Contents:
    """What :func:`imgcls.data.places.archives.contents` has. Raises ConfigError."""
    return archives.contents(request, "tar", _index, read)


def read(member: Member) -> bytes:
    """Raises :class:`Undecodable`."""
    return containers.read(member.container, *member.at)


def _index(container: str) -> Iterator[Listed]:
    """Read all headers."""  # docs/decisions.md#an-index-is-read-again
    with containers.opened(container) as stream:
        try:
            archive = tarfile.open(fileobj=stream, mode="r:")  # noqa: SIM115 - the stream is closed
        except tarfile.TarError as error:
            raise Undecodable("corrupt", f"it cannot be read as a tar archive: {error}") from error
        members = 0
        try:
            for info in _infos(archive):
                if info.isdir():
                    yield info.name
                else:
                    members += 1
                    yield _entry(container, info)
        except (tarfile.TarError, EOFError, ValueError) as error:
            yield Undecodable("truncated", f"{error}: whatever follows member {members} is lost")
        except Undecodable as fault:
            yield fault
        else:
            if damage := _damage_at_end(stream, archive.offset, members):
                yield damage


def _infos(archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """All members. Raises :class:`Undecodable` for a size below 0, after which headers would be read for ever."""
    while info := archive.next():
        archive.members.clear()  # type: ignore[attr-defined]  # typeshed lacks it; it would keep them all
        if info.size < 0:
            raise Undecodable("corrupt", f"{info.name} has a size of {info.size} bytes: what follows it is not listed")
        yield info


def _damage_at_end(stream: BinaryIO, offset: int, members: int) -> Undecodable | None:
    """What is wrong where the headers end: an archive has an empty block there."""
    stream.seek(offset)
    block = stream.read(_BLOCK)
    if len(block) < _BLOCK:
        return Undecodable("truncated", f"it ends without an end mark: whatever follows member {members} is lost")
    if any(block):
        return Undecodable("corrupt", f"no header at byte {offset}: whatever follows member {members} is not listed")
    return None


def _entry(container: str, info: tarfile.TarInfo) -> Entry:
    member = Member("tar", container, info.name, (info.offset_data, info.size))
    if info.issym() or info.islnk():
        how = "pack it with tar --dereference --hard-dereference"
        return folders.entry(member, Undecodable("not_regular", f"a link to {info.linkname}: {how}"))
    if not info.isreg():
        return folders.entry(member, Undecodable("not_regular", "neither a file nor a folder"))
    if info.issparse():
        return folders.entry(member, Undecodable("unsupported", "it is stored sparse: pack it without --sparse"))
    if not info.size:
        return folders.entry(member, Undecodable("empty", "it has 0 bytes"))
    return folders.entry(member)
