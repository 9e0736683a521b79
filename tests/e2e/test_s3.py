"""imgcls.data.places.remote over s3fs: a bucket on this machine, whose server fails on purpose."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from dataset_forms import files_below, labels, listed, reasons, tar_of
from imgcls.data import listing as listings
from imgcls.data.places import remote
from imgcls.errors import ConfigError, Undecodable
from imgcls.evaluation import hash_cache
from imgcls.records.config import Address, DatasetSpec
from imgcls.records.data import Place
from imgcls.store.database import Store

Start = Callable[[str, list[tuple[str, str]]], object]
MEMBERS = {f"{label}/{number}.png": f"{label}{number}".encode() * 9 for label in ("cat", "dog") for number in range(3)}


class Bucket:
    """A WSGI server of one bucket. ``failures``: the number of requests that fail next; ``requests``: all that came."""

    def __init__(self) -> None:
        self.failures = 0
        self.requests = list[tuple[str, str]]()
        moto_server = pytest.importorskip("moto.moto_server.werkzeug_app")
        self._moto = moto_server.DomainDispatcherApplication(moto_server.create_backend_app)

    def __call__(self, environ: Mapping[str, Any], start: Start) -> Any:
        self.requests.append((environ["REQUEST_METHOD"], environ["PATH_INFO"]))
        if self.failures:
            self.failures -= 1
            start("503 Slow Down", [("Content-Length", "0")])
            return [b""]
        return self._moto(environ, start)

    def put(self, fs: Any, prefix: str, files: Mapping[str, bytes]) -> None:
        """Write objects."""
        for path, data in files.items():
            fs.pipe_file(f"photos/{prefix}{path}", data)


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[Bucket, str]]:
    """A server of S3 on a port of this machine, and its address."""
    serving = pytest.importorskip("werkzeug.serving")
    bucket = Bucket()
    with closing(serving.make_server("127.0.0.1", 0, bucket, threaded=True)) as listening:
        listening.close = listening.server_close
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        yield bucket, f"http://127.0.0.1:{listening.server_port}"
        listening.shutdown()


@pytest.fixture
def bucket(server: tuple[Bucket, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Bucket, Any]]:
    """An empty bucket ``photos``, its endpoint configured as docs/datasets.md has it, without retries of botocore."""
    fsspec, s3fs = pytest.importorskip("fsspec"), pytest.importorskip("s3fs")
    monkeypatch.setattr(remote, "BACK_OFF_S", 0.001)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setitem(fsspec.config.conf, "s3", {})
    environment = {
        "FSSPEC_S3_ENDPOINT_URL": server[1],
        "FSSPEC_S3": '{"config_kwargs": {"retries": {"max_attempts": 0}}}',
    }
    fsspec.config.set_conf_env(fsspec.config.conf, environment)
    s3fs.S3FileSystem.clear_instance_cache()
    fs = fsspec.filesystem("s3")
    fs.mkdir("photos")
    server[0].requests.clear()
    yield server[0], fs
    server[0].failures = 0
    fs.rm("photos", recursive=True)
    s3fs.S3FileSystem.clear_instance_cache()


def test_a_folder_in_a_bucket_is_a_folder(bucket: tuple[Bucket, Any]) -> None:
    """Sorted by path, with the same bytes and books; an object that vanishes midway is missing."""
    server, fs = bucket
    server.put(fs, "set/", {**MEMBERS, "x.png": b"x", "cat/notes.txt": b"n", "cat/empty.png": b"", "cat-2/a.png": b"a"})
    listing = listed("s3://photos/set")
    paths = sorted([*MEMBERS, "cat-2/a.png"])
    assert labels(listing) == {path: path.partition("/")[0] for path in paths}
    assert [image.path for image in listing.images] == paths
    assert {path: reason for path, (reason, _) in reasons(listing).items()} == {
        "cat/empty.png": "empty", "x.png": "unlabelled",
    }  # fmt: skip
    assert listing.ignored_suffixes == {".txt": 1}
    assert [listings.read(image) for image in listing.images[1:]] == list(MEMBERS.values())
    fs.rm_file("photos/set/dog/2.png")
    with pytest.raises(Undecodable, match=r"^missing"):
        listings.read(listing.images[-1])
    with pytest.raises(ConfigError, match="s3://photos/none holds no files, or does not exist"):
        listed("s3://photos/none")


def test_archives_in_a_bucket_are_archives(
    bucket: tuple[Bucket, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By braces and by wildcards; one that is not there is a rejection, one that vanishes midway is missing."""
    server, fs = bucket
    for number in (0, 2):
        tar_of(tmp_path / f"s-{number}.tar", MEMBERS)
    server.put(fs, "", files_below(tmp_path))
    listing = listed("s3://photos/s-{0..2}.tar")
    assert list(labels(listing)) == [f"s-{number}.tar/{path}" for number in (0, 2) for path in MEMBERS]
    assert {path: reason for path, (reason, _) in reasons(listing).items()} == {"s-1.tar": "missing"}
    assert list(labels(listed("s3://photos/s-*.tar"))) == list(labels(listing))
    assert [listings.read(image) for image in listing.images] == [*MEMBERS.values()] * 2
    fs.rm_file("photos/s-2.tar")
    monkeypatch.setattr(remote, "_BLOCKS", type(remote._BLOCKS)(16))
    with pytest.raises(Undecodable, match=r"^missing"):
        listings.read(listing.images[-1])


def test_a_server_that_slows_down_is_tried_again(bucket: tuple[Bucket, Any]) -> None:
    """Three failures of a request are not seen; those that stay are named. An image is one request."""
    server, fs = bucket
    server.put(fs, "set/", {"cat/0.png": b"one"})
    server.failures = remote.TRIES - 1
    listing = listed("s3://photos/set")
    assert list(labels(listing)) == ["cat/0.png"]
    server.requests.clear()
    assert (listings.read(listing.images[0]), server.requests) == (b"one", [("GET", "/photos/set/cat/0.png")])
    server.put(fs, "set/", {"cat/0.png": b"one and more"})
    with pytest.raises(Undecodable, match=r"^changed"):
        listings.read(listing.images[0])
    server.failures = 100
    with pytest.raises(Undecodable, match=r"^unreadable: .*Service Unavailable"):
        listings.read(listing.images[0])
    assert server.failures == 100 - remote.TRIES
    with pytest.raises(
        ConfigError, match=r"^dataset 'd': s3://photos/set cannot be listed: unreadable: .*Service Unavailable"
    ):
        listed("s3://photos/set")


def test_a_hash_is_kept_beside_the_etag(bucket: tuple[Bucket, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """With --trust-mtime an object is downloaded again where its ETag is another one; the list has it of each."""
    server, fs = bucket
    hashed = list[str]()
    really = listings.sha256

    def sha256(place: Place) -> str:
        hashed.append(getattr(place, "name", ""))
        return really(place)

    monkeypatch.setattr(listings, "sha256", sha256)

    def count(store: Store) -> list[str]:
        hashed.clear()
        hash_cache.listing(store, DatasetSpec("d", Address("s3://photos/set")))
        return list(hashed)

    server.put(fs, "set/", MEMBERS)
    with closing(Store(None)) as store:
        assert count(store) == list(MEMBERS)
        server.requests.clear()
        assert count(store) == []
        assert {method for method, _ in server.requests} == {"GET"}
        assert all(path == "/photos" for _, path in server.requests)  # lists, and opens no object
        server.put(fs, "set/", {"cat/1.png": b"other"})
        assert count(store) == ["cat/1.png"]
