"""Fetches files as a guest: slowly, within limits, where robots.txt allows it, and nowhere on this network."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import Future
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from importlib import metadata
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
import urllib3
from requests.auth import HTTPBasicAuth
from requests.utils import get_auth_from_url

from imgcls.collect import addresses, robots
from imgcls.collect.pace import Pace
from imgcls.collect.refusal import Refused, Stopped
from imgcls.messages import one_line

# docs/decisions.md#limits-of-a-collection
MAX_BYTES = 32 * 2**20
ROBOTS_BYTES = 512 * 2**10
FILE_SECONDS = 60.0
CONNECT_SECONDS, SILENT_SECONDS = 5.0, 10.0
MAX_REDIRECTS = 5
TRIES = 3
LONGEST_WAIT_S = 60.0
LONGEST_URL = 2000

_PIECE = 64 * 2**10
_BUSY = frozenset({429, 503})
_RETRIED = frozenset({429, 500, 502, 503, 504})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a URL gave. ``url``: the last one of its redirects; ``licence``: that of a header, empty without one.

    ``content`` and ``url`` are called as in a response of requests, which icrawler's parsers read.
    """

    url: str
    content: bytes
    licence: str = ""


def user_agent(contact: str = "") -> str:
    """The name and the version of this program, and how to reach who runs it."""
    return f"{robots.AGENT}/{metadata.version('imgcls')}" + (f" (contact: {contact})" if contact else "")


class Client:
    """Fetches URLs for several threads at once.

    ``stop``: set where the run ends; ``clock`` returns seconds. ``responded`` is set once a server has responded.
    """

    def __init__(
        self, pace: Pace, stop: threading.Event, contact: str = "", clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._pace, self._stop, self._clock = pace, stop, clock
        self._any = _session(addresses.Adapter, contact)
        self._public = _session(addresses.PublicAdapter, contact)
        self._robots: dict[str, Future[robots.Rules]] = {}
        self._lock = threading.Lock()
        self.responded = threading.Event()

    def close(self) -> None:
        self._any.close()
        self._public.close()

    def fetch(self, url: str, *, may_be_private: bool = False) -> Fetched:
        """The content of a URL, after up to :data:`MAX_REDIRECTS` redirects, each of which is held to the same rules.

        ``may_be_private``: whether it may lie outside of the public internet; a redirect only may where the URL before
        it does. Raises Refused, Stopped.
        """
        return self._follow(url, MAX_BYTES, may_be_private=may_be_private, obeys_robots=True)

    def page(self, url: str) -> Fetched:
        """The content of a page that a person requests by name, whatever robots.txt states of it. Raises as fetch."""
        return self._follow(url, MAX_BYTES, may_be_private=True, obeys_robots=False)

    def allows(self, url: str, *, may_be_private: bool = False) -> bool:
        """Whether robots.txt lets this program fetch a URL. Raises Refused where that is not known, Stopped."""
        return self._rules(url, may_be_private=may_be_private).allow(url)

    def _follow(self, url: str, limit: int, *, may_be_private: bool, obeys_robots: bool) -> Fetched:
        for _ in range(1 + MAX_REDIRECTS):
            host = _host(url)
            if not may_be_private:
                addresses.require_public(host)
            if obeys_robots and not self.allows(url, may_be_private=may_be_private):
                raise Refused("robots", f"robots.txt of {urlsplit(url).netloc} forbids it")
            with closing(self._response(url, host, may_be_private=may_be_private)) as response:
                target = response.headers.get("Location")
                if target is None or response.status_code not in _REDIRECTS:
                    _require_ok(response)
                    return Fetched(url, self._content(response, limit), _licence(response))
            may_be_private = may_be_private and addresses.is_private(host)
            url = _joined(url, target)
        raise Refused("redirects", f"it redirects more than {MAX_REDIRECTS} times")

    def _response(self, url: str, host: str, *, may_be_private: bool) -> requests.Response:
        """The response to a request, after as many tries as a server that is busy may have, before its content."""
        session = self._any if may_be_private else self._public
        for tries_left in reversed(range(TRIES)):
            self._pace.wait(host)
            response = _get(session, url)
            self.responded.set()
            if response.status_code not in _RETRIED or not tries_left:
                return response
            with closing(response):
                wait_s = _retry_after(response) or 2.0 ** (TRIES - 1 - tries_left)
                if wait_s > LONGEST_WAIT_S:
                    return response
            self._pace.pause(host, wait_s)
        raise AssertionError("the last try returns")

    def _content(self, response: requests.Response, limit: int) -> bytes:
        """The body, within the limits of bytes and seconds. Raises Refused, Stopped."""
        stated = response.headers.get("Content-Length", "")
        if stated.isdecimal() and float(stated) > limit:  # Python refuses an int of thousands of digits
            raise _too_big(limit)
        ends_s, content = self._clock() + FILE_SECONDS, bytearray()
        try:
            while piece := response.raw.read1(_PIECE, decode_content=True):
                content += piece
                if len(content) > limit:
                    raise _too_big(limit)
                if self._stop.is_set():
                    raise Stopped
                if self._clock() > ends_s:
                    raise Refused("timeout", f"it takes longer than {FILE_SECONDS:g} s")
        except urllib3.exceptions.TimeoutError as error:
            raise Refused("timeout", f"the server sent nothing for {SILENT_SECONDS:g} s") from error
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise Refused("cut_short", f"the response broke off: {one_line(error)}") from error
        return bytes(content)

    def _rules(self, url: str, *, may_be_private: bool) -> robots.Rules:
        """What robots.txt of the URL's host allows, fetched once. Raises Refused, Stopped."""
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc}"
        with self._lock:
            is_first = origin not in self._robots
            rules = self._robots.setdefault(origin, Future())
        if is_first:
            try:
                rules.set_result(self._fetched_rules(origin, may_be_private=may_be_private))
            except BaseException as error:  # noqa: BLE001 - raised again in every thread that waits
                rules.set_exception(error)
        return rules.result()

    def _fetched_rules(self, origin: str, *, may_be_private: bool) -> robots.Rules:
        """Source: RFC 9309, section 2.3.1: without such a file everything is allowed, without a response nothing."""
        url = f"{origin}/robots.txt"
        try:
            fetched = self._follow(url, ROBOTS_BYTES, may_be_private=may_be_private, obeys_robots=False)
        except Refused as error:
            if error.reason == "http_error":
                return robots.Rules()
            if error.reason in {"private_address", "unusable_url"}:
                raise
            raise Refused("robots_unreachable", f"{url}: {error.detail}") from error
        return robots.parse(fetched.content.decode(errors="replace"))


