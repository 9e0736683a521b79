"""A download that goes on where it broke off: into a part of a file, which gets its name from others when it is whole.

Range requests as in RFC 9110, section 14; torch.hub's downloader has none, and takes the end of a connection for the
end of the file.
"""

from __future__ import annotations

import http.client
import json
import urllib.error
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from imgcls import hashing
from imgcls.models.weights import hosts, network

AGENT = "imgcls"

ATTEMPTS = 5  # docs/decisions.md#resumed-downloads
_PIECE = 2**18

Report = Callable[[int, int | None], None]
"""Is called with the bytes that are there, and with all of them where the server states it."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What is known of a file before it is fetched: what its sha256 begins with, and its bytes."""

    sha256_start: str | None = None
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Transferred:
    """A file that was fetched whole. ``headers``: of the server's last response, by names in small letters."""

    sha256: str
    size: int
    headers: Mapping[str, str] = field(default_factory=dict)


class _OtherFile(ValueError):
    """The server has another file than the published one."""


class _BrokenOff(OSError):
    """A connection ended before the file did."""


def fetch(
    url: str, part: Path, expected: Expected, report: Report, headers: Mapping[str, str] | None = None
) -> Transferred:
    """Fetch a file into ``part``, from where an earlier attempt of this or another process broke off.

    A connection that breaks off is opened again as long as each attempt gets farther than all before. Raises what
    :func:`network.errors` lists; then ``part`` holds what can be resumed, or nothing where it was of another file.
    """
    part.parent.mkdir(parents=True, exist_ok=True)
    try:
        received = {} if _is_whole(url, part) else _in_attempts(url, part, expected, report, headers or {})
        return _checked(part, expected, received)
    except _OtherFile:
        _forget(part)
        raise


def _in_attempts(
    url: str, part: Path, expected: Expected, report: Report, headers: Mapping[str, str]
) -> Mapping[str, str]:
    farthest = -1
    for _ in range(ATTEMPTS - 1):
        try:
            return _attempt(url, part, expected, report, headers)
        except (_BrokenOff, ConnectionError, http.client.IncompleteRead):
            size = part.stat().st_size if part.exists() else 0
            if size <= farthest:
                raise
            farthest = size
    return _attempt(url, part, expected, report, headers)


def _attempt(url: str, part: Path, expected: Expected, report: Report, headers: Mapping[str, str]) -> Mapping[str, str]:
    """One request for what is missing, written behind what is there; the headers of the response."""
    start = _resumable(url, part)
    with _opened(url, {**headers, **_range(part, start)}) as response:
        if start and not _continues(response, part, start):
            _forget(part)
            return _attempt(url, part, expected, report, headers)
        start = start if response.status == 206 else 0
        total = _total(response)
        if expected.size is not None and total is not None and total != expected.size:
            raise _OtherFile(f"it is another file, of {total} bytes and not {expected.size}")
        _remember(url, part, response, total)
        _write(response, part, start, expected.size if total is None else total, report)
        return {name.lower(): value for name, value in response.headers.items()}


def _write(response: Any, part: Path, start: int, total: int | None, report: Report) -> None:
    with part.open("r+b" if start else "wb") as file:
        file.seek(start)
        file.truncate()
        done = start
        for piece in _pieces(response):
            file.write(piece)
            file.flush()  # a killed process leaves what it received
            done += len(piece)
            if total is not None and done > total:
                raise _OtherFile(f"it is another file, of more than {total} bytes")
            report(done, total)
    if total is not None and done != total:
        raise _BrokenOff(f"the download broke off after {done} of {total} bytes")


def _pieces(response: Any) -> Iterator[bytes]:
    try:
        while piece := response.read1(_PIECE):
            yield piece
    except TimeoutError as error:
        raise network.NoResponse(f"the download stood still for {network.STALL_SECONDS:g} s") from error


