"""imgcls.collect.crawl: icrawler's feeders, parsers, queues and threads, without their faults."""

import logging
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from icrawler import Parser, UrlListFeeder

from collect_site import Site, body
from imgcls.collect.client import Client
from imgcls.collect.crawl import Crawl, Engine, Pages, Steady, Task
from imgcls.collect.pace import Pace

pytestmark = pytest.mark.usefixtures("quick")


class _LinesOfPage(Parser):  # type: ignore[misc]
    """A page that has a URL per line; ``?`` cannot be read."""

    def parse(self, response: Any) -> Iterator[dict[str, str]]:
        for line in response.content.decode().split():
            if line == "?":
                raise KeyError("no such key")
            yield {"file_url": line}


class LinesParser(Steady, _LinesOfPage):  # type: ignore[misc]  # as those of icrawler, which has no types
    """The same, steadily."""


@pytest.fixture
def pages() -> Iterator[Pages]:
    stop = threading.Event()
    client = Client(Pace(1000, stop.wait), stop)
    yield Pages(client, has_key=False)
    stop.set()
    client.close()


def _crawled(pages: Pages, *urls: str, enough: int = 1000, first_s: float = 0.0) -> list[str]:
    offered: list[str] = []

    def offer(task: Task) -> bool:
        time.sleep(0 if offered else first_s)
        offered.append(task["file_url"])
        return len(offered) >= enough

    engine = Engine(urls[0], UrlListFeeder, LinesParser, {"url_list": list(urls)})
    Crawl(engine, pages, offer, threading.Event()).run()
    return offered


@pytest.mark.slow
def test_every_image_of_a_page(site: Site, pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    """No image is lost where a page has more than the queue takes, and a download takes its time.

    icrawler itself loses what it puts again after a second: its queue takes that for a duplicate.
    """
    monkeypatch.setattr("imgcls.collect.crawl.THREADS", 1)
    urls = [f"http://a/{number}" for number in range(12)]
    site.paths["/1"] = body("\n".join(urls).encode())
    assert sorted(_crawled(pages, f"{site.url}/1", first_s=1.3)) == sorted(urls)


def test_it_ends_when_there_is_enough(site: Site, pages: Pages) -> None:
    """Not all pages are requested, and no thread stays behind."""
    for number in range(100):
        site.paths[f"/{number}"] = body("\n".join(f"http://a/{number}/{k}" for k in range(20)).encode())
    before = threading.active_count()
    offered = _crawled(pages, *(f"{site.url}/{number}" for number in range(100)), enough=10)
    assert 10 <= len(offered) < 30
    assert len(site.received) < 6
    for _ in range(3000):
        if threading.active_count() <= before + 2:  # those of the site, which keep their connections
            break
        time.sleep(0.02)
    assert [t.name for t in threading.enumerate() if t.name.startswith(("feeder", "parser", "downloader"))] == []


def test_pages_that_cannot_be_read(site: Site, pages: Pages) -> None:
    """A page that breaks the parser costs that page, and after two of them no more are requested."""
    site.paths |= {
        "/1": body(b"http://a/1"),
        "/2": body(b"?"),
        "/3": body(b"http://a/2"),
        "/4": body(b"?"),
        "/5": body(b"?"),
    }
    assert sorted(_crawled(pages, *(f"{site.url}/{n}" for n in range(1, 7)))) == ["http://a/1", "http://a/2"]
    assert site.requested("/6") == 0
    assert pages.problems[0] == f"127.0.0.1:{site.port}: its page cannot be read: 'no such key'"


def test_pages_that_are_refused(site: Site, pages: Pages) -> None:
    """After two in a row no more are requested, and what was wrong is known."""
    assert _crawled(pages, *(f"{site.url}/{n}" for n in range(6))) == []
    assert len([request for request in site.received if request.path != "/robots.txt"]) == 2
    assert set(pages.problems) == {f"127.0.0.1:{site.port}: HTTP 404 Not Found"}


def test_pages_without_news(site: Site, pages: Pages) -> None:
    """An engine that repeats its last page for ever is not followed for ever."""
    site.paths |= {f"/{n}": body(b"http://a/1\nhttp://a/2") for n in range(9)}
    assert len(_crawled(pages, *(f"{site.url}/{n}" for n in range(9)))) == 2
    assert site.requested("/3") == 0


def test_robots_of_an_engine(site: Site, pages: Pages) -> None:
    """A page that a person requests by name is requested, and that robots.txt is against it is stated once."""
    site.paths |= {
        "/robots.txt": body(b"User-agent: *\nDisallow: /"),
        "/1": body(b"http://a/1"),
        "/2": body(b"http://a/2"),
    }
    _crawled(pages, f"{site.url}/1", f"{site.url}/2")
    [note] = pages.notes
    assert note == (
        f"robots.txt of 127.0.0.1:{site.port} forbids programs its result pages, which this search requested: see "
        "docs/collect.md"
    )
    assert site.requested("/robots.txt") == 1


def test_what_an_offer_raises(site: Site, pages: Pages) -> None:
    """A full disk ends the crawl, and is raised where the crawl was started."""

    def offer(_task: Task) -> bool:
        raise OSError(28, "No space left on device")

    site.paths["/1"] = body(b"http://a/1\nhttp://a/2")
    engine = Engine(site.url, UrlListFeeder, LinesParser, {"url_list": [f"{site.url}/1"]})
    with pytest.raises(OSError, match="No space left"):
        Crawl(engine, pages, offer, threading.Event()).run()


def test_it_says_nothing_itself(
    site: Site, pages: Pages, capfd: pytest.CaptureFixture[str], logged: list[logging.LogRecord]
) -> None:
    """icrawler logs on standard error, and sets up logging for the whole process: neither happens."""
    handlers = logging.getLogger().handlers[:]
    _crawled(pages, f"{site.url}/absent")
    assert capfd.readouterr() == ("", "")
    assert logged == []
    assert logging.getLogger().handlers == handlers


def test_an_interruption_before_every_thread_has_started(
    site: Site, pages: Pages, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stays an interruption."""

    def interrupted(thread: threading.Thread, start: Any = threading.Thread.start) -> None:
        if thread.name == "downloader-002":
            raise KeyboardInterrupt
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", interrupted)
    with pytest.raises(KeyboardInterrupt):
        _crawled(pages, f"{site.url}/1")
