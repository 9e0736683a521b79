"""How images are sent to a service: in which form, how often, and how long it is waited for."""

import email
import http.client
import urllib.error
import urllib.request
from collections.abc import Callable
from email.message import Message
from http.client import HTTPMessage
from io import BytesIO
from typing import Any
from urllib.request import HTTPRedirectHandler

import pytest

from imgcls.errors import ConfigError, MachineError, ModelError
from imgcls.serving.images import CheckImage
from imgcls.serving.service import HttpService

IMAGE = CheckImage("wide.jpg", "wide", b"\xff\xd8 bytes")
URL = "http://127.0.0.1:1/predict"


class Opener:
    """Responds to one request after the other; the last response is repeated."""

    def __init__(self, *responses: bytes | Exception) -> None:
        self.responses, self.requests = list(responses), list[Any]()

    def open(self, request: Any, timeout: float) -> BytesIO:
        assert timeout == 30
        self.requests.append(request)
        response = self.responses.pop(0) if len(self.responses) > 1 else self.responses[0]
        if isinstance(response, Exception):
            raise response
        return BytesIO(response)


def _error(code: int, body: bytes = b"no") -> urllib.error.HTTPError:
    return urllib.error.HTTPError(URL, code, "Reason", Message(), BytesIO(body))


@pytest.fixture
def make() -> Callable[..., tuple[HttpService, Opener]]:
    """A service whose pauses only move its clock."""

    def begin(*responses: bytes | Exception) -> tuple[HttpService, Opener]:
        now = [0.0]

        def pause(seconds: float) -> None:
            now[0] += seconds

        service, opener = HttpService(URL, pause, lambda: now[0]), Opener(*responses)
        service.opener = opener  # type: ignore[assignment]  # in its place
        return service, opener

    return begin


Make = Callable[..., tuple[HttpService, Opener]]


def test_bytes_are_posted_with_their_type(make: Make) -> None:
    """And JSON is returned."""
    service, opener = make(b'{"label": "cat"}')
    assert service.predict(IMAGE) == {"label": "cat"}
    assert opener.requests[0].data == IMAGE.data
    assert opener.requests[0].headers["Content-type"] == "image/jpeg"


@pytest.mark.parametrize(
    ("refusal", "field"),
    [
        (_error(415), "file"),
        (_error(422, b'{"detail": [{"loc": ["body", "image"], "msg": "Field required"}]}'), "image"),
    ],
)
def test_a_form_is_sent_where_bytes_are_refused(make: Make, refusal: Exception, field: str) -> None:
    """In the field that the service says is missing, and at once for later images."""
    service, opener = make(refusal, b"[1]")
    assert service.predict(IMAGE) == [1]
    assert service.predict(IMAGE) == [1]
    request = opener.requests[-1]
    assert len(opener.requests) == 3
    head = f"Content-Type: {request.headers['Content-type']}\r\n\r\n".encode()
    _, part = email.message_from_bytes(head + request.data).walk()
    assert part.get_param("name", header="Content-Disposition") == field
    assert part.get_payload(decode=True) == IMAGE.data


@pytest.mark.parametrize("trouble", [ConnectionRefusedError("refused"), TimeoutError(), _error(503), _error(429)])
def test_what_passes_is_waited_for(make: Make, trouble: Exception) -> None:
    """Twice as long each time, and counted."""
    service, _ = make(trouble, trouble, trouble, b"[1]")
    assert service.predict(IMAGE) == [1]
    assert (service.retries, service.restarted) == (3, [1])
    assert service.waited == pytest.approx(0.7)


def test_it_is_not_waited_for_for_ever(make: Make) -> None:
    """A minute, in steps of up to five seconds."""
    service, opener = make(ConnectionRefusedError("Connection refused"))
    with pytest.raises(MachineError, match="did not respond within 60 s: Connection refused"):
        service.predict(IMAGE)
    assert 55 < service.waited <= 60
    assert len(opener.requests) < 25


def test_an_image_that_a_service_fails_on_is_tried_three_times(make: Make) -> None:
    """Since 500 may come of a restart, too; other images go on."""
    service, opener = make(*(_error(500, b"cannot identify image") for _ in range(3)))
    with pytest.raises(ModelError, match="status 500 Reason: cannot identify image"):
        service.predict(IMAGE)
    assert len(opener.requests) == 3


def test_other_refusals_are_of_the_image(make: Make) -> None:
    """At once."""
    service, opener = make(_error(404, b"not here"))
    with pytest.raises(ModelError, match="status 404 Reason: not here"):
        service.predict(IMAGE)
    assert len(opener.requests) == 1


