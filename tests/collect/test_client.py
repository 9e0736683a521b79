"""imgcls.collect.client: one URL, politely, within limits."""

import base64
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler
from importlib import metadata
from pathlib import Path

import pytest

import collect_site
from collect_site import Clock, Site, body, endless, in_turn, redirect, status
from imgcls.collect import addresses, client
from imgcls.collect.client import Client, user_agent
from imgcls.collect.pace import Pace
from imgcls.collect.refusal import Refused, Stopped


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def timed(clock: Clock) -> Iterator[Site]:
    """A site that writes down requests by the clock of the client."""
    with collect_site.running(Site(clock=clock)) as made:
        yield made


@pytest.fixture
def guest(clock: Clock) -> Iterator[Client]:
    made = Client(Pace(2, clock.sleep, clock), threading.Event(), "me@example.org")
    yield made
    made.close()


def _refused(guest: Client, url: str, *, may_be_private: bool = True) -> tuple[str, str]:
    with pytest.raises(Refused) as caught:
        guest.fetch(url, may_be_private=may_be_private)
    return caught.value.reason, caught.value.detail


def test_content_and_licence(guest: Client, timed: Site) -> None:
    """The bytes as they are, and the licence that a header states."""
    timed.paths["/a"] = body(b"bytes", Link='<https://creativecommons.org/licenses/by/4.0/>; rel="license"')
    timed.paths["/b"] = body(b"others")
    fetched = guest.fetch(f"{timed.url}/a", may_be_private=True)
    assert (fetched.content, fetched.licence) == (b"bytes", "https://creativecommons.org/licenses/by/4.0/")
    assert guest.fetch(f"{timed.url}/b", may_be_private=True).licence == ""


@pytest.mark.parametrize(
    ("stated", "licence"),
    [
        ("=HYPERLINK(0)", "{url}/=HYPERLINK(0)"),
        ("/terms", "{url}/terms"),
        ("javascript:alert(1)", ""),
        ("http://[", ""),
        ("", ""),
    ],
)
def test_a_licence_is_a_url(guest: Client, timed: Site, stated: str, licence: str) -> None:
    """Whatever a server states, no formula of a spreadsheet reaches the manifest."""
    timed.paths["/a"] = body(b"bytes", Link=f"<{stated}>; rel=license")
    fetched = guest.fetch(f"{timed.url}/a", may_be_private=True)
    assert fetched.licence == licence.format(url=timed.url)


