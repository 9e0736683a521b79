"""Files by the paths of a document."""

import os
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgcls import messages
from imgcls.data import digits, listing
from imgcls.records.config import BUILTIN_DIGITS
from imgcls.reporting.show import originals


@given(st.binary(min_size=1, max_size=12).filter(lambda name: b"\0" not in name and b"/" not in name and name != b"."))
def test_every_name_is_found_again(name: bytes) -> None:
    """Bytes that are not UTF-8, and backslashes that look like an escape."""
    path = PurePosixPath(os.fsdecode(name))
    assert originals.file_name(messages.path_text(path)) == str(path)


@given(st.text("\\xf89", min_size=1, max_size=12))
def test_backslashes_are_not_taken_for_bytes(name: str) -> None:
    """Those of the name itself were doubled where they could be."""
    assert originals.file_name(messages.path_text(PurePosixPath(name))) == name


def test_only_the_bytes_that_were_scored_are_found(tmp_path: Path) -> None:
    """A file that changed, is gone, or has a name that no file can have is not the image."""
    file = tmp_path / os.fsdecode(b"caf\xe9.jpg")
    file.write_bytes(b"pixels")
    sha256, text = listing.sha256(file), messages.path_text(PurePosixPath(file.name))
    assert originals.locate(tmp_path, text, sha256) == file
    for path, digest in ((text, "0" * 64), ("gone.jpg", sha256), ("a\0b", sha256)):
        assert originals.locate(tmp_path, path, digest) is None


def test_paths_begin_in_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In that of a manifest, or in the cache of the built-in dataset."""
    assert originals.root_of(tmp_path) == tmp_path
    assert originals.root_of(tmp_path / "list.csv") == tmp_path
    monkeypatch.setattr(digits, "folder", lambda: tmp_path / "cache")
    assert originals.root_of(BUILTIN_DIGITS) == tmp_path / "cache"
