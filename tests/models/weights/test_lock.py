"""imgcls.models.weights.lock: what a lock allows, by origin and by hash."""

from pathlib import Path

import pytest

from imgcls.models.weights import lock
from imgcls.models.weights.lock import NotListed
from imgcls.records.weights import Gathering, LockedFile, PublishedFile, WeightsAccess, WeightsLock

SHA = "ab" * 32
FILE = PublishedFile("net.pth", "https://weights.example/net.pth")
LISTED = WeightsLock(Path("imgcls.lock"), (LockedFile("net.pth", SHA, 7, url=FILE.url),))
EMPTY = WeightsLock(Path("imgcls.lock"))


def test_without_a_lock_everything_is_allowed() -> None:
    """Neither an origin nor a hash is looked up."""
    assert lock.required(FILE, WeightsAccess()) is None
    lock.require_listed(Path("net.pth"), SHA, WeightsAccess())


def test_the_origin_decides_what_is_listed() -> None:
    """The same name from another address, or of another revision, is another file."""
    access = WeightsAccess("net", LISTED)
    assert lock.required(FILE, access) == LISTED.files[0]
    for other in (
        PublishedFile("net.pth", "https://other.example/net.pth"),
        PublishedFile("net.pth", FILE.url, "org/n"),
    ):
        with pytest.raises(NotListed, match=r"net\.pth from .* is not in imgcls\.lock"):
            lock.required(other, access)


def test_what_is_being_listed_is_allowed() -> None:
    """The commands that write the lock need the files first."""
    assert lock.required(FILE, WeightsAccess("net", EMPTY, gathering=Gathering())) is None


def test_a_hash_that_no_entry_has_is_refused() -> None:
    """A file of the user's own, too; the message has the next command with the model's name as a shell takes it."""
    lock.require_listed(Path("own.pth"), SHA, WeightsAccess("net", LISTED))
    message = (
        r"own\.pth with the sha256 abababababababab… is not in imgcls\.lock, .* `imgcls weights lock --models 'a b'`"
    )
    with pytest.raises(NotListed, match=message):
        lock.require_listed(Path("own.pth"), SHA, WeightsAccess("a b", EMPTY))
