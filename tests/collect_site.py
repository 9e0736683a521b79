"""A site on loopback for tests of collecting: what it serves, how it misbehaves, and what was requested of it."""

from __future__ import annotations

import io
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

Serve = Callable[[BaseHTTPRequestHandler, int], None]
"""Writes a response; the number counts the requests of its path, the first is 1."""


class Received(NamedTuple):
    """A request as the site saw it; ``at_s``: by its clock."""

    host: str
    path: str
    agent: str
    at_s: float


class Site:
    """Serves what :attr:`paths` has, of paths that end in ``?`` whatever the query is; everything else is 404."""

    def __init__(self, address: str = "127.0.0.1", clock: Callable[[], float] = time.monotonic) -> None:
        self.paths: dict[str, Serve] = {}
        self.received: list[Received] = []
        self._counts: Counter[str] = Counter()
        self._lock, self._clock = threading.Lock(), clock
        site = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                site._serve(self)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer((address, 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None  # type: ignore[method-assign]  # clients hang up on purpose
        self.port = self.server.server_address[1]
        self.url = f"http://{address}:{self.port}"

    def on(self, host: str) -> str:
        """The same site under another name of this machine."""
        return f"http://{host}:{self.port}"

    def requested(self, path: str) -> int:
        """How often a path was requested."""
        return sum(request.path == path for request in self.received)

    def _serve(self, handler: BaseHTTPRequestHandler) -> None:
        path = handler.path
        with self._lock:
            host, agent = handler.headers.get("Host", ""), handler.headers.get("User-Agent", "")
            self.received.append(Received(host, path, agent, self._clock()))
            self._counts[path] += 1
            count = self._counts[path]
        serve = self.paths.get(path) or self.paths.get(f"{path.partition('?')[0]}?", status(404))
        serve(handler, count)


@contextmanager
def running(site: Site) -> Iterator[Site]:
    """Let a site respond while it is open."""
    thread = threading.Thread(target=lambda: site.server.serve_forever(poll_interval=0.02), daemon=True)
    thread.start()
    try:
        yield site
    finally:
        site.server.shutdown()
        site.server.server_close()


def body(content: bytes, kind: str = "image/jpeg", length: int | None = None, **headers: str) -> Serve:
    """A response of 200; ``length``: what it states instead of its length; headers with ``_`` for ``-``."""

    def serve(handler: BaseHTTPRequestHandler, _count: int) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", kind)
        handler.send_header("Content-Length", str(len(content) if length is None else length))
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(content[:length])
        handler.close_connection = length is not None

    return serve


def status(code: int, **headers: str) -> Serve:
    """A response without content."""

    def serve(handler: BaseHTTPRequestHandler, _count: int) -> None:
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return serve


def redirect(target: str) -> Serve:
    return status(302, Location=target)


def in_turn(*serves: Serve) -> Serve:
    """The first request gets the first response and so on; the last is for all others."""

    def serve(handler: BaseHTTPRequestHandler, count: int) -> None:
        serves[min(count, len(serves)) - 1](handler, count)

    return serve


def endless(ended: threading.Event) -> Serve:
    """A body of which a byte comes now and then, until the test ends."""

    def serve(handler: BaseHTTPRequestHandler, _count: int) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "100000")
        handler.end_headers()
        while not ended.wait(0.01):
            handler.wfile.write(b"\xff")

    return serve


def photo(seed: int, size: tuple[int, int] = (160, 120), kind: str = "JPEG") -> bytes:
    """An image that looks like no other of another seed, and the same at any size."""
    patches = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), np.uint8)
    large = Image.fromarray(patches).resize((480, 360), Image.Resampling.BICUBIC)
    written = io.BytesIO()
    large.resize(size, Image.Resampling.LANCZOS).save(written, kind)
    return written.getvalue()


def write_list(file: Path, *urls: str) -> Path:
    """A list of URLs, one per line."""
    file.write_text("\n".join(["# where they are", *urls, ""]))
    return file


class Clock:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self._lock = threading.Lock()

    def __call__(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> bool:
        with self._lock:
            self.now_s += seconds
        return False
