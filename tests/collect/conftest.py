"""A site on loopback, and an icrawler that does not sleep for whole seconds."""

import time
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

import collect_site
import engine_pages


@pytest.fixture
def site() -> Iterator[collect_site.Site]:
    with collect_site.running(collect_site.Site()) as made:
        yield made


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """icrawler looks once a second whether its threads have ended."""
    monkeypatch.setattr("icrawler.crawler.time", SimpleNamespace(sleep=lambda _: time.sleep(0.01)))
    monkeypatch.setattr("imgcls.collect.crawl.POLL_SECONDS", 0.05)


@pytest.fixture
def at_site(site: collect_site.Site, monkeypatch: pytest.MonkeyPatch) -> collect_site.Site:
    """The site stands for every engine."""
    engine_pages.serve_at(site, monkeypatch)
    return site