def test_credentials(guest: Client, timed: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those in a URL are sent, and those of the user's .netrc to nobody."""
    (tmp_path / "netrc").write_text("default login ada password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    sent = []

    def serve(handler: BaseHTTPRequestHandler, count: int) -> None:
        sent.append(handler.headers["Authorization"])
        body(b"bytes")(handler, count)

    timed.paths["/a"] = serve
    for url in (timed.url, timed.url.replace("//", "//eve:word@")):
        guest.fetch(f"{url}/a", may_be_private=True)
    assert sent == [None, f"Basic {base64.b64encode(b'eve:word').decode()}"]


def test_who_requests(guest: Client, timed: Site) -> None:
    """Every request has the name, the version and the contact, and never a browser's name."""
    _refused(guest, f"{timed.url}/a")
    assert {request.agent for request in timed.received} == {
        f"imgcls/{metadata.version('imgcls')} (contact: me@example.org)"
    }
    assert user_agent() == f"imgcls/{metadata.version('imgcls')}"


def test_two_requests_per_second(guest: Client, timed: Site) -> None:
    """The site sees requests half a second apart, robots.txt, redirects and repeats among them."""
    timed.paths |= {"/a": body(b"a"), "/b": redirect("/a"), "/c": in_turn(status(500), body(b"c"))}
    for name in "abc":
        guest.fetch(f"{timed.url}/{name}", may_be_private=True)
    assert [(request.path, request.at_s) for request in timed.received] == [
        ("/robots.txt", 0.0), ("/a", 0.5), ("/b", 1.0), ("/a", 1.5), ("/c", 2.0), ("/c", 3.0),
    ]  # fmt: skip


def test_a_second_host_has_its_own_pace(guest: Client, timed: Site) -> None:
    """A host does not wait for another."""
    timed.paths["/a"] = body(b"a")
    guest.fetch(f"{timed.url}/a", may_be_private=True)
    guest.fetch(f"{timed.on('localhost')}/a", may_be_private=True)
    assert [request.at_s for request in timed.received] == [0.0, 0.5, 0.5, 1.0]


def test_robots(guest: Client, timed: Site) -> None:
    """What robots.txt forbids is not requested, also where a redirect leads there; it is fetched once."""
    timed.paths |= {
        "/robots.txt": body(b"User-agent: *\nDisallow: /private/", "text/plain"),
        "/private/a": body(b"a"),
        "/b": redirect("/private/a"),
    }
    for name in ("private/a", "b"):
        assert _refused(guest, f"{timed.url}/{name}")[0] == "robots"
    assert (timed.requested("/private/a"), timed.requested("/robots.txt")) == (0, 1)
    assert guest.page(f"{timed.url}/private/a").content == b"a"


@pytest.mark.parametrize(
    ("code", "reason"), [(404, None), (403, None), (500, "robots_unreachable"), (429, "robots_unreachable")]
)
def test_robots_that_is_not_there(guest: Client, timed: Site, code: int, reason: str | None) -> None:
    """Absent or refused: everything is allowed. A server that cannot say: nothing is."""
    timed.paths |= {"/robots.txt": status(code), "/a": body(b"a")}
    if reason is None:
        assert guest.fetch(f"{timed.url}/a", may_be_private=True).content == b"a"
    else:
        assert _refused(guest, f"{timed.url}/a")[0] == reason
        assert timed.requested("/a") == 0


@pytest.mark.parametrize(
    ("serve", "reason", "detail"),
    [
        (status(404), "http_error", "HTTP 404 Not Found"),
        (status(999), "server_error", "HTTP 999"),
        (status(500), "server_error", "HTTP 500 Internal Server Error"),
        (status(429), "busy", "HTTP 429 Too Many Requests"),
        (body(b"half", length=100), "cut_short", "the response broke off"),
        (body(b"", length=33 * 2**20), "too_big", "it has more than 32 MiB"),
        (redirect("/x"), "redirects", "it redirects more than 5 times"),
        (redirect("file:///etc/passwd"), "unusable_url", "not a URL of http or https"),
        (redirect("http://[x/"), "unusable_url", "not a URL"),
    ],
)  # fmt: skip
def test_refusals(guest: Client, timed: Site, serve: collect_site.Serve, reason: str, detail: str) -> None:
    """Each in one word and a sentence."""
    timed.paths["/x"] = serve
    word, why = _refused(guest, f"{timed.url}/x")
    assert word == reason
    assert why.startswith(detail)


@pytest.mark.parametrize(
    "url",
    ["ftp://site.example/a", "file:///etc/passwd", "data:image/png;base64,AAAA", "/a.jpg", "http://", "",
     "http://site.example/" + "a" * 2000, "http://site.example/\ud800.jpg", "http://site.example:x/"],
)  # fmt: skip
def test_what_is_not_fetched(guest: Client, url: str) -> None:
    """Only URLs of http and https, that a manifest can hold."""
    assert _refused(guest, url)[0] == "unusable_url"


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({"Content-Length": "9" * 5000}, "too_big"),
        ({"Content-Length": "-1"}, None),
        ({"Location": "\x00\xff http://[::1", "Link": '<;;=">; rel=license'}, None),
        ({"Content-Encoding": "gzip"}, "cut_short"),
        ({"Transfer-Encoding": "chunked"}, "cut_short"),
    ],
)
def test_hostile_headers(guest: Client, timed: Site, headers: dict[str, str], reason: str | None) -> None:
    """Whatever a server states, there is content or a refusal."""

    def serve(handler: BaseHTTPRequestHandler, _count: int) -> None:
        handler.send_response(200)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(b"zz")
        handler.close_connection = True

    timed.paths["/a"] = serve
    if reason is None:
        assert guest.fetch(f"{timed.url}/a", may_be_private=True).content == b"zz"
    else:
        assert _refused(guest, f"{timed.url}/a")[0] == reason


@pytest.mark.parametrize("after", ["-5", "9" * 400, "nan", "Mon, 99 Foo 0000 99:99:99 +9999", "\xff", "1e3"])
def test_hostile_waits(guest: Client, timed: Site, after: str) -> None:
    """A wait that is nonsense counts as none, and one that is too long as too long."""
    timed.paths["/busy"] = status(503, Retry_After=after)
    assert _refused(guest, f"{timed.url}/busy")[0] == "busy"


