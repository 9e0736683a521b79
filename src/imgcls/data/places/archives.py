"""Archives, whatever their format: of a folder with a folder per class, or shards of samples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from imgcls.data.places import base, folders, samples
from imgcls.data.places.base import Contents, Request
from imgcls.data.places.folders import Entry
from imgcls.errors import Undecodable
from imgcls.records.data import Member


class Index(NamedTuple):
    """The members of an archive that are not folders, in their order, and the names of those that are.

    ``damage``: why there may have been more of them.
    """

    entries: Sequence[Entry]
    folders: Sequence[str] = ()
    damage: Undecodable | None = None


def contents(request: Request, index: Callable[[str], Index], read: Callable[[Member], bytes]) -> Contents:
    """Members under folders of classes, or samples where there are members that hold labels. Raises ConfigError.

    ``index``: lists an archive, or raises :class:`Undecodable`.
    """
    indexes, faulty = base.each(request.containers, index)
    names = base.prefixes(request.containers)
    if any(samples.are_in(of_one.entries) for of_one in indexes.values()):
        parts = [samples.contents(of_one.entries, names[c], request.columns, read) for c, of_one in indexes.items()]
    else:
        members = {names[container]: of_one.entries for container, of_one in indexes.items()}
        parts = [folders.contents(members, request.columns, [f for of_one in indexes.values() for f in of_one.folders])]
    damaged = [base.of_container(c, names[c], of_one.damage) for c, of_one in indexes.items() if of_one.damage]
    return base.merged([*parts, Contents([*faulty, *damaged])])
