"""How images are sent to a service: in which form, how often, and how long it is waited for."""

import email
import urllib.error
from collections.abc import Callable
from email.message import Message
from io import BytesIO
from typing import Any

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