def test_what_is_not_json_is_shown(make: Make) -> None:
    """Its beginning."""
    service, _ = make(b"<html>welcome</html>")
    with pytest.raises(ModelError, match="did not return JSON but '<html>welcome"):
        service.predict(IMAGE)


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (b'{"cat": NaN}', "the number NaN, which is not finite"),
        (b'{"cat": 1e999}', "the number 1e999, which is not finite"),
        (b'{"cat": 1' + b"0" * 400 + b"}", "the number 10000000000000000000, which is not finite"),
        (b"[" * 100_000, r"did not return JSON but '\[\[\["),
    ],
)
def test_numbers_that_are_not_finite_are_refused(make: Make, body: bytes, named: str) -> None:
    """As is what is nested without an end."""
    service, _ = make(body)
    with pytest.raises(ModelError, match=named):
        service.predict(IMAGE)


def test_a_response_has_an_end(make: Make) -> None:
    """What is longer than 64 MiB is not read."""
    service, _ = make(b" " * ((64 << 20) + 1))
    with pytest.raises(ModelError, match="longer than 64 MiB; return the best classes only"):
        service.predict(IMAGE)


def test_a_response_that_drips_is_waited_for_as_one_that_does_not_come(make: Make) -> None:
    """However regularly a byte of it comes."""

    class Drip(BytesIO):
        def read1(self, _size: int | None = -1) -> bytes:
            service.pause(1.0)
            return b" "

    service, opener = make(b"")
    opener.open = lambda *_, **_keys: Drip()  # type: ignore[method-assign]
    with pytest.raises(MachineError, match="did not respond within 60 s: its response took longer than 30 s"):
        service.predict(IMAGE)
    assert service.clock() < 100


class Sent:
    """The other end of a connection, which sent these bytes and closed."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def makefile(self, _mode: str) -> BytesIO:
        return BytesIO(self.data)


@pytest.mark.parametrize("head", [b"Content-Length: 9", b"Transfer-Encoding: chunked"])
def test_a_response_that_is_cut_off_is_sent_again(make: Make, head: bytes) -> None:
    """As by a restart in the middle of it."""
    cut = http.client.HTTPResponse(Sent(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n\r\n5\r\n"))  # type: ignore[arg-type]
    cut.begin()
    service, opener = make(b"")
    replies = [cut, BytesIO(b"[1]")]
    opener.open = lambda *_, **_keys: replies.pop(0)  # type: ignore[method-assign,assignment]
    assert service.predict(IMAGE) == [1]
    assert service.restarted == [1]


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(code: int) -> None:
    """It would send the next request without the image, and test another service than the one that was named."""
    handlers = HttpService(URL).opener.handlers  # type: ignore[attr-defined]
    handler = next(item for item in handlers if isinstance(item, HTTPRedirectHandler))
    request = urllib.request.Request(URL, IMAGE.data)
    with pytest.raises(
        ModelError, match=r"redirects to http://other\.example/; if that is the service, write it as url"
    ):
        handler.redirect_request(request, BytesIO(), code, "Found", HTTPMessage(), "http://other.example/")


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("http://127.0.0.1:port/", "Port could not be cast"),
        ("http://127.0.0.1:99999/", "Port out of range"),
        ("http://[::1/", "Invalid IPv6 URL"),
        ("http://host/a b", "%20 for a space"),
        ("http://host/a\n", "as %XX"),
        ("http://host/\u00fc", "as %XX"),
        ("http://name:secret@host/", "before '@host' are not sent; leave them out"),
    ],
)
def test_a_url_that_no_request_can_be_sent_to_is_refused_at_once(url: str, named: str) -> None:
    """Rather than after a minute of attempts; a password is not repeated."""
    with pytest.raises(ConfigError, match=named) as raised:
        HttpService(url)
    assert "secret" not in str(raised.value)


def test_an_at_sign_in_a_query_names_no_user() -> None:
    """Also where no path stands before it."""
    assert HttpService("http://127.0.0.1:80?mail=a@b").url.endswith("a@b")


@pytest.mark.parametrize("url", ["ftp://host/x", "127.0.0.1:80", "http:///x"])
def test_a_url_must_be_one_of_http(url: str) -> None:
    """With what to write."""
    with pytest.raises(ConfigError, match="write that"):
        HttpService(url)


def test_a_proxy_is_not_asked_for_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would look for the service on its own machine."""
    monkeypatch.setenv("http_proxy", "http://proxy.example:3128")

    def proxied(url: str) -> bool:
        return any("http_open" in vars(handler) for handler in HttpService(url).opener.handlers)  # type: ignore[attr-defined]

    assert [proxied("http://127.0.0.1:1/"), proxied("http://localhost/"), proxied("http://[::1]/")] == [False] * 3
    assert proxied("http://service.example/")
