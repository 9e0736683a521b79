"""What a lock allows: with one next to the configuration, only files that it lists are loaded, with its hashes."""

from __future__ import annotations

import shlex
from pathlib import Path

from imgcls.errors import ConfigError, ModelError
from imgcls.models.weights import hashes
from imgcls.records.weights import LockedFile, PublishedFile, WeightsAccess


class NotListed(ConfigError):
    """A lock does not list a file."""


def required(file: PublishedFile, access: WeightsAccess) -> LockedFile | None:
    """The entry of a published file; None where there is no lock, or where the file is about to be listed.

    Raises NotListed where the lock does not list it.
    """
    if access.lock is None:
        return None
    entry = access.lock.entry(file)
    if entry is None and access.gathering is None:
        raise _unlisted(f"{file.name} from {file.repository or file.url}", access)
    return entry


def check(path: Path, entry: LockedFile) -> None:
    """Raise ModelError where a file is not the locked one."""
    actual = hashes.file_sha256(path)
    if actual != entry.sha256:
        raise ModelError(
            f"{path} is not the file that the lock lists: its sha256 is {actual}, and not {entry.sha256}; delete it "
            "and get it again with `imgcls weights fetch`, or, where the new one is meant, delete its entry from the "
            "lock and run `imgcls weights lock`"
        )


def require_listed(path: Path, sha256: str, access: WeightsAccess) -> None:
    """Raise NotListed where there is a lock that does not list a file of these bytes."""
    if access.lock is not None and not access.lock.holds(sha256):
        raise _unlisted(f"{path} with the sha256 {sha256[:16]}…", access)


def _unlisted(what: str, access: WeightsAccess) -> NotListed:
    assert access.lock is not None  # noqa: S101 - the caller looked into it
    return NotListed(
        f"{what} is not in {access.lock.file}, and no other weights are loaded; "
        f"`imgcls weights lock{models_option(access)}` lists it"
    )


def models_option(access: WeightsAccess) -> str:
    """The option that names the model in a command; nothing where it has no name."""
    return f" --models {shlex.quote(access.model)}" if access.model else ""
