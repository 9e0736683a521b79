"""Bytes behind URLs: ``http`` and ``https`` by urllib3, all other schemes by fsspec, with retries that back off.

What keeps them from being read is Undecodable, after the last retry. A server that states another ETag than when the
file was listed has changed it.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, partial
from importlib import import_module
from operator import itemgetter
from types import ModuleType
from typing import Any, Final, NamedTuple, TypeVar
from urllib.parse import urlsplit

from imgcls import messages
from imgcls.data.places.base import State
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

_VERSIONS: Final = ("ETag", "etag", "blob_id", "mtime", "LastModified", "created")
"""What libraries call it, the most exact first."""

Result = TypeVar("Result")


class _Listed(NamedTuple):
    """A file as it was when it was last listed. ``etag``: empty where there is none to request parts of.

    ``since_ns``: 0 where its state tells whether it is still the same.
    """

    state: State
    etag: str
    since_ns: int


_LISTED: dict[str, _Listed] = {}
"""The containers by their URLs."""

_BLOCKS: Kept[tuple[str, _Listed, int], bytes] = Kept(_KEPT)


def state(url: str) -> State:
    """What the server states of a file now. Raises :class:`Undecodable`."""
    size, version = _http_state(url) if _is_http(url) else _fs_state(url)
    if not size:
        raise Undecodable("empty", "it has 0 bytes")
    result = _stated(size, version)
    _LISTED[url] = _Listed(result, version if _is_http(url) else "", 0 if version else time.time_ns())
    return result


def stated(url: str) -> State:
    """What the server stated of a file when it was last listed. Raises :class:`Undecodable`."""
    return _listed(url).state


def _listed(url: str) -> _Listed:
    if url not in _LISTED:
        state(url)
    return _LISTED[url]


def _stated(size: int, version: str) -> State:
    return State(size, 0, int.from_bytes(hashlib.sha256(version.encode()).digest()[:7]) if version else None)


def read(url: str, offset: int, size: int) -> bytes:
    """These bytes, or those that there are of them, from the blocks around them. Raises :class:`Undecodable`."""
    listed = _listed(url)
    end = min(offset + size, listed.state.size)
    blocks = range(offset // BLOCK, max(offset, end - 1) // BLOCK + 1)
    data = b"".join(_BLOCKS.get((url, listed, block), partial(_block, url, listed, block)) for block in blocks)
    start = offset - blocks.start * BLOCK
    return data[start : start + max(0, end - offset)]


def content(url: str, size: int) -> bytes:
    """The bytes of a file that is an image by itself; of a file that has more than listed, one more than listed.

    Raises :class:`Undecodable`.
    """
    return _range(url, 0, size + 1)


def matching(pattern: str) -> list[str]:
    """The URLs that a pattern stands for, sorted. Raises ConfigError where the server does not list its files."""
    if _is_http(pattern):
        raise ConfigError(f"{shown(pattern)}: a web server does not list its files: write the numbers as {{000..146}}")
    fs, path = _filesystem(pattern)
    return _requested(pattern, lambda: sorted(map(fs.unstrip_protocol, fs.glob(path))))


def below(url: str) -> Iterator[tuple[str, str, State]]:
    """The files below a folder: path in it, URL, and state; one folder directly in it after the other.

    Raises ConfigError.
    """
    if _is_http(url):
        raise ConfigError(f"{shown(url)}: a web server does not list its files: name an archive or a Parquet file")
    fs, root = _filesystem(url)
    fs.invalidate_cache()  # the state of now
    for name, info in _each(url, fs, root):
        yield name[len(root) :].lstrip("/"), str(fs.unstrip_protocol(name)), _stated(int(info["size"]), _version(info))


def _each(url: str, fs: Any, root: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The files below a folder by their names; the library keeps those of one folder directly in it."""
    for child in sorted(_requested(url, lambda: _children(fs, root)), key=itemgetter("name")):
        if child["type"] != "directory":
            yield child["name"], child
            continue
        yield from sorted(_requested(url, partial(fs.find, child["name"], detail=True)).items())
        fs.invalidate_cache()


def _children(fs: Any, folder: str) -> Sequence[Mapping[str, Any]]:
    try:
        return list(fs.ls(folder, detail=True))
    except FileNotFoundError:
        return ()


def _requested(url: str, listing: Callable[[], Result]) -> Result:
    try:
        return _retried(listing)
    except Undecodable as fault:
        raise ConfigError(f"{shown(url)} cannot be listed: {fault}") from fault


def _block(url: str, listed: _Listed, number: int) -> bytes:
    offset, size = number * BLOCK, listed.state.size
    return _range(url, offset, min(BLOCK, size - offset))


def _range(url: str, offset: int, size: int) -> bytes:
    if _is_http(url):
        return _http_range(url, offset, size)
    fs, path = _filesystem(url)
    return bytes(_retried(lambda: fs.cat_file(path, start=offset, end=offset + size)))


def _is_http(url: str) -> bool:
    return url.startswith(("http://", "https://"))


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
    etag = _listed(url).etag
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
    return int(info["size"]), _version(info)


def _version(info: Mapping[str, Any]) -> str:
    """What a file system states that changes with a file; empty where that is nothing."""
    return str(next((info[key] for key in _VERSIONS if info.get(key)), ""))


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
