"""Archives, whatever their format: of a folder with a folder per class, or shards of samples."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from itertools import chain

from imgcls.data import suffixes
from imgcls.data.places import base, folders, samples
from imgcls.data.places.base import Candidate, Candidates, Contents, Request
from imgcls.data.places.folders import Entries, Entry, EntryRow
from imgcls.errors import Undecodable
from imgcls.records.blocks import Blocks
from imgcls.records.data import Member

Listed = Entry | str | Undecodable
"""What an archive has one after the other: its members, the names of folders, and why there may have been more."""

Index = Callable[[str], Iterator[Listed]]
"""Lists an archive, or raises :class:`Undecodable`."""


def contents(request: Request, form: str, index: Index, read: Callable[[Member], bytes]) -> Contents:
    """Members under folders of classes, or samples where there are members that hold labels. Raises ConfigError.

    Every archive is read once: its images are hashed on the way, and its labels kept.
    """
    reader = _Reader(request, index, read)
    rows = Blocks(reader.rows())
    names = base.prefixes(request.containers)
    members = {names[container]: Entries(form, container, rows, *part) for container, part in reader.parts.items()}
    if reader.has_labels and any(map(samples.are_in, members.values())):
        result = _samples(members, request, read)
    else:
        result = folders.contents(members, request.columns, sorted(reader.folders))
    return result._replace(candidates=chain(result.candidates, reader.faulty))


def _samples(members: Mapping[str, Entries], request: Request, read: Callable[[Member], bytes]) -> Contents:
    ignored, notes = Counter[str](), dict[str, None]()

    def candidates() -> Iterator[Candidate]:
        for prefix, entries in members.items():
            part = samples.contents(list(entries), prefix, request.columns, read)
            ignored.update(part.ignored)
            notes.update(dict.fromkeys(part.notes))
            yield from part.candidates

    return Contents(Candidates(candidates()), ignored, tuple(notes))


class _Reader:
    """Reads archives one after the other. ``parts``: the rows of each that can be read, from one up to another one."""

    def __init__(self, request: Request, index: Index, read: Callable[[Member], bytes]) -> None:
        self._request, self._index, self._read = request, index, read
        self._names = base.prefixes(request.containers)
        self.parts: dict[str, tuple[int, int]] = {}
        self.folders: set[str] = set()
        self.faulty: list[Candidate] = []
        self.has_labels = False
        self._count = 0

    def rows(self) -> Iterator[EntryRow]:
        return base.each(self._request.containers, self._rows, self.faulty)

    def _rows(self, container: str) -> Iterator[EntryRow]:
        start = self._count
        for listed in self._index(container):
            if isinstance(listed, str):
                self.folders.add(listed)
            elif isinstance(listed, Undecodable):
                self.faulty.append(base.of_container(container, self._names[container], listed))
            else:
                self._count += 1
                yield self._read_now(listed).row
        self.parts[container] = start, self._count

    def _read_now(self, entry: Entry) -> Entry:
        """The entry with what is needed of its bytes, while they are near; what cannot be read is named later."""
        sha256 = self._request.sha256
        try:
            if samples.is_label(entry):
                self.has_labels = True
                return entry if entry.fault else entry._replace(label=self._read(entry.member))
            if sha256 and entry.is_image and not entry.fault and not suffixes.refusal(entry.member.name):
                return entry._replace(sha256=sha256(entry.member))
        except Undecodable:
            pass
        return entry
