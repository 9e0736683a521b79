"""Bytes behind URLs: ``http`` and ``https`` by urllib3, all other schemes by fsspec, with retries that back off.

What keeps them from being read is Undecodable, after the last retry. A server that states another ETag than when the
file was listed has changed it.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from importlib import import_module
from types import ModuleType
from typing import Any, Final, NamedTuple, TypeVar
from urllib.parse import urlsplit

from imgcls import messages
from imgcls.data.places.kept import Kept
from imgcls.data.places.urls import shown
from imgcls.errors import ConfigError, MachineError, Undecodable

# docs/decisions.md#blocks-of-a-remote-file
BLOCK: Final = 4 * 2**20
_KEPT: Final = 16

# docs/decisions.md#retries-of-a-remote-file
TRIES: Final = 4
BACK_OFF_S: Final = 0.1
_LONGEST_WAIT_S: Final = 10
_CONNECT_S, _SILENT_S = 2.5, 30.0
_RETRIED: Final = frozenset({429, 500, 502, 503, 504})

_REASONS: Final = {401: "permission", 403: "permission", 404: "missing", 410: "missing", 412: "changed"}

Result = TypeVar("Result")


class State(NamedTuple):
    """What a server states of a file. ``version``: a hash of its ETag, or of what stands for one."""

    size: int
    mtime_ns: int
    version: int


_STATES: dict[str, tuple[State, str]] = {}
"""What was stated of each URL when it was last listed, and its ETag, empty where there is none."""

_BLOCKS: Kept[tuple[str, State, int], bytes] = Kept(_KEPT)


def state(url: str) -> State:
    """What the server states of a file now. Raises :class:`Undecodable`."""
    size, version = _http_state(url) if _is_http(url) else _fs_state(url)
    if not size:
        raise Undecodable("empty", "it has 0 bytes")
    result = State(size, 0, _number(version) if version else time.time_ns())  # nothing tells that it is still the same
    _STATES[url] = result, version if _is_http(url) else ""
    return result


def stated(url: str) -> State:
    """What the server stated of a file when it was last listed. Raises :class:`Undecodable`."""
    return _STATES[url][0] if url in _STATES else state(url)


def read(url: str, offset: int, size: int) -> bytes:
    """These bytes, or those that there are of them, from the blocks around them. Raises :class:`Undecodable`."""
    listed = stated(url)
    end = min(offset + size, listed.size)
    blocks = range(offset // BLOCK, max(offset, end - 1) // BLOCK + 1)
    data = b"".join(_BLOCKS.get((url, listed, block), partial(_block, url, listed, block)) for block in blocks)
    start = offset - blocks.start * BLOCK
    return data[start : start + max(0, end - offset)]


def content(url: str) -> bytes:
    """All bytes of a file that is an image by itself. Raises :class:`Undecodable`."""
    fs, path = _filesystem(url)
    return bytes(_retried(lambda: fs.cat_file(path)))


def matching(pattern: str) -> list[str]:
    """The URLs that a pattern stands for, sorted. Raises ConfigError where the server does not list its files."""
    if _is_http(pattern):
        raise ConfigError(f"{shown(pattern)}: a web server does not list its files: write the numbers as {{000..146}}")
    fs, path = _filesystem(pattern)
    return _listed(pattern, lambda: sorted(map(fs.unstrip_protocol, fs.glob(path))))


def below(url: str) -> Mapping[str, str]:
    """The URLs of all files below a folder, by their paths in it, sorted. Raises ConfigError."""
    if _is_http(url):
        raise ConfigError(f"{shown(url)}: a web server does not list its files: name an archive or a Parquet file")
    fs, root = _filesystem(url)
    names: Sequence[str] = _listed(url, lambda: sorted(fs.find(root)))
    if not names:
        raise ConfigError(f"{shown(url)} holds no files, or does not exist")
    urls = {name[len(root) :].lstrip("/"): str(fs.unstrip_protocol(name)) for name in names}
    for of_file in urls.values():
        _STATES.pop(of_file, None)
    return urls


def _listed(url: str, listing: Callable[[], Result]) -> Result:
    try:
        return _retried(listing)
    except Undecodable as fault:
        raise ConfigError(f"{shown(url)} cannot be listed: {fault}") from fault


def _block(url: str, listed: State, number: int) -> bytes:
    offset = number * BLOCK
    return _range(url, offset, min(BLOCK, listed.size - offset))


def _range(url: str, offset: int, size: int) -> bytes:
    if _is_http(url):
        return _http_range(url, offset, size)
    fs, path = _filesystem(url)
    return bytes(_retried(lambda: fs.cat_file(path, start=offset, end=offset + size)))


def _is_http(url: str) -> bool:
    return url.startswith(("http://", "https://"))


def _number(version: str) -> int:
    return int.from_bytes(hashlib.sha256(version.encode()).digest()[:7])


# HTTP.


def _http_state(url: str) -> tuple[int, str]:
    """The size and the ETag: of a request for the first byte, because not every server takes HEAD."""
    response = _request(url, {"Range": "bytes=0-0"}, with_body=False)  # a server without parts would send all of it
    whole = re.fullmatch(r"bytes 0-0/(\d+)", response.headers.get("Content-Range", ""))
    if response.status == 206 and whole:
        return int(whole[1]), response.headers.get("ETag") or response.headers.get("Last-Modified") or ""
    raise Undecodable(
        "unsupported", f"the server of {shown(url)} gives no parts of a file: download it, and name the file"
    )


def _http_range(url: str, offset: int, size: int) -> bytes:
    headers = {"Range": f"bytes={offset}-{offset + size - 1}"}
    _, etag = _STATES.get(url, (None, ""))
    if etag.startswith('"'):
        headers["If-Match"] = etag
    response = _request(url, headers)
    now = response.headers.get("ETag", "")
    if etag.startswith('"') and now and now != etag:
        raise Undecodable("changed", f"{shown(url)} had the ETag {etag} when it was listed, and now has {now}")
    if response.status != 206:
        raise Undecodable("unreadable", f"the server of {shown(url)} gave no part of it, status {response.status}")
    data, stated = bytes(response.data), response.headers.get("Content-Range", "")
    if not stated.startswith(f"bytes {offset}-{offset + len(data) - 1}/") or len(data) > size:
        raise Undecodable(
            "unreadable", f"the server of {shown(url)} gave another part than {headers['Range']}: {stated or 'unnamed'}"
        )
    return data


def _request(url: str, headers: Mapping[str, str], *, with_body: bool = True) -> Any:
    """A response, after retries of what a server may mend. Raises :class:`Undecodable`."""
    urllib3 = _imported("urllib3")
    headers = {**headers, "Accept-Encoding": "identity"}
    try:
        response = _pool().request("GET", url, headers=headers, preload_content=with_body)
        response.close()
    except urllib3.exceptions.HTTPError as error:
        reason = error.reason if isinstance(error, urllib3.exceptions.MaxRetryError) and error.reason else error
        raise Undecodable("unreadable", f"{shown(url)}: {_without_secrets(reason, url)}") from error
    if response.status >= 400:
        reason = _REASONS.get(response.status, "unreadable")
        raise Undecodable(reason, f"{shown(url)}: status {response.status}, {response.reason}")  # type: ignore[arg-type]
    return response


@cache
def _pool() -> Any:
    urllib3 = _imported("urllib3")
    retries = urllib3.Retry(
        total=TRIES,
        connect=1,
        redirect=TRIES,
        backoff_factor=BACK_OFF_S,
        status_forcelist=_RETRIED,
        raise_on_status=False,
        retry_after_max=_LONGEST_WAIT_S,
    )
    return urllib3.PoolManager(maxsize=16, retries=retries, timeout=urllib3.Timeout(_CONNECT_S, _SILENT_S))


# All else.


def _filesystem(url: str) -> tuple[Any, str]:
    """The file system of a URL, and the path in it. Raises ConfigError, and MachineError for a missing library."""
    fsspec = _imported("fsspec")
    try:
        fs, path = fsspec.core.url_to_fs(url)
    except ImportError as error:
        scheme = urlsplit(url).scheme
        raise MachineError(f"{shown(url)}: {scheme}:// needs another library: {messages.one_line(error)}") from error
    except ValueError as error:
        raise ConfigError(f"{shown(url)}: {messages.one_line(error)}") from error
    return fs, str(path)


def _fs_state(url: str) -> tuple[int, str]:
    fs, path = _filesystem(url)
    info = _retried(lambda: fs.info(path))
    if info.get("type") == "directory":
        raise Undecodable("not_regular", f"{shown(url)} is a folder")
    stated = (info[key] for key in ("ETag", "etag", "blob_id", "mtime", "LastModified", "created") if info.get(key))
    return int(info["size"]), str(next(stated, ""))


def _retried(operation: Callable[[], Result]) -> Result:
    """The result of an operation of a file system, tried again where it may succeed later."""
    for attempt in range(TRIES):
        try:
            return operation()
        except FileNotFoundError as error:
            raise Undecodable("missing", messages.one_line(error)) from error
        except PermissionError as error:
            raise Undecodable("permission", messages.one_line(error)) from error
        except OSError as error:
            if attempt == TRIES - 1:
                raise Undecodable("unreadable", messages.one_line(error)) from error
            time.sleep(BACK_OFF_S * 2**attempt)
        except Exception as error:  # of a library, which has tried again itself
            raise Undecodable("unreadable", messages.one_line(error)) from error
    raise AssertionError("unreachable")


def _without_secrets(error: BaseException, url: str) -> str:
    """An error as a line, which may repeat the URL."""
    line, query = messages.one_line(error).replace(url, shown(url)), url.partition("?")[2]
    return line.replace(query, "...") if query else line


def _imported(name: str) -> ModuleType:
    try:
        return import_module(name)
    except ImportError as error:
        raise MachineError(
            f"images behind URLs are read with {name}, which is not installed: pip install 'imgcls[remote]'"
        ) from error
