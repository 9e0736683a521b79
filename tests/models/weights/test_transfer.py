"""imgcls.models.weights.transfer: a download goes on where it broke off, and another file is never taken for it."""

import hashlib
import threading
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest

import weights_site
from imgcls.models.weights import network, transfer
from imgcls.models.weights.transfer import Expected
from weights_site import Reply, Site

BODY = bytes(range(250)) * 4
SHA = hashlib.sha256(BODY).hexdigest()
RIGHT = Expected(SHA)


@pytest.fixture(autouse=True)
def _no_proxies(no_weights: None) -> None:
    """None of this machine."""


@pytest.fixture
def part(tmp_path: Path) -> Path:
    """Where a download is collected."""
    return tmp_path / "net.part"


@pytest.fixture
def other_host() -> Iterator[Site]:
    """A second server."""
    with weights_site.serving() as server:
        yield server


def _fetch(site: Site, part: Path, expected: Expected = RIGHT) -> transfer.Transferred:
    return transfer.fetch(f"{site.url}/net", part, expected, lambda _done, _total: None)


def test_a_whole_file(site: Site, part: Path) -> None:
    """Its hash, its size and its headers are returned, and progress was reported up to its end."""
    site.replies["/net"] = Reply(BODY, headers={"X-Repo-Commit": "abc"})
    reports: list[tuple[int, int | None]] = []
    result = transfer.fetch(f"{site.url}/net", part, Expected(), lambda done, total: reports.append((done, total)))
    assert (result.sha256, result.size, result.headers["x-repo-commit"]) == (SHA, 1000, "abc")
    assert reports[-1] == (1000, 1000)
    assert [file.name for file in part.parent.iterdir()] == ["net.part"]


@pytest.mark.parametrize("cuts", [[500], [1], [999], [300, 300, 300]])
def test_a_connection_that_breaks_off_is_opened_again(site: Site, part: Path, cuts: list[int]) -> None:
    """Only what is missing is requested, as often as each attempt gets farther."""
    site.replies["/net"] = Reply(BODY, cuts=[*cuts])
    assert _fetch(site, part).sha256 == SHA
    assert part.read_bytes() == BODY
    begins = [sum(cuts[:number]) for number in range(1, len(cuts) + 1)]
    assert site.ranges == [None, *(f"bytes={begin}-" for begin in begins)]


def test_the_number_of_attempts_is_limited(site: Site, part: Path) -> None:
    """A connection that breaks off every time is given up, though each attempt gets farther."""
    site.replies["/net"] = Reply(BODY, cuts=[1] * 9)
    with pytest.raises(OSError, match="the download broke off after 5 of 1000 bytes"):
        _fetch(site, part)
    assert len(site.requests) == transfer.ATTEMPTS


def test_another_process_goes_on(site: Site, part: Path) -> None:
    """What an earlier attempt left is continued."""
    site.replies["/net"] = Reply(BODY, cuts=[500, 0])
    with pytest.raises(OSError, match="the download broke off after 500 of 1000 bytes"):
        _fetch(site, part)
    assert _fetch(site, part).sha256 == SHA
    assert site.ranges[-1] == "bytes=500-"


def test_a_part_that_is_whole_is_not_requested_again(site: Site, part: Path) -> None:
    """Where a process was killed between the last byte and the name."""
    site.replies["/net"] = Reply(BODY, cuts=[500, 0])
    with pytest.raises(OSError, match="broke off"):
        _fetch(site, part)
    part.write_bytes(BODY)
    assert _fetch(site, part).sha256 == SHA
    assert len(site.requests) == 2


def test_a_server_without_ranges_starts_anew(site: Site, part: Path) -> None:
    """The whole file replaces what is there, and an attempt that gets no farther is the last."""
    site.replies["/net"] = Reply(BODY, ranges=False, cuts=[500])
    assert _fetch(site, part).sha256 == SHA
    site.replies["/net"] = Reply(BODY, ranges=False, cuts=[500] * 9)
    with pytest.raises(OSError, match="the download broke off after 500 of 1000 bytes"):
        _fetch(site, part.with_name("other.part"))
    assert len(site.requests) == 4


def test_a_file_that_changed_in_between_starts_anew(site: Site, part: Path) -> None:
    """The halves of two versions are never joined: ``If-Range`` has the first one's ETag."""
    site.replies["/net"] = Reply(b"x" * 1000, cuts=[500, 0])
    with pytest.raises(OSError, match="broke off"):
        _fetch(site, part, Expected())
    site.replies["/net"] = Reply(BODY)
    assert _fetch(site, part).sha256 == SHA


@pytest.mark.parametrize("etag", [None, 'W/"weak"'])
def test_without_a_strong_validator_nothing_is_continued(site: Site, part: Path, etag: str | None) -> None:
    """Where nothing tells the versions of a file apart, every attempt is the whole of it."""
    site.replies["/net"] = Reply(BODY, etag=etag, cuts=[500])
    assert _fetch(site, part).sha256 == SHA
    assert site.ranges == [None, None]


