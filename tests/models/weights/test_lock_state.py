"""imgcls.models.weights.lock_state: what is missing, and what is another file."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from imgcls.models.weights import lock_state
from imgcls.records.weights import LockedFile

URL = "https://weights.example/net.pth"


pytestmark = pytest.mark.usefixtures("no_weights")


@pytest.fixture
def entry(tmp_path: Path) -> LockedFile:
    """A file that is in the lock's folder as it is listed."""
    (tmp_path / "net.pth").write_bytes(b"weights")
    return LockedFile("net.pth", hashlib.sha256(b"weights").hexdigest(), 7, url=URL, path=tmp_path / "net.pth")


def test_a_file_as_listed(entry: LockedFile) -> None:
    """It is where loading takes it from, and nothing is wrong with it."""
    state = lock_state.checked(entry)
    assert (state.path, state.where, state.fault) == (entry.path, "folder", None)
    assert lock_state.checked(replace(entry, url=None)).where == "own file"


def test_the_cache_comes_second(entry: LockedFile, tmp_path: Path) -> None:
    """Where the folder was not carried."""
    cached = tmp_path / "torch" / "hub" / "checkpoints" / "net.pth"
    cached.parent.mkdir(parents=True)
    cached.write_bytes(b"weights")
    state = lock_state.checked(replace(entry, path=tmp_path / "gone"))
    assert (state.path, state.where, state.fault) == (cached, "cache", None)


@pytest.mark.parametrize(
    ("data", "fault", "detail"),
    [
        (b"short", "size", "has 5 bytes, and the lock lists 7"),
        (b"changed", "hash", "has the sha256 d67e2e944994496c…, and the lock lists 9a129038d9a00aed…"),
        (None, "missing", "is missing: it is not at"),
    ],
)
def test_each_fault_has_its_name(
    entry: LockedFile, tmp_path: Path, data: bytes | None, fault: str, detail: str
) -> None:
    """Another size, another hash, and missing, with every place that was looked at."""
    place = tmp_path / "net.pth"
    place.write_bytes(data) if data is not None else place.unlink()
    state = lock_state.checked(entry)
    assert state.fault == fault
    assert detail in state.detail
    assert str(place) in state.detail