class _Session(requests.Session):
    """Follows no redirect, and does not read its body either, which requests would, whatever its size."""

    def resolve_redirects(self, *_: Any, **__: Any) -> Generator[requests.Response, None, None]:
        yield from ()


def _session(adapter: type[addresses.Adapter], contact: str) -> requests.Session:
    session = _Session()
    session.auth = _as_in_url
    # As it is: what a server compresses could be of any size.
    session.headers.update({"User-Agent": user_agent(contact), "Accept": "*/*", "Accept-Encoding": "identity"})
    for scheme in ("http://", "https://"):
        session.mount(scheme, adapter())
    return session


def _as_in_url(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Only a URL's own credentials: those in the user's ``.netrc`` are not for what strangers link to."""
    user, password = get_auth_from_url(request.url or "")
    return HTTPBasicAuth(user, password)(request) if user else request


def _host(url: str) -> str:
    """Raises Refused for a URL that is not fetched."""
    try:
        url.encode()
        parts = urlsplit(url)
        if parts.scheme in {"http", "https"} and parts.hostname and len(url) <= LONGEST_URL and parts.port != 0:
            return parts.hostname
    except ValueError as error:  # of brackets, ports and half characters
        raise Refused("unusable_url", f"not a URL: {one_line(error)}") from error
    raise Refused("unusable_url", f"not a URL of http or https with up to {LONGEST_URL} characters")


def _joined(url: str, target: str) -> str:
    """Where a redirect leads. Raises Refused."""
    try:
        return urljoin(url, target)
    except ValueError as error:
        raise Refused("unusable_url", f"not a URL: {one_line(error)}") from error


def _get(session: requests.Session, url: str) -> requests.Response:
    try:
        return session.get(url, stream=True, allow_redirects=False, timeout=(CONNECT_SECONDS, SILENT_SECONDS))
    except requests.Timeout as error:
        raise Refused("timeout", f"no response within {SILENT_SECONDS:g} s") from error
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
        raise Refused("connection", f"no connection ({_cause(error)})") from error


def _cause(error: BaseException) -> str:
    """What went wrong at the bottom, in a few words where the system has some."""
    causes = [error]
    while (nxt := causes[-1].__cause__ or causes[-1].__context__) is not None:
        causes.append(nxt)
    of_system = [cause.strerror for cause in causes if isinstance(cause, OSError) and cause.strerror]
    return of_system[-1] if of_system else type(causes[-1]).__name__


def _require_ok(response: requests.Response) -> None:
    status: int = response.status_code
    if status == HTTPStatus.OK:
        return
    text = f"HTTP {status} {HTTPStatus(status).phrase if status in set(HTTPStatus) else ''}".rstrip()
    if status in _BUSY:
        raise Refused("busy", text)
    raise Refused("server_error" if status >= 500 else "http_error", text)


def _retry_after(response: requests.Response) -> float:
    """The seconds that a server states, as a number or a date; 0 where it states none."""
    text = response.headers.get("Retry-After", "").strip()
    if text.isdecimal():
        return float(text)
    try:
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return 0.0


def _licence(response: requests.Response) -> str:
    """The licence that a header ``Link: <URL>; rel="license"`` states, empty for what is not a URL."""
    stated = response.links.get("license", {}).get("url", "")
    try:
        licence = urljoin(response.url, stated)
    except ValueError:
        return ""
    return licence if stated and licence.startswith(("http://", "https://")) else ""


def _too_big(limit: int) -> Refused:
    return Refused("too_big", f"it has more than {limit // 2**20 or limit / 2**20:g} MiB")
