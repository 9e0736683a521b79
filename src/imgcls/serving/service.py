"""Posts images to a running service, and waits where it restarts."""

from __future__ import annotations

import http.client
import ipaddress
import json
import math
import re
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from imgcls.errors import ConfigError, MachineError, ModelError
from imgcls.messages import one_line
from imgcls.serving.images import CheckImage

TIMEOUT = 30.0
"""Seconds that one request may take."""

LARGEST = 64 << 20  # docs/decisions.md#waiting-for-a-service
"""Bytes of the longest response that is read."""

PATIENCE = 60.0  # docs/decisions.md#waiting-for-a-service
"""Seconds after which a service that does not respond is not waited for."""

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0
"""Seconds between two attempts: doubled each time, up to the longest."""

ATTEMPTS = 3
"""How often an image is sent that a running service fails on with a status of 500."""

TEMPORARY = frozenset({429, 502, 503, 504})
"""Statuses of a service, or of what stands before one, that is not ready."""

REFUSED_FORM = frozenset({400, 415, 422})
"""Statuses of a service that takes a form and not the bytes of an image."""

FIELD, BOUNDARY = "file", "imgcls-serving-check"


class NotReady(Exception):
    """A service did not respond, or says that it cannot yet."""


@dataclass(slots=True)
class HttpService:
    """A service, and what was waited for it.

    ``form_field``: the name of the form's field that images are sent in; None: as they are. ``retries``: requests that
    were sent again; ``waited``: seconds between them; ``restarted``: the images, from 1 on, that had to be.
    """

    url: str
    pause: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    form_field: str | None = None
    retries: int = 0
    waited: float = 0.0
    requests: int = 0
    restarted: list[int] = field(default_factory=list)
    opener: urllib.request.OpenerDirector = field(init=False)

    def __post_init__(self) -> None:
        """Raises ConfigError for what is not a URL of HTTP."""
        direct = [urllib.request.ProxyHandler({})] if _is_loopback(_host(self.url)) else []
        self.opener = urllib.request.build_opener(_Redirects, *direct)

    def predict(self, image: CheckImage) -> Any:
        """The JSON that is returned for an image.

        Raises ModelError where the service refuses it, and MachineError where there is no service for
        :data:`PATIENCE` seconds.
        """
        self.requests += 1
        started, pause = self.clock(), FIRST_PAUSE
        while True:
            try:
                return self._posted(image)
            except NotReady as error:
                if self.clock() - started + pause > PATIENCE:
                    raise MachineError(f"{self.url} did not respond within {PATIENCE:.0f} s: {error}") from error
                self._wait(pause)
                pause = min(2 * pause, LONGEST_PAUSE)

    def _wait(self, seconds: float) -> None:
        self.pause(seconds)
        self.retries += 1
        self.waited += seconds
        if self.requests not in self.restarted:
            self.restarted.append(self.requests)

    def _posted(self, image: CheckImage) -> Any:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return _json(self._sent(image))
            except urllib.error.HTTPError as error:
                body = error.read(10_000)
                if error.code in TEMPORARY:
                    raise NotReady(f"status {error.code}") from error
                if error.code in REFUSED_FORM and self.form_field is None:
                    self.form_field = _stated_field(body)
                    continue
                if error.code < 500 or attempt == ATTEMPTS:
                    text = " ".join(body.decode("utf-8", "replace").split())[:120]
                    raise ModelError(f"status {error.code} {error.reason}: {text}") from error
                self._wait(FIRST_PAUSE)
            except (OSError, http.client.HTTPException) as error:
                raise NotReady(one_line(error)) from error
        raise ModelError("it takes neither the bytes of an image nor a form")

    def _sent(self, image: CheckImage) -> bytes:
        kind = "image/png" if image.suffix == ".png" else "image/jpeg"
        data, sent_as = image.data, kind
        if self.form_field is not None:
            data, sent_as = _form(self.form_field, image, kind), f"multipart/form-data; boundary={BOUNDARY}"
        headers = {"Content-Type": sent_as, "Accept": "application/json"}
        request = urllib.request.Request(self.url, data, headers)  # noqa: S310 - its scheme was checked
        deadline = self.clock() + TIMEOUT
        with self.opener.open(request, timeout=TIMEOUT) as response:
            return self._read(response, deadline)

    def _read(self, response: Any, deadline: float) -> bytes:
        """A whole response. Raises TimeoutError where it is sent too slowly, and ModelError where it has no end."""
        body = bytearray()
        while part := response.read1(1 << 20):
            body += part
            if len(body) > LARGEST:
                raise ModelError(f"its response is longer than {LARGEST >> 20} MiB; return the best classes only")
            if self.clock() > deadline:
                raise TimeoutError(f"its response took longer than {TIMEOUT:.0f} s")
        if missing := getattr(response, "length", None):
            raise http.client.IncompleteRead(bytes(body), missing)
        return bytes(body)


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows none: an image would be left out by most, and what is tested is the service that was named."""

    def redirect_request(self, *request: Any) -> None:
        _, _, code, reason, _, url = request
        raise ModelError(f"status {code} {reason}: it redirects to {url}; if that is the service, write it as url")


def _host(url: str) -> str:
    """Raises ConfigError for what is not a URL of HTTP that a request can be sent to."""
    _, at, place = re.split("[/?#]", url.partition("://")[2], maxsplit=1)[0].rpartition("@")
    if at:
        raise ConfigError(f"url: the user and the password before '@{place}' are not sent; leave them out")
    try:
        parts = urllib.parse.urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError as error:
        raise ConfigError(f"url: '{url}' is not of the form http://HOST:PORT/PATH ({error}); write that") from error
    if parts.scheme not in {"http", "https"} or not host:
        raise ConfigError(f"url: '{url}' is not of the form http://HOST:PORT/PATH; write that")
    if not (url.isascii() and url.isprintable()) or " " in url:
        raise ConfigError(f"url: '{url}' has a character that no URL may have; write it as %XX, as %20 for a space")
    return host


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _json(body: bytes) -> Any:
    try:
        return json.loads(body, parse_int=_integer, parse_float=_finite, parse_constant=_finite)
    except (ValueError, RecursionError) as error:
        text = " ".join(body.decode("utf-8", "replace").split())[:80]
        raise ModelError(f"it did not return JSON but '{text}'") from error


def _integer(text: str) -> int | float:
    return int(text) if len(text) < 20 else _finite(text)


def _finite(text: str) -> float:
    """Raises ModelError for NaN, for infinity, and for what overflows."""
    value = float(text)
    if not math.isfinite(value):
        raise ModelError(f"it returned the number {text[:20]}, which is not finite")
    return value


def _stated_field(body: bytes) -> str:
    """The field that a service of FastAPI says is missing; else the usual one."""
    try:
        place = json.loads(body)["detail"][0]["loc"]
    except (ValueError, LookupError, TypeError):
        return FIELD
    return str(place[-1]) if isinstance(place, list) and len(place) > 1 else FIELD


def _form(name: str, image: CheckImage, kind: str) -> bytes:
    """RFC 7578."""
    head: Mapping[str, str] = {
        "Content-Disposition": f'form-data; name="{name}"; filename="image{image.suffix}"',
        "Content-Type": kind,
    }
    lines = "".join(f"{key}: {value}\r\n" for key, value in head.items())
    return f"--{BOUNDARY}\r\n{lines}\r\n".encode() + image.data + f"\r\n--{BOUNDARY}--\r\n".encode()
