"""The network as downloads meet it: no request waits long, a mirror goes first, and every failure has one sentence."""

from __future__ import annotations

import http.client
import os
import socket
import urllib.error
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar
from urllib.parse import urlsplit

from imgcls.messages import one_line
from imgcls.system.background import started

T = TypeVar("T")

RESPONSE_SECONDS = 3.0  # docs/decisions.md#download-timeouts
"""A server that has sent nothing by then, name look-up and redirects included, is not available."""

STALL_SECONDS = 30.0  # docs/decisions.md#download-timeouts
"""A download that stands still for this long is given up."""

MIRROR = "IMGCLS_WEIGHTS_MIRROR"
"""The environment variable with the URL under which ``HOST/PATH`` of every published file is requested."""

OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
"""The environment variables of Hugging Face that forbid requests."""

_TRUE = {"1", "ON", "YES", "TRUE"}  # as huggingface_hub reads them

_HUB_ADVICE = {
    "GatedRepo": "accept its terms on its page and log in with `hf auth login`",
    "RepoNotFound": "it does not exist or is private; in that case log in with `hf auth login`",
}


def is_forbidden() -> bool:
    """Whether an environment variable of Hugging Face forbids requests; it then holds for all weights."""
    return forbidding(os.environ) is not None


def forbidding(environ: Mapping[str, str]) -> str | None:
    """The name of the first variable that forbids requests; None where none does."""
    return next((name for name in OFFLINE if environ.get(name, "").upper() in _TRUE), None)


def has_mirror() -> bool:
    """Whether published files are requested from a mirror."""
    return bool(os.environ.get(MIRROR))


def mirrored(url: str) -> str | None:
    """The URL of a file at the mirror, ``MIRROR/HOST/PATH``; None where there is no mirror."""
    mirror = os.environ.get(MIRROR, "").rstrip("/")
    parts = urlsplit(url)
    return f"{mirror}/{parts.netloc}{parts.path}" if mirror else None


def in_time(request: Callable[[], T]) -> T:
    """What ``request`` returns or raises, or :class:`TimeoutError` after ``RESPONSE_SECONDS`` in all.

    In a daemon thread, because name look-ups obey no timeout and must not hold up the end of the process either.
    """
    return started(request).result(timeout=RESPONSE_SECONDS)


@contextmanager
def stalls_end() -> Iterator[None]:
    """New sockets have a timeout in this context, for libraries that set none and would wait for ever."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(STALL_SECONDS)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def errors() -> tuple[type[Exception], ...]:
    """What urllib raises, and an unusable proxy setting or a file that is not the published one (ValueError)."""
    return (OSError, http.client.HTTPException, ValueError)


def hub_errors() -> tuple[type[Exception], ...]:
    """What the hub's library raises in addition."""
    from huggingface_hub.errors import HfHubHTTPError

    http_error = HfHubHTTPError.__bases__[0]  # of httpx in huggingface_hub 1, of httpx2 in 2
    return (*errors(), http_error, RuntimeError, ImportError)


class NoResponse(OSError):
    """Nothing comes from a host; the text is the reason to give."""


def why(error: BaseException) -> str:
    """The reason that an error of the network gives."""
    if isinstance(error, NoResponse):
        return one_line(error)
    causes = list(_causes(error))
    for status in filter(None, map(refusal, causes)):
        return _refused(*status)
    if any(isinstance(cause, TimeoutError) for cause in causes):
        return f"no response within {RESPONSE_SECONDS:g} s"
    return one_line(error if isinstance(error, ImportError) else causes[-1])


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def refusal(error: BaseException) -> tuple[int, str] | None:
    """HTTP status and, from the hub, its word for the reason; None for an error of another kind."""
    if isinstance(error, urllib.error.HTTPError):
        return error.code, error.headers.get("X-Error-Code", "") if error.headers else ""
    response = getattr(error, "response", None)
    return None if response is None else (response.status_code, response.headers.get("X-Error-Code", ""))


def _refused(status: int, word: str) -> str:
    text = f"HTTP {status} {word or http.client.responses.get(status, '')}".rstrip()
    return f"{text}, {_HUB_ADVICE[word]}" if word in _HUB_ADVICE else text