def test_more_than_is_stated(guest: Client, timed: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A response without a length is cut off at the limit, and not read to its end."""
    sent = 0

    def serve(handler: BaseHTTPRequestHandler, _count: int) -> None:
        nonlocal sent
        handler.send_response(200)
        handler.end_headers()
        handler.close_connection = True
        for _ in range(1000):
            handler.wfile.write(bytes(100_000))
            sent += 100_000

    monkeypatch.setattr(client, "MAX_BYTES", 2**20)
    timed.paths["/large"] = serve
    assert _refused(guest, f"{timed.url}/large") == ("too_big", "it has more than 1 MiB")
    assert sent < 20e6


def test_a_redirect_with_an_endless_body(guest: Client, timed: Site) -> None:
    """What a redirect has as content is not read."""
    ended = threading.Event()

    def serve(handler: BaseHTTPRequestHandler, _count: int) -> None:
        handler.send_response(302)
        handler.send_header("Location", "/a")
        handler.end_headers()
        handler.close_connection = True
        while not ended.wait(0.01):
            handler.wfile.write(bytes(1000))

    timed.paths |= {"/x": serve, "/a": body(b"a")}
    assert guest.fetch(f"{timed.url}/x", may_be_private=True).content == b"a"
    ended.set()


def test_an_endless_body(timed: Site, clock: Clock) -> None:
    """A server that always sends a little more is left after a minute."""
    ended = threading.Event()
    timed.paths["/endless"] = endless(ended)

    def passing() -> float:
        clock.sleep(10)
        return clock()

    guest = Client(Pace(2, clock.sleep, clock), threading.Event(), clock=passing)
    assert _refused(guest, f"{timed.url}/endless") == ("timeout", "it takes longer than 60 s")
    ended.set()
    guest.close()


def test_a_run_that_ends(timed: Site, clock: Clock) -> None:
    """What is being read when the run ends is left."""
    ended, stop = threading.Event(), threading.Event()
    timed.paths["/endless"] = endless(ended)
    guest = Client(Pace(2, clock.sleep, clock), stop)
    threading.Timer(0.1, stop.set).start()
    with pytest.raises(Stopped):
        guest.fetch(f"{timed.url}/endless", may_be_private=True)
    ended.set()
    guest.close()


def test_a_silent_server(guest: Client, timed: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that takes the request and sends nothing."""
    monkeypatch.setattr(client, "SILENT_SECONDS", 0.1)
    timed.paths["/silent"] = lambda *_: time.sleep(0.5)
    assert _refused(guest, f"{timed.url}/silent") == ("timeout", "no response within 0.1 s")


def test_nobody_there(guest: Client) -> None:
    """A port that nobody listens on: robots.txt cannot be known, so nothing is fetched."""
    reason, detail = _refused(guest, "http://127.0.0.1:9/a")
    assert (reason, detail) == (
        "robots_unreachable", "http://127.0.0.1:9/robots.txt: no connection (Connection refused)"
    )  # fmt: skip


@pytest.mark.parametrize("after", ["7", "date"])
def test_retry_after(guest: Client, timed: Site, after: str) -> None:
    """A server that is busy gets the time that it states, as a number or as a date, and then another request."""
    if after == "date":
        after = format_datetime(datetime.now(UTC) + timedelta(seconds=7.9), usegmt=True)
    timed.paths["/busy"] = in_turn(status(429, Retry_After=after), body(b"now"))
    assert guest.fetch(f"{timed.url}/busy", may_be_private=True).content == b"now"
    first, second = (request.at_s for request in timed.received if request.path == "/busy")
    assert 6 < second - first <= 8


def test_too_long_a_wait(guest: Client, timed: Site) -> None:
    """An hour is not waited: a later run tries again."""
    timed.paths["/busy"] = status(503, Retry_After="3600")
    assert _refused(guest, f"{timed.url}/busy") == ("busy", "HTTP 503 Service Unavailable")
    assert timed.requested("/busy") == 1


def test_another_file_the_second_time(guest: Client, timed: Site) -> None:
    """A URL is requested once for each fetch, so that what was judged is what is kept."""
    timed.paths["/a"] = in_turn(body(b"first"), body(b"second"))
    assert guest.fetch(f"{timed.url}/a", may_be_private=True).content == b"first"
    assert timed.requested("/a") == 1


@pytest.fixture
def public(monkeypatch: pytest.MonkeyPatch) -> None:
    """127.0.0.1 stands for a public address, everything else of this machine is private."""
    is_private = addresses._is_private_address
    monkeypatch.setattr(addresses, "_is_private_address", lambda text: text != "127.0.0.1" and is_private(text))


@pytest.mark.usefixtures("public")
@pytest.mark.parametrize(
    "target", ["http://127.0.0.2:{port}/secret", "http://169.254.169.254/latest", "http://localhost/a"]
)
def test_no_way_inside(guest: Client, timed: Site, target: str) -> None:
    """A public site cannot redirect to a private address, from a list of URLs or from a search."""
    with collect_site.running(Site("127.0.0.2")) as inside:
        timed.paths["/a"] = redirect(target.format(port=inside.port))
        for may_be_private in (True, False):
            assert _refused(guest, f"{timed.url}/a", may_be_private=may_be_private)[0] == "private_address"
        assert inside.received == []


@pytest.mark.usefixtures("public")
def test_a_list_may_name_a_private_address(guest: Client) -> None:
    """What a person's own list names is fetched, and may redirect within the private network; a search may not."""
    with collect_site.running(Site("127.0.0.2")) as inside:
        inside.paths |= {"/a": redirect("/b"), "/b": body(b"b")}
        assert _refused(guest, f"{inside.url}/b", may_be_private=False)[0] == "private_address"
        assert inside.received == []
        assert guest.fetch(f"{inside.url}/a", may_be_private=True).content == b"b"
