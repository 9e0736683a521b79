"""imgcls.models.weights.hashes: a file that stays as it is is read once, and one that changes is read again."""

import hashlib
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from imgcls.models.weights import hashes

OLD_NS = 1_000_000_000_000_000_000
"""A time long ago."""


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The hashes that were computed from a file's bytes."""
    computed: list[str] = []
    original = hashlib.file_digest

    def counted(file: object, name: str) -> object:
        digest = original(file, name)  # type: ignore[arg-type]
        computed.append(digest.hexdigest())
        return digest

    monkeypatch.setattr(hashlib, "file_digest", counted)
    return computed


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that was written long before it is hashed, as far as the clock can tell."""
    path = tmp_path / "net.safetensors"
    path.write_bytes(b"weights")
    os.utime(path, ns=(OLD_NS, OLD_NS))
    later = path.stat().st_ctime_ns + 2 * hashes.SETTLED_NS
    monkeypatch.setattr("time.time_ns", lambda: later)
    return path


def _expected(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_a_file_is_read_once(file: Path, reads: list[str]) -> None:
    """Whoever asks, and by whichever link."""
    link = file.with_name("link.safetensors")
    link.symlink_to(file)
    assert {hashes.file_sha256(path) for path in (file, link, file)} == {_expected(b"weights")}
    assert len(reads) == 1


def test_other_bytes_of_the_same_size_are_read_again(file: Path, reads: list[str]) -> None:
    """Also where somebody puts the time of the last change back, which the system notes."""
    hashes.file_sha256(file)
    file.write_bytes(b"WEIGHTS")
    os.utime(file, ns=(OLD_NS, OLD_NS))
    assert hashes.file_sha256(file) == _expected(b"WEIGHTS")
    assert len(reads) == 2


def test_a_file_that_takes_the_place_is_read(file: Path, reads: list[str]) -> None:
    """Another file of the same size and time is another file."""
    hashes.file_sha256(file)
    other = file.with_name("other.safetensors")
    other.write_bytes(b"WEIGHTS")
    os.utime(other, ns=(OLD_NS, OLD_NS))
    other.replace(file)
    assert hashes.file_sha256(file) == _expected(b"WEIGHTS")
    assert len(reads) == 2


def test_files_of_a_system_without_inodes_are_told_apart(
    file: Path, reads: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As of some network drives, where two checkpoints of one size may also bear one time."""
    other = file.with_name("other.safetensors")
    other.write_bytes(b"WEIGHTS")
    stat = SimpleNamespace(st_dev=0, st_ino=0, st_size=7, st_mtime_ns=OLD_NS, st_ctime_ns=OLD_NS)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fstat", lambda _: stat)
        assert hashes.file_sha256(file) == _expected(b"weights")
        assert hashes.file_sha256(other) == _expected(b"WEIGHTS")
    assert len(reads) == 2


def test_what_was_just_written_is_not_remembered(tmp_path: Path, reads: list[str]) -> None:
    """The next write may have the same time as the last."""
    path = tmp_path / "net.safetensors"
    path.write_bytes(b"weights")
    assert hashes.file_sha256(path) == hashes.file_sha256(path) == _expected(b"weights")
    assert len(reads) == 2


def test_what_changes_while_it_is_read_is_read_again(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The hash of bytes that are half old and half new is that of no file."""
    original = hashlib.file_digest

    def meanwhile(opened: object, name: str) -> object:
        digest = original(opened, name)  # type: ignore[arg-type]
        file.write_bytes(b"WEIGHTS")
        return digest

    with monkeypatch.context() as patch:
        patch.setattr(hashlib, "file_digest", meanwhile)
        hashes.file_sha256(file)
    assert hashes.file_sha256(file) == _expected(b"WEIGHTS")


def test_an_absent_file_is_an_error_of_the_system(tmp_path: Path) -> None:
    """As with open."""
    with pytest.raises(FileNotFoundError):
        hashes.file_sha256(tmp_path / "absent")
