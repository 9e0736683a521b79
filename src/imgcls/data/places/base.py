"""What every form of a dataset has in common: the request to list it, and its contents."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import NamedTuple, Protocol, TypeVar

from imgcls import messages
from imgcls.data.places import urls
from imgcls.errors import ConfigError, Undecodable
from imgcls.records.data import Member, Place

Result = TypeVar("Result")

Sha256 = Callable[[Place], str]
"""Hashes the bytes at a place, or raises :class:`Undecodable`."""


class Candidate(NamedTuple):
    """A path that should be an image; ``fault``: why it is already known not to be one. The rest is ImageRef's."""

    path: str
    place: Place
    label: str | None
    fault: Undecodable | None = None
    columns: Mapping[str, str] = MappingProxyType({})
    group: str | None = None


class Request(NamedTuple):
    """A dataset to be listed. ``containers``: the paths or URLs that its path stands for, one or more.

    ``folder``: where Python modules are looked for first, and what relative paths begin at. ``numbered``: labels are
    numbers of classes, and stay so where there are names for them.
    """

    containers: Sequence[str]
    columns: Mapping[str, str] = MappingProxyType({})
    folder: Path | None = None
    numbered: bool = False


class Contents(NamedTuple):
    """What a dataset holds. ``ignored``: the paths that are not images, by suffix; ``notes``: what was guessed.

    ``classes``: those that are known whether there are images of them or not.
    """

    candidates: Sequence[Candidate]
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


def each(containers: Sequence[str], read: Callable[[str], Result]) -> tuple[dict[str, Result], list[Candidate]]:
    """What was read of each container, and a candidate with a fault for each that cannot be read.

    Raises ConfigError where none can.
    """
    results, faulty, faults = dict[str, Result](), list[Candidate](), list[str]()
    names = prefixes(containers)
    for container in containers:
        try:
            results[container] = read(container)
        except Undecodable as fault:
            faults.append(f"{urls.shown(container)}: {fault}")
            faulty.append(of_container(container, names[container], fault))
    if not results:
        raise ConfigError(messages.sentences(faults))
    return results, faulty


def merged(parts: Iterable[Contents]) -> Contents:
    """The contents of several containers as those of one, each path once."""
    candidates, ignored, notes, classes = list[Candidate](), Counter[str](), dict[str, None](), frozenset[str]()
    for part in parts:
        candidates += part.candidates
        ignored.update(part.ignored)
        notes |= dict.fromkeys(part.notes)
        classes |= part.classes
    return Contents(once(candidates), ignored, tuple(notes), classes)


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


def once(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Each path once; one that several members have is a candidate with a fault, whichever was meant."""
    by_path: dict[str, list[Candidate]] = {}
    for candidate in candidates:
        by_path.setdefault(candidate.path, []).append(candidate)
    return [same[0] if len(same) == 1 else _ambiguous(same) for same in by_path.values()]


def _ambiguous(same: Sequence[Candidate]) -> Candidate:
    fault = Undecodable("corrupt", f"{len(same)} members have this name, so that it is not known which is meant")
    return same[0]._replace(fault=fault)
