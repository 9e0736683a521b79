"""imgcls.data.places.remote: bytes behind URLs are those that were listed, or are named, after retries."""

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dataset_forms import DATA, Site, files_below, labels, listed, parquet_of, reasons, serving, tar_of, zip_of
from imgcls.data import listing as listings
from imgcls.data.places import remote
from imgcls.errors import ConfigError, MachineError, Undecodable

fsspec = pytest.importorskip("fsspec")

MEMBERS = {f"{label}/{number}.png": f"{label}{number}".encode() * 99 for label in ("cat", "dog") for number in range(3)}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Small blocks, short waits, nothing known of other tests."""
    monkeypatch.setattr(remote, "BLOCK", 1000)
    monkeypatch.setattr(remote, "BACK_OFF_S", 0.001)
    monkeypatch.setattr(remote, "_BLOCKS", type(remote._BLOCKS)(16))
    remote._LISTED.clear()
    remote._pool.cache_clear()
    yield
    remote._pool.cache_clear()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A web server with an archive."""
    with serving({"/a.tar": tar_of(tmp_path / "a.tar", MEMBERS).read_bytes()}) as server:
        yield server


@pytest.fixture
def memory() -> Iterator[Any]:
    """fsspec's file system in memory, empty before and after."""
    fs = fsspec.filesystem("memory")
    fs.store.clear()
    yield fs
    fs.store.clear()
    fs.pseudo_dirs.clear()


def _put(fs: Any, root: str, files: dict[str, bytes]) -> None:
    for path, data in files.items():
        fs.pipe_file(f"/{root}/{path}", data)


# HTTP.


def test_an_archive_is_read_in_parts(site: Site) -> None:
    """Never as a whole, and the parts around an image serve its neighbours."""
    listing = listed(f"{site.url}/a.tar")
    assert labels(listing) == {path: path.partition("/")[0] for path in MEMBERS}
    assert [listings.read(image) for image in listing.images] == list(MEMBERS.values())
    assert all(of_bytes.startswith("bytes=") for _, of_bytes in site.requests)
    before = len(site.requests)
    listings.read(listing.images[0])
    assert len(site.requests) == before


@pytest.mark.parametrize("status", [429, 500, 503])
def test_failures_that_pass_are_not_seen(site: Site, status: int) -> None:
    """Three in a row, of a server that is busy."""
    site.status, site.failures = status, 3
    assert len(listed(f"{site.url}/a.tar").images) == len(MEMBERS)
    assert site.failures < 0


def test_bodies_that_are_cut_short_are_requested_again(site: Site) -> None:
    """A part that ends early is never taken for the whole."""
    site.cut = 2
    listing = listed(f"{site.url}/a.tar")
    assert [listings.read(image) for image in listing.images] == list(MEMBERS.values())
    assert not site.cut


def test_failures_that_stay_are_rejections_with_their_status(site: Site) -> None:
    """In the middle of a run: the image is unreadable, and the next one may be read again."""
    first, second = listed(f"{site.url}/a.tar").images[:2]
    remote._BLOCKS._values.clear()
    site.failures = 100
    with pytest.raises(Undecodable, match=r"^unreadable: http.*/a\.tar: status 503"):
        listings.read(first)
    site.failures = 0
    assert listings.read(second) == MEMBERS[second.path]


def test_a_file_that_changes_is_noticed_by_its_etag(site: Site) -> None:
    """The server refuses the part, because it is requested of the version that was listed."""
    first = listed(f"{site.url}/a.tar").images[0]
    remote._BLOCKS._values.clear()
    site.etag = '"2"'
    with pytest.raises(Undecodable, match=r"^changed"):
        listings.read(first)


def test_a_file_that_vanishes_is_missing(site: Site) -> None:
    """After it was listed, and before."""
    first = listed(f"{site.url}/a.tar").images[0]
    remote._BLOCKS._values.clear()
    del site.files["/a.tar"]
    with pytest.raises(Undecodable, match=r"^missing: http.*status 404"):
        listings.read(first)
    with pytest.raises(ConfigError, match=r"a\.tar: missing: .*status 404"):
        listed(f"{site.url}/a.tar")


