"""Hosts of published weights: one attempt to reach each of them serves all requests, and may begin before them."""

from __future__ import annotations

import socket
import time
from concurrent.futures import Future
from functools import partial
from typing import NamedTuple
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from imgcls.models.weights import network
from imgcls.system.background import started

CONNECT_SECONDS = 2.0  # docs/decisions.md#hosts-that-cannot-be-reached
"""A host that has not been connected to by then, name look-up included, cannot be reached."""

KNOWN_SECONDS = 30.0  # docs/decisions.md#hosts-that-cannot-be-reached
"""How long it is known of a host whether it can be reached."""

_PORTS = {"http": 80, "https": 443}


class _Attempt(NamedTuple):
    began: float
    result: Future[None]


_attempts: dict[tuple[str, int], _Attempt] = {}


def begin(url: str) -> None:
    """Begin to connect to the host of a URL, or to the proxy on the way to it, and do not wait for it."""
    if address := _address(url):
        _attempt(address)


def require(url: str) -> None:
    """Wait until its host is connected, for :data:`CONNECT_SECONDS` from the beginning of the attempt.

    Raises OSError, :class:`network.NoResponse` where nothing came of it by then, and UnicodeError for a name that no
    look-up takes.
    """
    address = _address(url)
    if address is None:
        return
    attempt = _attempt(address)
    left = attempt.began + CONNECT_SECONDS - time.monotonic()
    try:
        attempt.result.result(timeout=max(left, 0.0))
    except TimeoutError as error:
        raise network.NoResponse(f"no connection to {address[0]} within {CONNECT_SECONDS:g} s") from error


def _attempt(address: tuple[str, int]) -> _Attempt:
    """The attempt that is under way or was made lately, or a new one."""
    known = _attempts.get(address)
    if known is None or time.monotonic() - known.began > KNOWN_SECONDS:
        known = _attempts[address] = _Attempt(time.monotonic(), started(partial(_connect, address)))
    return known


def _connect(address: tuple[str, int]) -> None:
    """Raises OSError, and UnicodeError for a name that no look-up takes."""
    socket.create_connection(address, timeout=CONNECT_SECONDS).close()


def _address(url: str) -> tuple[str, int] | None:
    """What is connected to for this URL; None where only the request itself can tell."""
    try:
        parts = urlsplit(url)
        proxy = None if proxy_bypass(parts.netloc) else getproxies().get(parts.scheme)
        target = urlsplit(proxy if not proxy or "://" in proxy else f"http://{proxy}") if proxy else parts
        port = target.port or _PORTS[target.scheme]
    except (ValueError, KeyError):  # a proxy that is not a URL of http; the request has a message for that
        return None
    return (target.hostname, port) if target.hostname else None
