"""What every form of a dataset has in common: the request to list it, and its contents."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from operator import itemgetter
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol, TypeVar

from imgcls import messages
from imgcls.data.places import urls
from imgcls.errors import ConfigError, Undecodable
from imgcls.records import blocks
from imgcls.records.data import Member, Place, packed_place, place_of

Result = TypeVar("Result")

_Row = tuple[Any, ...]

Sha256 = Callable[[Place], str]
"""Hashes the bytes at a place, or raises :class:`Undecodable`."""


class Candidate(NamedTuple):
    """A path that should be an image; ``fault``: why it is already known not to be one. The rest is ImageRef's.

    ``sha256``: None where its bytes were not read yet.
    """

    path: str
    place: Place
    label: str | None
    fault: Undecodable | None = None
    columns: Mapping[str, str] = MappingProxyType({})
    group: str | None = None
    sha256: str | None = None


class Candidates:
    """Candidates that were read from wherever they are, in few bytes of memory each; iterated as often as needed."""

    def __init__(self, candidates: Iterable[Candidate]) -> None:
        self._rows = blocks.Blocks(map(_packed, candidates))

    def __iter__(self) -> Iterator[Candidate]:
        return map(_unpacked, self._rows)


class State(NamedTuple):
    """What tells that a container is likely the one that it was.

    ``version``: its inode, or a hash of what a server states as its version; None where nothing is stated.
    """

    size: int
    mtime_ns: int
    version: int | None


class Request(NamedTuple):
    """A dataset to be listed. ``containers``: the paths or URLs that its path stands for, one or more.

    ``folder``: where Python modules are looked for first, and what relative paths begin at. ``numbered``: labels are
    numbers of classes, and stay so where there are names for them. ``sha256``: hashes the bytes of images wherever an
    archive is read in any case; None where the caller does not need those of all.
    """

    containers: Sequence[str]
    columns: Mapping[str, str] = MappingProxyType({})
    folder: Path | None = None
    numbered: bool = False
    sha256: Sha256 | None = None


class Contents(NamedTuple):
    """What a dataset holds. ``candidates``: in the order in which their bytes are; a path may be there several times.

    ``ignored``: the paths that are not images, by suffix; ``notes``: what was guessed.

    ``classes``: those that are known whether there are images of them or not.
    """

    candidates: Iterable[Candidate]
    ignored: Mapping[str, int] = MappingProxyType({})
    notes: Sequence[str] = ()
    classes: frozenset[str] = frozenset()


class Form(Protocol):
    """A module that lists the datasets of a form, and reads the bytes of what it listed."""

    def contents(self, request: Request) -> Contents:
        """Everything in the containers; what cannot be an image is a candidate with a fault. Raises ConfigError."""

    def read(self, member: Member) -> bytes:
        """The bytes of an image as they are stored. Raises :class:`Undecodable`."""


def member_path(name: str) -> PurePosixPath:
    """The path of a member as a dataset has it. Raises :class:`Undecodable` where that is outside."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts:
        raise Undecodable("unlabelled", "its name leads out of the archive, so that no folder in it names its class")
    return path


def shown(path: PurePosixPath) -> str:
    """A path as documents have it."""
    return messages.path_text(path)


def prefixes(containers: Sequence[str]) -> Mapping[str, str]:
    """What stands before the paths of each container: nothing for a single one, else its name."""
    if len(containers) == 1:
        return {containers[0]: ""}
    parts = [urls.shown(name).split("/") for name in containers]
    same = sum(1 for _ in itertools.takewhile(lambda names: len(set(names)) == 1, zip(*parts, strict=False)))
    return {name: "/".join((*of_name[same:], "")) for name, of_name in zip(containers, parts, strict=True)}


def each(
    containers: Sequence[str], read: Callable[[str], Iterable[Result]], faulty: list[Candidate]
) -> Iterator[Result]:
    """What is read of the containers, one after the other; a candidate for each that cannot be read joins ``faulty``.

    Raises ConfigError, after the last one, where none can.
    """
    faults, names = list[str](), prefixes(containers)
    for container in containers:
        try:
            yield from read(container)
        except Undecodable as fault:
            faults.append(f"{urls.shown(container)}: {fault}")
            faulty.append(of_container(container, names[container], fault))
    if len(faults) == len(containers):
        raise ConfigError(messages.sentences(faults))


def of_container(container: str, prefix: str, fault: Undecodable) -> Candidate:
    """What stands in the books for images that a container holds and that cannot be listed."""
    return Candidate(
        prefix.rstrip("/") or PurePosixPath(urls.shown(container)).name, Member("", container, ""), None, fault
    )


def class_names(what: str, names: Sequence[str] | None, request: Request) -> Sequence[str] | None:
    """The names that numbers of classes stand for; None where they stay numbers. Raises ConfigError for one twice."""
    if names is None or request.numbered:
        return None
    if repeated := [name for name, count in Counter(names).items() if count > 1]:
        raise ConfigError(
            f'{what} has several classes of one name, {messages.named(repeated)}: set labels = "index" of the dataset, '
            "which takes their numbers"
        )
    return names


def once(candidates: Iterable[Candidate]) -> Iterator[Candidate]:
    """The candidates sorted by their paths, each path once, in memory for few of them at once.

    One that several members have is a candidate with a fault, whichever was meant.
    """
    rows = blocks.in_order(map(_packed, candidates), itemgetter(0))
    for _, same in itertools.groupby(rows, itemgetter(0)):
        first, *others = map(_unpacked, same)
        yield _ambiguous(first, 1 + len(others)) if others else first


def each_once(candidates: Iterable[Candidate]) -> Iterator[Candidate]:
    """The candidates in their order without those whose path an earlier one has, in memory for few of them at once."""
    numbered = ((number, _packed(candidate)) for number, candidate in enumerate(candidates))
    by_path = itertools.groupby(blocks.in_order(numbered, _path), _path)
    return (_unpacked(row) for _, row in blocks.in_order((next(same) for _, same in by_path), itemgetter(0)))


def _path(numbered: tuple[int, _Row]) -> str:
    return str(numbered[1][0])


def _packed(candidate: Candidate) -> _Row:
    path, place, label, fault, columns, group, sha256 = candidate
    why = (fault.reason, fault.detail) if fault else None
    return path, packed_place(place), label, why, dict(columns) or None, group, sha256


def _unpacked(row: _Row) -> Candidate:
    path, place, label, why, columns, group, sha256 = row
    fault = Undecodable(*why) if why else None
    return Candidate(path, place_of(place), label, fault, columns or {}, group, sha256)


def _ambiguous(first: Candidate, count: int) -> Candidate:
    fault = Undecodable("corrupt", f"{count} members have this name, so that it is not known which is meant")
    return first._replace(fault=fault)
