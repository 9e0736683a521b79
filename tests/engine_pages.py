"""Result pages of search engines, in the shapes that icrawler's parsers read, for tests of collecting."""

import html
import json
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qs, urlsplit

import pytest

from collect_site import Serve, Site, body
from imgcls.collect.client import Client

ENGINES = ("https://www.bing.com", "https://www.google.com", "http://image.baidu.com", "https://api.flickr.com")


def serve_at(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what icrawler's feeders and parsers request of engines be requested of the site."""

    def here(url: str) -> str:
        for engine in ENGINES:
            url = url.replace(engine, site.url)
        return url

    page, allows = Client.page, Client.allows
    monkeypatch.setattr(Client, "page", lambda self, url: page(self, here(url)))
    monkeypatch.setattr(Client, "allows", lambda self, url, **options: allows(self, here(url), **options))


def bing(*images: Mapping[str, str]) -> bytes:
    """A fragment of ``/images/async``: an element per image, with what is known of it as JSON in an attribute."""
    parts = [
        f'<div class="imgpt"><a class="iusc" m="{html.escape(json.dumps(image))}"><img alt=""></a></div>'
        for image in images
    ]
    return f"<html><body>{''.join(parts)}<a m='nonsense'></a></body></html>".encode()


def google(*urls: str) -> bytes:
    """A page whose scripts hold the URLs of images as JSON."""
    rows = ",".join(json.dumps([url, 120, 160]) for url in urls)
    return f"<html><script>var a = 1;</script><script>AF_init({{data:[{rows}]}});</script></html>".encode()


def baidu(*urls: str) -> bytes:
    """The JSON of ``acjson``, whose last entry is always empty."""
    return json.dumps({"data": [*({"hoverURL": url} for url in urls), {}]}).encode()


def flickr(photos: Mapping[str, Mapping[str, str]], sizes: Mapping[str, Mapping[str, str]]) -> Serve:
    """The REST API: a search, and the sizes of each photo; by the photo's id."""

    def serve(handler: BaseHTTPRequestHandler, count: int) -> None:
        query = parse_qs(urlsplit(handler.path).query)
        document: object
        if query["method"] == ["flickr.photos.search"]:
            document = {
                "photos": {"photo": [{"id": number, **photo} for number, photo in photos.items()]},
                "stat": "ok",
            }
        else:
            of_photo = sizes[query["photo_id"][0]]
            document = {
                "sizes": {"size": [{"label": label, "source": url} for label, url in of_photo.items()]},
                "stat": "ok",
            }
        body(json.dumps(document).encode(), "application/json")(handler, count)

    return serve
