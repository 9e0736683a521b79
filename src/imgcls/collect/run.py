"""One collection from its request to its outcome."""

from __future__ import annotations

import logging
import threading
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import partial

from imgcls.collect import engines, known, manifest, network
from imgcls.collect.client import Client
from imgcls.collect.collection import Collection
from imgcls.collect.crawl import Crawl, Engine, Pages, Task
from imgcls.collect.known import Known
from imgcls.collect.manifest import Manifest, Row, Source
from imgcls.collect.pace import Pace
from imgcls.collect.request import Outcome, Refusals, Request
from imgcls.messages import counted, named
from imgcls.preprocessing import decode
from imgcls.records.evaluation import Progress


def collect(request: Request, progress: Progress) -> Outcome:
    """Search, fetch, judge and keep, until there is enough; a folder that has some images already gets the others.

    Ctrl-C ends it with an outcome. Raises ConfigError, MachineError without a network, OSError.
    """
    with decode.quiet_pillow(), _quiet():
        sources = manifest.sources(request.urls) if request.urls else ()
        run = _Run(request, sources, Manifest(request.out), progress)
        run.look_around()
        run.search()
        return run.outcome()


@dataclass
class _Run:
    request: Request
    sources: Sequence[Source]
    manifest: Manifest
    progress: Progress
    notes: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    is_interrupted: bool = False

    def __post_init__(self) -> None:
        self.present = Known("duplicate", "near_duplicate")
        self.excluded = Known("excluded", "near_excluded")
        self.collection = Collection(
            self.manifest, self.present, self.excluded, count=self.request.count, min_side=self.request.min_side
        )
        self.open_sources = {s.url: s for s in self.sources if s.url not in self.manifest.rows}
        self.engine = self._engine()

    def look_around(self) -> None:
        """Read what is in the folder and in those to exclude."""
        known.add_all(self.excluded, known.images_in(self.request.exclude, self.request.out), self.progress)
        looks = known.add_all(self.present, known.images_of(self.manifest), self.progress)
        twice = [name for name, (sha256, look) in looks.items() if look and self.excluded.match(sha256, look)]
        if twice:
            self.notes.append(
                f"{counted(len(twice), 'image')} in {self.request.out} from before are in a folder to exclude, too: "
                f"delete {named(twice)}"
            )

    def search(self) -> None:
        """Offer images to the collection until it is full or there are no more."""
        if self.collection.is_full or self.engine is None:
            return
        stop = threading.Event()
        with closing(Client(Pace(self.request.per_second, stop.wait), stop, self.request.contact)) as client:
            network.require(client, list(self.open_sources) or [self.engine.url])
            pages = Pages(client, has_key=self.engine.has_key)
            self._report()
            crawl = Crawl(self.engine, pages, partial(self._offer, client), stop)
            try:
                crawl.run()
            except KeyboardInterrupt:
                self.is_interrupted = True
            finally:
                self.collection.close()
            self.problems += pages.problems
            self.notes += pages.notes

    def _engine(self) -> Engine | None:
        """None for a list of which every URL is settled. Raises ConfigError."""
        if not self.sources:
            return engines.search(self.request.engine, self.request.query)
        return engines.url_list(list(self.open_sources)) if self.open_sources else None

    def _offer(self, client: Client, task: Task) -> bool:
        url = task["file_url"]
        source = self.open_sources.get(url) or Source(url, task.get("page", ""), task.get("licence", ""))
        fetch = partial(client.fetch, url, may_be_private=task.get("may_be_private", True))
        self.collection.offer(source, fetch)
        self._report()
        return self.collection.is_full

    def _report(self) -> None:
        self.progress(self.request.out.name, self.collection.images, self._requested)

    @property
    def _requested(self) -> int:
        return self.request.count or len(self.sources)

    def outcome(self) -> Outcome:
        """What is in the folder now."""
        rows, images = self.manifest.rows, self.collection.images
        of_list = sum(s.url not in rows or bool(rows[s.url].reason) for s in self.sources)
        return Outcome(
            manifest=self.manifest.file,
            images=images,
            new_images=self.collection.new_images,
            requested=self._requested,
            missing=max(0, self.request.count - images) if self.request.count else of_list,
            refused=_refusals(rows.values()),
            problems=tuple(self.problems),
            notes=tuple(self.notes),
            is_interrupted=self.is_interrupted,
        )


def _refusals(rows: Iterable[Row]) -> dict[str, Refusals]:
    """By reason, the most frequent first."""
    by_reason: dict[str, list[Row]] = {}
    for row in rows:
        if row.reason:
            by_reason.setdefault(row.reason, []).append(row)
    ordered = sorted(by_reason.items(), key=lambda item: -len(item[1]))
    return {reason: Refusals(len(refused), refused[0].detail) for reason, refused in ordered}


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep warnings and log lines of the libraries that fetch and parse from a person who can do nothing about them."""
    logger, handler = logging.getLogger("urllib3"), logging.NullHandler()
    propagates, logger.propagate = logger.propagate, False
    logger.addHandler(handler)
    try:
        with warnings.catch_warnings():
            for module in ("bs4", "icrawler", "lxml", "requests", "urllib3"):
                warnings.filterwarnings("ignore", module=rf"{module}(\.|$)")
            yield
    finally:
        logger.propagate = propagates
        logger.removeHandler(handler)
