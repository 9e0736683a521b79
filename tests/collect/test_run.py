"""imgcls.collect.run: from a request to a folder, through icrawler's own code, against a site that misbehaves."""

import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import engine_pages
from collect_site import Site, body, endless, in_turn, photo, redirect, status, write_list
from imgcls.collect import client, run
from imgcls.collect.manifest import FILE, Manifest
from imgcls.collect.request import Outcome, Request
from imgcls.errors import MachineError

pytestmark = pytest.mark.usefixtures("quick")

Collect = Callable[..., Outcome]


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "photos" / "sorrel"


@pytest.fixture
def collect(out: Path, monkeypatch: pytest.MonkeyPatch) -> Collect:
    """A collection into the folder, as quick as the machine; progress goes to ``collect.progress``."""
    monkeypatch.setattr(client, "TRIES", 2)

    def collected(**options: object) -> Outcome:
        return run.collect(Request(**{"out": out, "per_second": 1000.0, **options}), lambda *_: None)  # type: ignore[arg-type]

    return collected


@pytest.fixture
def misbehaving(site: Site, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """What the site serves by path, and the reason for which it is refused, empty where it is kept."""
    ended = threading.Event()
    wait = threading.Event().wait
    monkeypatch.setattr("imgcls.collect.pace.Pace.pause", lambda *_: wait(0.01))
    monkeypatch.setattr(client, "FILE_SECONDS", 0.3)
    monkeypatch.setattr(client, "MAX_BYTES", 2**18)
    half = photo(5)
    serves = {
        "/fine.jpg": (body(photo(1)), ""),
        "/fine.png": (body(photo(2, kind="PNG")), ""),
        "/no-suffix": (body(photo(3), "text/html"), ""),
        "/busy-once.jpg": (in_turn(status(429, Retry_After="1"), body(photo(6))), ""),
        "/broken-once.jpg": (in_turn(status(500), body(photo(7))), ""),
        "/redirected.jpg": (redirect("/hop"), ""),
        "/page.jpg": (body(b"<!doctype html><html><body>Not here</body></html>"), "not_an_image"),
        "/truncated.jpg": (body(half[: len(half) // 2]), "truncated"),
        "/tiny.jpg": (body(photo(8, (40, 30))), "too_small"),
        "/absent.jpg": (status(404), "http_error"),
        "/always-busy.jpg": (status(429), "busy"),
        "/always-broken.jpg": (status(500), "server_error"),
        "/circle.jpg": (redirect("/circle.jpg"), "redirects"),
        "/slow.jpg": (endless(ended), "timeout"),
        "/states-more.jpg": (body(half, length=len(half) + 1000), "cut_short"),
        "/states-less.jpg": (body(half, length=len(half) - 1000), "truncated"),
        "/large.jpg": (body(bytes(2**18 + 1)), "too_big"),
        "/private/fine.jpg": (body(photo(9)), "robots"),
        "/out.jpg": (redirect("/private/fine.jpg"), "robots"),
    }
    site.paths |= {path: serve for path, (serve, _) in serves.items()}
    site.paths |= {"/robots.txt": body(b"User-agent: *\nDisallow: /private/"), "/hop": body(photo(4))}
    yield {path: reason for path, (_, reason) in serves.items()}
    ended.set()


def _reasons(folder: Path) -> dict[str, str]:
    return {re.sub(r"^http://[^/]*", "", url): row.reason for url, row in Manifest(folder).rows.items()}


def test_a_site_that_misbehaves(
    collect: Collect, site: Site, misbehaving: dict[str, str], tmp_path: Path, out: Path
) -> None:
    """Each URL is kept or refused with its reason, and what could be otherwise next time is tried again next time."""
    urls = write_list(tmp_path / "urls.txt", *(site.url + path for path in misbehaving))
    outcome = collect(urls=urls)
    assert {reason: r.count for reason, r in outcome.refused.items()} == Counter(filter(None, misbehaving.values()))
    fine = [path for path, reason in misbehaving.items() if not reason]
    assert (outcome.images, outcome.new_images, outcome.requested) == (len(fine), len(fine), len(misbehaving))
    assert outcome.missing == len(misbehaving) - len(fine)
    assert (site.requested("/private/fine.jpg"), site.requested("/robots.txt")) == (0, 1)
    assert sorted(path.suffix for path in out.iterdir()) == [".csv", *[".jpg"] * 5, ".png"]
    assert [path.name for path in out.iterdir() if path.name.startswith(".")] == []

    before = len(site.received)
    again = collect(urls=urls)
    assert (again.images, again.new_images) == (len(fine), 0)
    transient = {"busy", "server_error", "timeout", "cut_short"}
    requested = {request.path for request in site.received[before:]} - {"/robots.txt"}
    assert requested == {path for path, reason in misbehaving.items() if reason in transient}


def test_duplicates(collect: Collect, site: Site, tmp_path: Path, out: Path) -> None:
    """The same bytes under another URL and the same image at another size are kept once."""
    site.paths |= {"/1": body(photo(1)), "/2": body(photo(1)), "/3": body(photo(1, (320, 240))), "/4": body(photo(2))}
    outcome = collect(urls=write_list(tmp_path / "urls.txt", *(f"{site.url}/{n}" for n in (1, 4))))
    assert outcome.images == 2
    outcome = collect(urls=write_list(tmp_path / "urls.txt", *(f"{site.url}/{n}" for n in (2, 3))))
    assert (outcome.images, outcome.new_images, outcome.missing) == (2, 0, 2)
    assert _reasons(out) == {"/1": "", "/4": "", "/2": "duplicate", "/3": "near_duplicate"}


def test_exclude(collect: Collect, site: Site, tmp_path: Path, out: Path) -> None:
    """What stands in a training set, exactly or nearly, is dropped; what was kept before is named."""
    train = tmp_path / "train" / "horse"
    train.mkdir(parents=True)
    (train / "a.jpg").write_bytes(photo(1))
    (train / "b.png").write_bytes(photo(2, (320, 240), "PNG"))
    site.paths |= {f"/{n}": body(photo(n)) for n in (1, 2, 3)}
    urls = write_list(tmp_path / "urls.txt", *(f"{site.url}/{n}" for n in (1, 2, 3)))
    outcome = collect(urls=urls, exclude=(tmp_path / "train",))
    assert _reasons(out) == {"/1": "excluded", "/2": "near_excluded", "/3": ""}
    assert outcome.notes == ()
    (train / "c.jpg").write_bytes(photo(3))
    [note] = collect(urls=urls, exclude=(tmp_path / "train",)).notes
    assert re.fullmatch(r"1 image in .*/sorrel from before are in a folder to exclude, too: delete .*\.jpg", note)


def test_a_search(collect: Collect, at_site: Site, out: Path) -> None:
    """Feeder, parser and downloaders of icrawler: as many images as requested, with their pages."""
    at_site.paths |= {f"/{n}.jpg": body(photo(n)) for n in range(40)}
    at_site.paths["/images/async?"] = body(
        engine_pages.bing(*({"murl": f"{at_site.url}/{n}.jpg", "purl": f"http://a/{n}"} for n in range(40)))
    )
    outcome = collect(query="sorrel horse", count=6)
    assert (outcome.images, outcome.requested, outcome.missing, outcome.refused) == (6, 6, 0, {})
    assert all(row.page.startswith("http://a/") for row in Manifest(out).rows.values())
    assert (
        at_site.requested("/images/async?q=sorrel%20horse&first=0")
        + at_site.requested("/images/async?q=sorrel+horse&first=0")
        == 1
    )
    before = len(at_site.received)
    assert collect(query="sorrel horse", count=6).new_images == 0
    assert len(at_site.received) == before


def test_a_search_that_gives_too_little(collect: Collect, at_site: Site) -> None:
    """It ends, and how many are missing is known; a later run fetches only what is new."""
    at_site.paths |= {f"/{n}.jpg": body(photo(n)) for n in range(3)}
    images = [{"murl": f"{at_site.url}/{n}.jpg"} for n in range(4)]
    at_site.paths["/images/async?"] = body(engine_pages.bing(*images))
    outcome = collect(query="horse", count=10)
    assert (outcome.images, outcome.missing, outcome.refused["http_error"].count) == (3, 7, 1)
    before = len(at_site.received)
    assert collect(query="horse", count=10).new_images == 0
    assert {request.path.partition("?")[0] for request in at_site.received[before:]} == {"/robots.txt", "/images/async"}


def test_a_search_cannot_look_inside(
    collect: Collect, at_site: Site, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A result of a public engine that names this network is refused, and nothing is sent there."""
    monkeypatch.setattr("imgcls.collect.crawl.addresses.is_private", lambda _host: False)
    at_site.paths["/secret.jpg"] = body(photo(1))
    urls = [
        f"{at_site.url}/secret.jpg",
        "http://169.254.169.254/latest/",
        f"http://localhost:{at_site.port}/secret.jpg",
    ]
    at_site.paths["/images/async?"] = body(engine_pages.bing(*({"murl": url} for url in urls)))
    outcome = collect(query="horse", count=3)
    assert {row.reason for row in Manifest(out).rows.values()} == {"private_address"}
    assert (outcome.images, outcome.refused["private_address"].count, at_site.requested("/secret.jpg")) == (0, 3, 0)


def test_an_interruption(
    collect: Collect, site: Site, tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C keeps what is complete, and the same command continues: nothing is fetched twice."""
    ended = threading.Event()
    monkeypatch.setattr("imgcls.collect.crawl.LEAVE_SECONDS", 60.0)
    site.paths |= {"/1": body(photo(1)), "/2": body(photo(2)), "/3": in_turn(endless(ended), body(photo(3)))}
    urls = write_list(tmp_path / "urls.txt", *(f"{site.url}/{n}" for n in (1, 2, 3)))

    def interrupt(_seconds: float) -> None:
        if site.requested("/3") and len(list(out.glob("*.jpg"))) == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("icrawler.crawler.time.sleep", interrupt)
        started = time.monotonic()
        outcome = collect(urls=urls)
    assert time.monotonic() - started < 30
    assert (outcome.is_interrupted, outcome.images, outcome.missing) == (True, 2, 1)
    ended.set()
    outcome = collect(urls=urls)
    assert (outcome.is_interrupted, outcome.images, outcome.missing) == (False, 3, 0)
    assert [site.requested(f"/{n}") for n in (1, 2, 3)] == [1, 1, 2]


def test_a_run_that_was_killed(collect: Collect, site: Site, tmp_path: Path, out: Path) -> None:
    """Half an image, an image without a row and half a row: the next run mends each, and loses nothing."""
    site.paths |= {f"/{n}": body(photo(n)) for n in (1, 2, 3)}
    urls = write_list(tmp_path / "urls.txt", *(f"{site.url}/{n}" for n in (1, 2, 3)))
    collect(urls=urls)
    lines = (out / FILE).read_text().splitlines(keepends=True)
    (out / FILE).write_text("".join(lines[:3]) + lines[3][:30])
    (out / ".0123abcd.0123456789abcdef.jpg").write_bytes(photo(3)[:100])
    outcome = collect(urls=urls)
    assert (outcome.images, outcome.new_images, outcome.missing) == (3, 1, 0)
    assert len(list(out.iterdir())) == 4
    assert sum(site.requested(f"/{n}") for n in (1, 2, 3)) == 4


def test_a_manifest_rebuilds_a_collection(collect: Collect, site: Site, tmp_path: Path, out: Path) -> None:
    """The manifest of one folder is a list of URLs for another, with pages and licences."""
    site.paths |= {"/1": body(photo(1), Link='<http://cc/by>; rel="license"'), "/2": status(404)}
    collect(urls=write_list(tmp_path / "urls.txt", f"{site.url}/1", f"{site.url}/2"))
    outcome = collect(urls=out / FILE, out=tmp_path / "again")
    assert (outcome.images, outcome.requested, outcome.missing) == (1, 1, 0)
    [row] = Manifest(tmp_path / "again").rows.values()
    assert row.licence == "http://cc/by"


def test_progress(site: Site, tmp_path: Path, out: Path) -> None:
    """Of the images that are kept."""
    site.paths["/1"] = body(photo(1))
    reports = []
    urls = write_list(tmp_path / "urls.txt", f"{site.url}/1")
    run.collect(Request(out=out, urls=urls, per_second=1000), lambda *report: reports.append(report))
    assert reports == [("sorrel", 0, 1), ("sorrel", 1, 1)]


def test_nothing_is_left_of_a_run_that_cannot_begin(collect: Collect, tmp_path: Path) -> None:
    """Without a network there is no empty folder, which a dataset would take for a class without images."""
    with pytest.raises(MachineError, match=r"^cannot reach 127\.0\.0\.1:9 within 2 s"):
        collect(urls=write_list(tmp_path / "urls.txt", "http://127.0.0.1:9/a.jpg"))
    assert [path.name for path in tmp_path.iterdir()] == ["urls.txt"]