def _checked(part: Path, expected: Expected, headers: Mapping[str, str]) -> Transferred:
    sha256, size = hashing.file_sha256(part), part.stat().st_size
    if expected.size is not None and size != expected.size:
        raise _OtherFile(f"it is another file, of {size} bytes and not {expected.size}")
    if not sha256.startswith(expected.sha256_start or ""):
        raise _OtherFile(f"it is another file: its sha256 is {sha256}, and not {expected.sha256_start}")
    _notes(part).unlink(missing_ok=True)
    return Transferred(sha256, size, headers)


# What is known of a part: the URL, and what distinguishes this version of the file from others.


def _notes(part: Path) -> Path:
    return part.with_name(f"{part.name}.json")


def _remember(url: str, part: Path, response: Any, total: int | None) -> None:
    etag = response.headers.get("ETag") or ""
    validator = etag if etag.startswith('"') else response.headers.get("Last-Modified")  # weak ones allow no ranges
    _notes(part).write_text(json.dumps({"url": url, "validator": validator, "total": total}), encoding="utf-8")


def _known(part: Path) -> dict[str, Any]:
    try:
        notes = json.loads(_notes(part).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return notes if isinstance(notes, dict) else {}


def _resumable(url: str, part: Path) -> int:
    """The number of bytes that are there and that the server can be requested to continue."""
    notes = _known(part)
    if notes.get("url") != url or not notes.get("validator") or not part.is_file():
        return 0
    size = part.stat().st_size
    total = notes.get("total")
    return size if total is None or size < total else 0


def _is_whole(url: str, part: Path) -> bool:
    """Whether an earlier attempt got all of it, and ended before it got its name."""
    notes = _known(part)
    return notes.get("url") == url and part.is_file() and part.stat().st_size == notes.get("total")


def _range(part: Path, start: int) -> dict[str, str]:
    return {"Range": f"bytes={start}-", "If-Range": _known(part)["validator"]} if start else {}


def _continues(response: Any, part: Path, start: int) -> bool:
    """Whether a response is whole, or continues exactly what is there."""
    if response.status != 206:
        return bool(response.status == 200)
    span, _, total = response.headers.get("Content-Range", "").removeprefix("bytes ").partition("/")
    first, _, last = span.partition("-")
    known = _known(part).get("total")
    is_rest = first == str(start) and total.isdecimal() and last == str(int(total) - 1)
    return is_rest and known in {None, int(total)}


def _forget(part: Path) -> None:
    part.unlink(missing_ok=True)
    _notes(part).unlink(missing_ok=True)


def _total(response: Any) -> int | None:
    """The size of the whole file in bytes; None where the server does not state it."""
    size = response.headers.get("Content-Range", response.headers.get("Content-Length", "")).rpartition("/")[2]
    return int(size) if size.isdecimal() else None


# Requests.


def _opened(url: str, headers: Mapping[str, str]) -> Any:
    """The response to a request; one for a range that is not there is the response to the whole request."""
    request = Request(url, headers={"User-Agent": AGENT, "Accept-Encoding": "identity", **headers})  # noqa: S310 - http

    def opened() -> Any:
        return build_opener(_Redirects()).open(request, timeout=network.STALL_SECONDS)

    hosts.require(url)
    try:
        return network.in_time(opened)
    except urllib.error.HTTPError as refusal:
        refusal.close()  # else the connection stays open
        if refusal.code == 416 and "Range" in headers:
            plain = {name: value for name, value in headers.items() if name not in {"Range", "If-Range"}}
            return _opened(url, plain)
        raise


class _Redirects(HTTPRedirectHandler):
    """Redirects that keep a secret: no credentials to another host, and none from https to anything else."""

    def redirect_request(self, req: Request, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Request | None:
        before, after = urlsplit(req.full_url), urlsplit(newurl)
        if after.scheme not in {"http", "https"} or (before.scheme, after.scheme) == ("https", "http"):
            fp.close()  # else the connection stays open
            raise urllib.error.URLError(f"it redirects to {after.scheme}://{after.netloc}, which is not followed")
        request = super().redirect_request(req, fp, code, msg, headers, newurl)
        if request is not None and after.netloc != before.netloc:
            request.remove_header("Authorization")
        return request