def test_a_server_without_parts_is_named(site: Site) -> None:
    """An image would cost the whole archive."""
    site.ranges = False
    with pytest.raises(ConfigError, match="gives no parts of a file: download it, and name the file"):
        listed(f"{site.url}/a.tar")


def test_a_server_that_gives_another_part_is_named(site: Site) -> None:
    """Its bytes would be those of another image."""
    listing = listed(f"{site.url}/a.tar")
    remote._BLOCKS = type(remote._BLOCKS)(16)
    site.shift = 512
    with pytest.raises(Undecodable, match=r"gave another part than bytes=0-999: bytes 512-1511/") as error:
        listings.read(listing.images[0])
    assert error.value.reason == "unreadable"


def test_what_is_secret_in_an_url_is_nowhere(site: Site) -> None:
    """Neither in messages nor in what is kept on the disk, where URLs that differ in it stay apart."""
    site.files["/a.tar?sig=SECRET"] = site.files["/a.tar?sig=OTHER"] = site.files["/a.tar"]
    first, second = (listed(f"{site.url}/a.tar?sig={sig}").images[0] for sig in ("SECRET", "OTHER"))
    with pytest.raises(ConfigError, match=r"^cat/0\.png is not a file of its own") as error:
        _ = first.file
    states = [listings.state(image.place) for image in (first, second)]
    assert "SECRET" not in f"{error.value} {states}"
    assert states[0] != states[1]
    with pytest.raises(ConfigError, match=r"http://127\.0\.0\.1:99999/a\.tar: .*Failed to parse") as failed:
        listed("http://127.0.0.1:99999/a.tar?sig=SECRET")
    assert "SECRET" not in str(failed.value)


def test_the_other_archives_are_read_in_the_same_way(site: Site, tmp_path: Path) -> None:
    """zip and Parquet; one of several that is missing is a rejection."""
    site.files |= {
        "/b.zip": zip_of(tmp_path / "b.zip", MEMBERS).read_bytes(),
        "/c-0.parquet": parquet_of(tmp_path / "c.parquet", MEMBERS).read_bytes(),
    }
    for name in ("b.zip", "c-0.parquet"):
        listing = listed(f"{site.url}/{name}")
        assert [listings.read(image) for image in listing.images] == list(MEMBERS.values())
    both = listed(f"{site.url}/c-{{0,1}}.parquet")
    assert (len(both.images), reasons(both)["c-1.parquet"][0]) == (len(MEMBERS), "missing")


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/photos/", "a web server does not list its files: name an archive or a Parquet file"),
        ("/*.tar", "a web server does not list its files: write the numbers as {000..146}"),
    ],
)
def test_folders_and_wildcards_need_a_listing(site: Site, path: str, message: str) -> None:
    """A web server has none."""
    with pytest.raises(ConfigError) as caught:
        listed(site.url + path)
    assert message in str(caught.value)


def test_without_a_server_one_line_comes_soon() -> None:
    """A refused connection and an unknown host: within 3 s."""
    started = time.perf_counter()
    with pytest.raises(ConfigError, match=r"a\.tar: unreadable: http://127\.0\.0\.1:9/a\.tar: .*refused"):
        listed("http://127.0.0.1:9/a.tar")
    assert time.perf_counter() - started < 3


def test_without_urllib3_one_line_states_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """It comes with an extra."""
    monkeypatch.setitem(sys.modules, "urllib3", None)
    with pytest.raises(
        MachineError, match=r"read with urllib3, which is not installed: pip install 'imgcls\[remote\]'$"
    ):
        listed("http://127.0.0.1:9/a.tar")


# fsspec.


def test_a_folder_behind_an_url_is_a_folder(memory: Any) -> None:
    """With a folder per class; what is not an image is ignored, what lies next to the folders is a rejection."""
    _put(memory, "photos", {**MEMBERS, "cat/notes.txt": b"n", "x.png": DATA, "cat/empty.png": b""})
    listing = listed("memory://photos")
    assert labels(listing) == {path: path.partition("/")[0] for path in MEMBERS}
    assert [listings.read(image) for image in listing.images] == list(MEMBERS.values())
    assert {path: reason for path, (reason, _) in reasons(listing).items()} == {
        "x.png": "unlabelled", "cat/empty.png": "empty",
    }  # fmt: skip
    assert listing.ignored_suffixes == {".txt": 1}
    memory.rm_file("/photos/cat/0.png")
    with pytest.raises(Undecodable, match=r"^missing"):
        listings.read(listing.images[0])