@pytest.mark.parametrize("shift", [1, -1, 100])
def test_a_range_that_begins_elsewhere_is_not_joined(site: Site, part: Path, shift: int) -> None:
    """A 206 that does not continue what is there is dropped, and the file requested whole."""
    site.replies["/net"] = Reply(BODY, cuts=[500], shift=shift)
    assert _fetch(site, part).sha256 == SHA
    assert site.ranges == [None, "bytes=500-", None]


@pytest.mark.parametrize(
    ("promised", "message"),
    [(1500, "the download broke off after 1000 of 1500 bytes"), (400, "it is another file: its sha256 is")],
)
def test_a_lie_about_the_length(site: Site, part: Path, promised: int, message: str) -> None:
    """Neither a longer nor a shorter one than it is gives a file."""
    site.replies["/net"] = Reply(BODY, promised=promised)
    with pytest.raises((OSError, ValueError), match=message):
        _fetch(site, part)


def test_a_size_that_is_not_the_listed_one(site: Site, part: Path) -> None:
    """It is noticed before anything is received."""
    site.replies["/net"] = Reply(BODY)
    with pytest.raises(ValueError, match="it is another file, of 1000 bytes and not 2000"):
        _fetch(site, part, Expected(size=2000))
    assert not part.exists()


def test_more_than_the_listed_size(part: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that states no length, and sends for ever, does not fill the disk."""
    pieces = iter([b"x" * 6] * 10)
    endless = SimpleNamespace(status=200, headers={}, read1=lambda _: next(pieces, b""))
    monkeypatch.setattr(transfer, "_opened", lambda *_: nullcontext(endless))
    with pytest.raises(ValueError, match="it is another file, of more than 10 bytes"):
        transfer.fetch("http://weights.example/net", part, Expected(size=10), lambda *_: None)
    assert not part.exists()


def test_another_file_is_forgotten(site: Site, part: Path) -> None:
    """Nothing of it is continued: the next attempt is the whole file."""
    site.replies["/net"] = Reply(b"another file")
    with pytest.raises(ValueError, match=f"it is another file: its sha256 is [0-9a-f]+, and not {SHA}"):
        _fetch(site, part)
    site.replies["/net"] = Reply(BODY)
    assert _fetch(site, part).sha256 == SHA


def test_redirects_are_followed(site: Site, other_host: Site, part: Path) -> None:
    """Also to another host, in each attempt."""
    other_host.replies["/there"] = Reply(BODY, cuts=[500])
    site.replies["/net"] = Reply(status=302, headers={"Location": f"{other_host.url}/there"}, etag=None)
    assert _fetch(site, part).sha256 == SHA
    assert other_host.ranges == [None, "bytes=500-"]


def test_credentials_stay_with_their_host(site: Site, other_host: Site, part: Path) -> None:
    """A token is sent to the host that it is for, and not to where that redirects."""
    other_host.replies["/there"] = Reply(BODY)
    site.replies["/net"] = Reply(status=302, headers={"Location": f"{other_host.url}/there"}, etag=None)
    transfer.fetch(f"{site.url}/net", part, Expected(SHA), lambda *_: None, {"Authorization": "Bearer secret"})
    assert (site.tokens, other_host.tokens) == (["Bearer secret"], [None])


def test_a_circle_of_redirects_ends(site: Site, part: Path) -> None:
    """With an error of the network, and soon."""
    site.replies["/net"] = Reply(status=302, headers={"Location": "/net"}, etag=None)
    with pytest.raises(OSError, match="infinite loop") as caught:
        _fetch(site, part)
    assert network.why(caught.value) == "HTTP 302 Found"


@pytest.mark.parametrize("target", ["ftp://127.0.0.1/net", "file:///etc/passwd"])
def test_redirects_to_other_protocols_are_refused(site: Site, part: Path, target: str) -> None:
    """Only http and https are followed."""
    site.replies["/net"] = Reply(status=302, headers={"Location": target}, etag=None)
    with pytest.raises(OSError, match=r"redirect|302"):
        _fetch(site, part)


def test_a_stall_keeps_what_is_there(site: Site, part: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A download that stands still is given up, and continued by the next attempt."""
    monkeypatch.setattr(network, "STALL_SECONDS", 0.05)
    site.replies["/net"] = Reply(BODY, stall=threading.Event())
    with pytest.raises(OSError, match=r"the download stood still for 0\.05 s"):
        _fetch(site, part)
    site.replies["/net"].stall.set()  # type: ignore[union-attr]  # it is there
    site.replies["/net"] = Reply(BODY)
    assert _fetch(site, part).sha256 == SHA
    assert site.ranges == [None, "bytes=500-"]
