"""imgcls.collect.engines: what icrawler's feeders request, and what is read off pages of each engine's shape."""

import threading
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest

import engine_pages
from collect_site import Site, body
from imgcls.collect import engines
from imgcls.collect.client import Client
from imgcls.collect.crawl import Crawl, Engine, Pages, Task
from imgcls.collect.pace import Pace
from imgcls.errors import ConfigError

pytestmark = pytest.mark.usefixtures("quick")


@pytest.fixture
def pages() -> Iterator[Pages]:
    stop = threading.Event()
    client = Client(Pace(1000, stop.wait), stop)
    yield Pages(client, has_key=True)
    stop.set()
    client.close()


def _tasks(engine: Engine, pages: Pages) -> list[Task]:
    tasks: list[Task] = []

    def offer(task: Task) -> bool:
        tasks.append(task)
        return False

    Crawl(engine, pages, offer, threading.Event()).run()
    return sorted(tasks, key=lambda task: str(task["file_url"]))


def _query(site: Site, number: int = 0) -> dict[str, list[str]]:
    return parse_qs(urlsplit(site.received[number].path).query)


def test_bing(at_site: Site, pages: Pages) -> None:
    """The image, whatever its suffix, and the page that has it; a query keeps its & and #."""
    at_site.paths["/images/async?"] = body(
        engine_pages.bing(
            {"murl": "http://a/1.jpg?width=800", "purl": "http://a/horses"},
            {"murl": "http://a/2.png", "purl": "javascript:alert(1)", "turl": "http://bing/th.jpg"},
            {"purl": "http://a/no-image"},
        )
    )
    tasks = _tasks(engines.search("bing", "horse & cart #1"), pages)
    assert tasks == [
        {"file_url": "http://a/1.jpg?width=800", "page": "http://a/horses", "may_be_private": True},
        {"file_url": "http://a/2.png", "page": "", "may_be_private": True},
    ]
    assert _query(at_site)["q"] == ["horse & cart #1"]
    assert [parse_qs(urlsplit(request.path).query)["first"] for request in at_site.received] == [["0"], ["20"], ["40"]]


def test_google(at_site: Site, pages: Pages) -> None:
    """icrawler's own parser."""
    at_site.paths["/search?"] = body(engine_pages.google("http://a/1.jpg", "http://a/2.png"))
    assert [task["file_url"] for task in _tasks(engines.search("google", "horse & cart"), pages)] == [
        "http://a/1.jpg", "http://a/2.png",
    ]  # fmt: skip
    assert _query(at_site)["q"] == ["horse & cart"]


def test_baidu(at_site: Site, pages: Pages) -> None:
    """icrawler's own parser."""
    at_site.paths["/search/acjson?"] = body(engine_pages.baidu("http://a/1.jpg", "http://a/2.jpg"))
    assert [task["file_url"] for task in _tasks(engines.search("baidu", "栗色马 & x"), pages)] == [
        "http://a/1.jpg", "http://a/2.jpg",
    ]  # fmt: skip
    assert _query(at_site)["word"] == ["栗色马 & x"]


@pytest.mark.parametrize(
    ("name", "path", "page"),
    [
        ("google", "/search?", b"<html><script>please enable JavaScript</script></html>"),  # the parser returns None
        ("baidu", "/search/acjson?", b"Forbid spider access"),
        ("bing", "/images/async?", b"<html>Are you a person?</html>"),
    ],
)
def test_a_page_without_images(at_site: Site, pages: Pages, name: str, path: str, page: bytes) -> None:
    """It is not an error of the program, and a person reads that nothing was on it; two such pages end the search."""
    at_site.paths[path] = body(page)
    assert _tasks(engines.search(name, "horse"), pages) == []
    assert set(pages.problems) == {
        f"127.0.0.1:{at_site.port}: its result page names no image that can be read here"
    }  # fmt: skip
    assert len(at_site.received) == 2


def test_flickr(at_site: Site, pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a key: the page, the licence, and the largest size that is not the original."""
    monkeypatch.setenv("FLICKR_APIKEY", "secret")
    at_site.paths["/services/rest/?"] = engine_pages.flickr(
        {"11": {"owner": "ann", "license": "4"}, "12": {"owner": "bob", "license": "77"}, "13": {"owner": "cy"}},
        {
            "11": {"Original": "http://a/11_o.jpg", "Large": "http://a/11_b.jpg"},
            "12": {"Medium 640": "http://a/12_z.jpg"},
            "13": {"Square": "http://a/13_s.jpg"},
        },
    )
    assert [{**task, "may_be_private": None} for task in _tasks(engines.search("flickr", "sorrel horse"), pages)] == [
        {
            "file_url": "http://a/11_b.jpg", "page": "https://www.flickr.com/photos/ann/11",
            "licence": "https://creativecommons.org/licenses/by/2.0/", "may_be_private": None,
        },
        {
            "file_url": "http://a/12_z.jpg", "page": "https://www.flickr.com/photos/bob/12",
            "licence": "Flickr's licence 77", "may_be_private": None,
        },
    ]  # fmt: skip
    query = _query(at_site)
    assert (query["text"], query["api_key"], query["extras"]) == (["sorrel horse"], ["secret"], ["license"])


def test_flickr_refuses(at_site: Site, pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a key it is stated where to get one; what is wrong with a key is passed on."""
    monkeypatch.delenv("FLICKR_APIKEY", raising=False)
    with pytest.raises(ConfigError, match=r"^--engine flickr needs a key: get one at .* and set FLICKR_APIKEY$"):
        engines.search("flickr", "horse")
    monkeypatch.setenv("FLICKR_APIKEY", "wrong")
    at_site.paths["/services/rest/?"] = body(b'{"stat": "fail", "code": 100, "message": "Invalid API Key"}')
    assert _tasks(engines.search("flickr", "horse"), pages) == []
    assert pages.problems[0].endswith("its page cannot be read: Invalid API Key")


def test_a_list(pages: Pages) -> None:
    """URLs go to the downloaders as they are, and no page is requested."""
    assert _tasks(engines.url_list(["http://a/1.jpg", "ftp://a/2"]), pages) == [
        {"file_url": "ftp://a/2"}, {"file_url": "http://a/1.jpg"},
    ]  # fmt: skip
