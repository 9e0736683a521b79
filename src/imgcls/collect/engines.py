"""The search engines of icrawler, and a list of URLs that stands for one."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import quote_plus

from bs4 import BeautifulSoup
from icrawler import UrlListFeeder
from icrawler.builtin import baidu, bing, flickr, google, urllist

from imgcls.collect.client import Fetched
from imgcls.collect.crawl import Engine, Steady, Task
from imgcls.errors import ConfigError

RESULTS = 1000
"""More results than any engine shows; pages are requested only as long as images are missing."""

_FLICKR_SIZES = ["large 1600", "large", "large 2048", "medium 800", "medium 640", "original", "medium", "small 320"]

_CREATIVE_COMMONS = "https://creativecommons.org"

# by their numbers in Flickr's API, method "flickr.photos.licenses.getInfo"
_FLICKR_LICENCES = {
    "0": "all rights reserved",
    "1": f"{_CREATIVE_COMMONS}/licenses/by-nc-sa/2.0/",
    "2": f"{_CREATIVE_COMMONS}/licenses/by-nc/2.0/",
    "3": f"{_CREATIVE_COMMONS}/licenses/by-nc-nd/2.0/",
    "4": f"{_CREATIVE_COMMONS}/licenses/by/2.0/",
    "5": f"{_CREATIVE_COMMONS}/licenses/by-sa/2.0/",
    "6": f"{_CREATIVE_COMMONS}/licenses/by-nd/2.0/",
    "7": "https://www.flickr.com/commons/usage/",
    "8": "https://www.usa.gov/copyright.shtml",
    "9": f"{_CREATIVE_COMMONS}/publicdomain/zero/1.0/",
    "10": f"{_CREATIVE_COMMONS}/publicdomain/mark/1.0/",
}


class _Urls(Steady, urllist.PseudoParser):  # type: ignore[misc]  # icrawler ships no types
    """Gives URLs of a list to the downloaders as they are."""


class _Google(Steady, google.GoogleParser): ...  # type: ignore[misc]


class _Baidu(Steady, baidu.BaiduParser): ...  # type: ignore[misc]


class _BingPages(bing.BingParser):  # type: ignore[misc]
    """Reads also the pages that have the images, and images that are not called .jpg, which icrawler's own does not."""

    def parse(self, response: Fetched) -> Iterator[Task]:
        soup = BeautifulSoup(response.content.decode(errors="ignore"), "lxml")
        for link in soup.find_all("a", m=True):
            with suppress(ValueError, KeyError, TypeError):
                about = json.loads(str(link["m"]))
                yield {"file_url": about["murl"], "page": _page(about.get("purl"))}


class _Bing(Steady, _BingPages): ...


class _FlickrPages(flickr.FlickrParser):  # type: ignore[misc]
    """Reads also the page and the licence of an image, and what is wrong with a key."""

    def parse(self, response: Fetched, **options: Any) -> Iterator[Task]:
        document = json.loads(response.content)
        if document["stat"] != "ok":
            raise ValueError(document.get("message"))
        for task in super().parse(response, **options):
            photo: Mapping[str, Any] = task["meta"]
            number = str(photo.get("license", ""))
            yield {
                "file_url": task["file_url"],
                "page": f"https://www.flickr.com/photos/{photo['owner']}/{photo['id']}",
                "licence": _FLICKR_LICENCES.get(number, number and f"Flickr's licence {number}"),
            }


class _Flickr(Steady, _FlickrPages): ...


def url_list(urls: Sequence[str]) -> Engine:
    """A list of URLs of images, at least one."""
    return Engine(urls[0], UrlListFeeder, _Urls, {"url_list": list(urls)})


def search(name: str, query: str) -> Engine:
    """What an engine finds for a query. Raises ConfigError where it needs a key."""
    return _SEARCHES[name](query)


def _bing(query: str) -> Engine:
    return Engine("https://www.bing.com/", bing.BingFeeder, _Bing, _plain(quote_plus(query)))


def _google(query: str) -> Engine:
    return Engine("https://www.google.com/", google.GoogleFeeder, _Google, _plain(query))


def _baidu(query: str) -> Engine:
    return Engine("http://image.baidu.com/", baidu.BaiduFeeder, _Baidu, _plain(quote_plus(query)))


def _flickr(query: str) -> Engine:
    key = os.environ.get("FLICKR_APIKEY", "")
    if not key:
        raise ConfigError(
            "--engine flickr needs a key: get one at https://www.flickr.com/services/apps/create and set FLICKR_APIKEY"
        )
    feed = {"apikey": key, "text": query, "sort": "relevance", "extras": "license", "per_page": 100}
    parse = {"apikey": key, "size_preference": _FLICKR_SIZES}
    return Engine("https://api.flickr.com/", flickr.FlickrFeeder, _Flickr, feed, parse, has_key=True)


def _plain(keyword: str) -> Mapping[str, Any]:
    return {"keyword": keyword, "offset": 0, "max_num": RESULTS}


def _page(url: object) -> str:
    return url if isinstance(url, str) and url.startswith(("http://", "https://")) else ""


_SEARCHES: Mapping[str, Callable[[str], Engine]] = {
    "bing": _bing, "google": _google, "baidu": _baidu, "flickr": _flickr
}  # fmt: skip
