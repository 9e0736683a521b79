"""imgcls.collect.collection: a folder that fills up, in which every file is whole and accounted for."""

from pathlib import Path

import pytest

from collect_site import photo
from imgcls.collect.client import Fetched
from imgcls.collect.collection import Collection
from imgcls.collect.known import Known
from imgcls.collect.manifest import Manifest, Source
from imgcls.collect.refusal import Refused, Stopped


def _collection(folder: Path, count: int | None = None) -> Collection:
    present, excluded = Known("duplicate", "near_duplicate"), Known("excluded", "near_excluded")
    return Collection(Manifest(folder), present, excluded, count=count, min_side=64)


def _offer(collection: Collection, url: str, data: bytes, licence: str = "") -> None:
    collection.offer(Source(url, "http://page/", licence), lambda: Fetched(url, data, "of a header"))


def _images(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.suffix != ".csv")


def test_what_is_kept(tmp_path: Path) -> None:
    """A file called by its hash, with the bytes of the response, and its row; the licence of the source goes first."""
    collection = _collection(tmp_path)
    _offer(collection, "http://a/../../etc/passwd?x=.exe", photo(1, kind="PNG"))
    _offer(collection, "http://a/2", photo(2), licence="CC0")
    rows = list(Manifest(tmp_path).rows.values())
    assert _images(tmp_path) == sorted(row.file for row in rows)
    assert [(tmp_path / row.file).read_bytes() for row in rows] == [photo(1, kind="PNG"), photo(2)]
    assert rows[0].file == rows[0].sha256[:16] + ".png"
    assert [row.licence for row in rows] == ["of a header", "CC0"]
    assert (rows[0].page, rows[0].date[-1], collection.new_images) == ("http://page/", "Z", 2)


def test_what_is_refused(tmp_path: Path) -> None:
    """A duplicate, a near duplicate and a page leave a row with the reason, and no file."""
    collection = _collection(tmp_path)
    for url, data in (("1", photo(1)), ("2", photo(1)), ("3", photo(1, (320, 240))), ("4", b"<html>")):
        _offer(collection, f"http://a/{url}", data)
    reasons = [row.reason for row in Manifest(tmp_path).rows.values()]
    assert reasons == ["", "duplicate", "near_duplicate", "not_an_image"]
    assert len(_images(tmp_path)) == 1


def test_enough(tmp_path: Path) -> None:
    """Once it is full an image that was under way is neither kept nor refused."""
    collection = _collection(tmp_path, count=1)
    _offer(collection, "http://a/1", photo(1))
    assert collection.is_full
    _offer(collection, "http://a/2", photo(2))
    assert list(Manifest(tmp_path).rows) == ["http://a/1"]
    assert not _collection(tmp_path, count=2).is_full
    assert _collection(tmp_path, count=1).is_full


def test_closed(tmp_path: Path) -> None:
    """After an interruption nothing is written any more."""
    collection = _collection(tmp_path)
    collection.close()
    _offer(collection, "http://a/1", photo(1))
    _offer(collection, "http://a/2", b"<html>")
    assert (Manifest(tmp_path).rows, _images(tmp_path)) == ({}, [])


def test_a_url_is_fetched_once(tmp_path: Path) -> None:
    """In one run and over several; one that was stopped is not settled."""
    fetches = []

    def fetch() -> Fetched:
        fetches.append(1)
        raise Refused("http_error", "HTTP 404")

    def stopped() -> Fetched:
        fetches.append(2)
        raise Stopped

    for _ in range(2):
        collection = _collection(tmp_path)
        collection.offer(Source("http://a/1"), fetch)
        collection.offer(Source("http://a/1"), fetch)
        collection.offer(Source("http://a/2"), stopped)
    assert fetches == [1, 2, 2]


def test_a_full_disk_leaves_nothing_half(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the file cannot be written there is no row, no file, and the error."""
    collection = _collection(tmp_path)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space left on device"):
        _offer(collection, "http://a/1", photo(1))
    assert (list(collection._manifest.rows), _images(tmp_path)) == ([], [])


def test_half_written_files_go(tmp_path: Path) -> None:
    """What a killed process was writing has no final name, and is removed; other hidden files stay."""
    for name in (".0123abcd.0123456789abcdef.jpg", ".mine.jpg"):
        (tmp_path / name).write_bytes(b"half")
    _collection(tmp_path)
    assert _images(tmp_path) == [".mine.jpg"]
