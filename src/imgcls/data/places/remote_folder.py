"""A folder behind a URL, with a folder per class; its files are what members of an archive are elsewhere.

A member is all of its container; its ``at`` is the state of it when it was listed, only the size where nothing tells
that it is still the same.
"""

from __future__ import annotations

from collections.abc import Iterator

from imgcls.data.places import folders, remote, urls
from imgcls.data.places.base import Contents, Request, State
from imgcls.data.places.folders import Entry
from imgcls.errors import ConfigError, Undecodable
from imgcls.records.blocks import Blocks
from imgcls.records.data import Member


def contents(request: Request) -> Contents:
    """Files under folders of classes. Raises ConfigError."""
    (url,) = request.containers
    files = _Files(url)
    if not files.rows:
        raise ConfigError(f"{urls.shown(url)} holds no files, or does not exist")
    return folders.contents({"": files}, request.columns)


def read(member: Member) -> bytes:
    """Raises :class:`imgcls.errors.Undecodable`."""
    return remote.content(member.container, member.at[0])


def listed_state(member: Member) -> State | None:
    """What was stated of a file when it was listed."""
    return State(*member.at) if len(member.at) == len(State._fields) else None


class _Files:
    """The files below a URL, iterated as often as needed."""

    def __init__(self, url: str) -> None:
        self.rows = Blocks((path, of_file, _at(state)) for path, of_file, state in remote.below(url))

    def __iter__(self) -> Iterator[Entry]:
        for path, of_file, at in self.rows:
            fault = None if at[0] else Undecodable("empty", "it has 0 bytes")
            yield folders.entry(Member("url", of_file, path, at), fault)


def _at(state: State) -> tuple[int, ...]:
    return (state.size,) if state.version is None else (state.size, state.mtime_ns, state.version)