def test_archives_behind_an_url_are_archives(memory: Any, tmp_path: Path) -> None:
    """By their suffixes; wildcards are those that the file system lists."""
    tar_of(tmp_path / "a-0.tar", MEMBERS)
    parquet_of(tmp_path / "b.parquet", MEMBERS)
    zip_of(tmp_path / "c.zip", MEMBERS)
    _put(memory, "data", files_below(tmp_path))
    for name in ("a-*.tar", "a-{0..0}.tar", "b.parquet", "c.zip"):
        listing = listed(f"memory://data/{name}")
        assert [listings.read(image) for image in listing.images] == list(MEMBERS.values())


def test_a_file_system_that_fails_is_tried_again(memory: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three times; then the image is unreadable, with what the library said."""
    _put(memory, "photos", MEMBERS)
    image, failures = listed("memory://photos").images[0], [3]
    really_read = type(memory).cat_file

    def read(fs: Any, *args: Any, **options: Any) -> bytes:
        failures[0] -= 1
        if failures[0] >= 0:
            raise TimeoutError("the bucket is busy")
        return bytes(really_read(fs, *args, **options))

    monkeypatch.setattr(type(memory), "cat_file", read)
    assert listings.read(image) == MEMBERS[image.path]
    failures[0] = 100
    with pytest.raises(Undecodable, match=r"^unreadable: the bucket is busy"):
        listings.read(image)
    assert failures[0] == 100 - remote.TRIES


def test_what_a_permission_forbids_is_not_tried_again(memory: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would be forbidden again."""
    monkeypatch.setattr(type(memory), "ls", lambda *_, **__: (_ for _ in ()).throw(PermissionError("not yours")))
    with pytest.raises(ConfigError, match="cannot be listed: permission: not yours"):
        listed("memory://photos")


@pytest.mark.parametrize(
    ("url", "error", "message"),
    [
        ("memory://nothing", ConfigError, "memory://nothing holds no files, or does not exist"),
        ("nosuch://x/a.tar", ConfigError, "nosuch://x/a.tar: Protocol not known: nosuch"),
        ("memory://x/*.tar", ConfigError, r"memory://x/*.tar: no file is called so"),
    ],
)
@pytest.mark.usefixtures("memory")
def test_urls_that_name_nothing_are_errors(url: str, error: type[Exception], message: str) -> None:
    """In one line."""
    with pytest.raises(error) as caught:
        listed(url)
    assert message in str(caught.value)


def test_a_scheme_whose_library_is_missing_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """As fsspec does."""
    monkeypatch.setitem(sys.modules, "s3fs", None)
    known = sys.modules["fsspec.registry"].__dict__["_registry"]  # where another test has read from it
    monkeypatch.delitem(known, "s3", raising=False)
    with pytest.raises(MachineError, match=r"^s3://bucket/a\.tar: s3:// needs another library: Install s3fs"):
        listed("s3://bucket/a.tar")


def test_the_state_of_a_file_is_what_the_server_states(site: Site, memory: Any) -> None:
    """The same ETag, the same state: hashes are known again; without one there is none, and nothing is stored."""
    _put(memory, "photos", MEMBERS)
    for url in (f"{site.url}/a.tar", "memory://photos"):
        image = listed(url).images[0]
        assert listings.state(image.place) == listings.state(image.place)
    before = listings.state(listed(f"{site.url}/a.tar").images[0].place)
    site.etag = '"2"'
    assert listings.state(listed(f"{site.url}/a.tar").images[0].place) not in {before, None}
    site.etag = ""
    assert listings.state(listed(f"{site.url}/a.tar").images[0].place) is None


def test_the_state_of_a_file_in_a_folder_is_that_of_now(memory: Any) -> None:
    """It is requested again when the folder is listed."""
    _put(memory, "photos", MEMBERS)
    before = listings.state(listed("memory://photos").images[0].place)
    _put(memory, "photos", {"cat/0.png": bytes(len(MEMBERS["cat/0.png"]))})
    assert listings.state(listed("memory://photos").images[0].place) != before
