"""icrawler's feeders, parsers, queues and threads, with our own hand on every request and every file.

Feeders name pages, parsers read URLs of images off them, and downloaders offer these to a collection.
What of icrawler 0.6.10 is made good here stands in docs/decisions.md#icrawler.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import icrawler
from icrawler.storage import BaseStorage

from imgcls.collect import addresses
from imgcls.collect.client import Client, Fetched
from imgcls.collect.refusal import Refused, Stopped
from imgcls.messages import one_line

THREADS = 8  # docs/decisions.md#limits-of-a-collection
POLL_SECONDS = 0.2
LEAVE_SECONDS = 1.0  # docs/decisions.md#limits-of-a-collection
"""How long threads have to end by themselves, which hang on a server that sends nothing."""

LAST_PAGES = 2  # docs/decisions.md#limits-of-a-collection
"""This many pages in a row that cannot be read, or that have nothing new, are the last that are requested."""

_SILENT = logging.getLogger(__name__)
_SILENT.disabled = True

Task = Mapping[str, Any]
"""What a parser states of an image: ``file_url``, and where it knows them ``page`` and ``licence``.

``may_be_private``: whether the page that names the image is outside of the public internet itself.
"""


class Engine(NamedTuple):
    """Where URLs of images are from. ``feed`` and ``parse``: keywords of icrawler's ``feed`` and ``parse``.

    ``url``: a page of its host; ``has_key``: whether a key permits programs there.
    """

    url: str
    feeder: type[Any]
    parser: type[Any]
    feed: Mapping[str, Any]
    parse: Mapping[str, Any] = {}
    has_key: bool = False


class Pages:
    """What icrawler's parsers request pages with, as they would with a session of requests.

    ``problems``: what went wrong, a sentence each; ``notes``: what a person should know.
    """

    def __init__(self, client: Client, *, has_key: bool) -> None:
        self._client = client
        self._robots_known = {""} if has_key else set[str]()
        self._has_key = has_key
        self._failures = self._without_news = 0
        self.problems: list[str] = []
        self.notes: list[str] = []

    def get(self, url: str, **_: Any) -> Fetched:
        """Raises Refused, and Stopped where the pages before this one were the last."""
        if max(self._failures, self._without_news) >= LAST_PAGES:
            raise Stopped
        try:
            fetched = self._client.page(url)
        except Refused as error:
            self.failed(url, error.detail)
            raise
        self._failures = 0
        self._note_robots(url)
        return fetched

    def failed(self, url: str, why: str) -> None:
        self.problems.append(f"{urlsplit(url).netloc}: {why}")
        self._failures += 1

    def read(self, url: str, new: int, known: int) -> None:
        """Count a page on which ``new`` images were new, after ``known`` ones on others."""
        self._without_news = 0 if new else self._without_news + 1
        if not (new or known or self._failures):
            self.problems.append(f"{urlsplit(url).netloc}: its result page names no image that can be read here")

    def _note_robots(self, url: str) -> None:
        """Once per host: a person who names an engine should know that it does not want programs."""
        host = urlsplit(url).netloc
        if self._has_key or host in self._robots_known:
            return
        self._robots_known.add(host)
        try:
            is_allowed = self._client.allows(url, may_be_private=True)
        except Refused:
            return
        if not is_allowed:
            self.notes.append(
                f"robots.txt of {host} forbids programs its result pages, which this search requested: see "
                "docs/collect.md"
            )


class Steady:
    """Mixed into a parser of icrawler: it survives any page, and loses no image where a queue is full."""

    session: Pages
    signal: Any
    out_queue: Any

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._urls: set[str] = set()

    def worker_exec(self, **options: Any) -> None:
        super().worker_exec(queue_timeout=POLL_SECONDS, max_retry=1, **options)  # type: ignore[misc]

    def parse(self, response: Fetched, **options: Any) -> Iterator[Task]:
        may_be_private = addresses.is_private(urlsplit(response.url).hostname or "")
        before = len(self._urls)
        try:
            for task in super().parse(response, **options) or ():  # type: ignore[misc]
                self._urls.add(str(task["file_url"]))
                yield {**task, "file_url": str(task["file_url"]), "may_be_private": may_be_private}
        except Exception as error:  # noqa: BLE001 - a page may be anything
            self.session.failed(response.url, f"its page cannot be read: {one_line(error)}")
        self.session.read(response.url, len(self._urls) - before, before)

    def output(self, task: Task, block: bool = True, timeout: float | None = None) -> None:
        """Wait for room before a task is put: one that is put in vain would count as one that was there before."""
        while self.out_queue.full():
            if self.signal.get("reach_max_num"):
                return
            time.sleep(POLL_SECONDS)
        super().output(task, block, timeout)  # type: ignore[misc]


class _Downloader(icrawler.Downloader):  # type: ignore[misc]  # icrawler ships no types
    """Offers every task, in several threads, until there is enough; ``offer`` returns whether there is."""

    def __init__(self, *arguments: Any, offer: Callable[[Task], bool]) -> None:
        super().__init__(*arguments)
        self._offer = offer
        self.failure: Exception | None = None

    def worker_exec(self, **_: Any) -> None:
        super().worker_exec(max_num=0, queue_timeout=POLL_SECONDS)

    def download(self, task: Task, *_: Any, **__: Any) -> None:
        try:
            is_enough = self._offer(task)
        except Exception as error:  # noqa: BLE001 - raised again in the main thread
            self.failure, is_enough = error, True
        if is_enough:
            self.signal.set(reach_max_num=True)

    def is_alive(self) -> bool:
        return super().is_alive() and not self.signal.get("reach_max_num")


class Crawl(icrawler.Crawler):  # type: ignore[misc]  # icrawler ships no types
    """One search through an engine, whose images are offered as tasks; ``stop`` is set at its end."""

    def __init__(self, engine: Engine, pages: Pages, offer: Callable[[Task], bool], stop: threading.Event) -> None:
        self._engine, self._pages, self._stop = engine, pages, stop
        super().__init__(
            engine.feeder, engine.parser, _Downloader, downloader_threads=THREADS, storage=BaseStorage(),
            extra_downloader_args={"offer": offer},
        )  # fmt: skip
        for pool in (self.feeder, self.parser, self.downloader):
            pool.logger = _SILENT
        self.feeder.out_queue.maxsize = 0  # else a feeder waits for ever once no parser reads any more

    def set_logger(self, *_: Any) -> None:
        self.logger = _SILENT

    def set_session(self, *_: Any) -> None:
        self.session = self._pages

    def run(self) -> None:
        """Search until there is enough or nothing more. Raises what an offer raised."""
        try:
            self.crawl(dict(self._engine.feed), dict(self._engine.parse))
        finally:
            self._stop.set()
            self.signal.set(reach_max_num=True)
            until = time.monotonic() + LEAVE_SECONDS
            for worker in (*self.downloader.workers, *self.parser.workers, *self.feeder.workers):
                if worker.is_alive():  # else perhaps never started, where an interruption came before
                    worker.join(max(0.0, until - time.monotonic()))
        if self.downloader.failure:
            raise self.downloader.failure
