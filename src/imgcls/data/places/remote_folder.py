"""A folder behind a URL, with a folder per class; its files are what members of an archive are elsewhere.

A member's ``at`` is empty: it is all of its container.
"""

from __future__ import annotations

from imgcls.data.places import folders, remote
from imgcls.data.places.base import Contents, Request
from imgcls.records.data import Member


def contents(request: Request) -> Contents:
    """Files under folders of classes. Raises ConfigError."""
    (url,) = request.containers
    entries = [folders.Entry(Member("url", of_file, path)) for path, of_file in remote.below(url).items()]
    return folders.contents({"": entries}, request.columns)


def read(member: Member) -> bytes:
    """Raises :class:`imgcls.errors.Undecodable`."""
    return remote.content(member.container)
