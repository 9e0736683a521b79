"""A web server on loopback that publishes weights, as well or as badly as a test states: a site, a hub or a proxy."""

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Reply:
    """What a request for a path gets.

    ``promised``: the stated length of the whole. ``ranges``: whether ``Range`` is honoured, ``etag``: with which
    validator, by default the hash of the body, None without one. ``cuts``: after how many bytes the next responses
    break off. ``shift``: how many bytes later than requested a range begins. ``stall``: an event that is waited for
    after half of the body.
    """

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    promised: int | None = None
    ranges: bool = True
    etag: str | None = ""
    cuts: list[int] = field(default_factory=list)
    shift: int = 0
    stall: threading.Event | None = None

    @property
    def validator(self) -> str | None:
        return f'"{hashlib.sha256(self.body).hexdigest()}"' if self.etag == "" else self.etag


class Site(ThreadingHTTPServer):
    """``requests``: one (method, path) each; ``ranges``: the ``Range`` of each, if any; ``tokens``: credentials."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.replies: dict[str, Reply] = {}
        self.requests: list[tuple[str, str]] = []
        self.ranges: list[str | None] = []
        self.tokens: list[str | None] = []
        self.url = f"http://127.0.0.1:{self.server_port}"

    def publish(self, repository: str, name: str, body: bytes, revision: str = "main") -> Reply:
        """Put a file into a repository of a hub, where it is also found by its commit."""
        reply = Reply(body, headers={"X-Repo-Commit": COMMIT})
        for ref in (revision, COMMIT):
            self.replies[f"/{repository}/resolve/{ref}/{name}"] = reply
        return reply


class _Handler(BaseHTTPRequestHandler):
    server: Site

    def do_GET(self) -> None:
        site = self.server
        site.requests.append((self.command, self.path))
        site.ranges.append(self.headers["Range"])
        site.tokens.append(self.headers["Authorization"])
        reply = site.replies.get(self.path) or Reply(status=404, headers=self._not_found(), etag=None)
        total = len(reply.body) if reply.promised is None else reply.promised
        start = self._start(reply)
        self.send_response(reply.status if start is None else 206)
        for name, value in {"ETag": reply.validator, **reply.headers}.items():
            if value is not None:
                self.send_header(name, value)
        begin = 0 if start is None else start + reply.shift
        if start is not None:
            self.send_header("Content-Range", f"bytes {begin}-{total - 1}/{total}")
        self.send_header("Content-Length", str(max(total - begin, 0)))
        self.end_headers()
        if self.command == "GET":
            self._write(reply, reply.body[begin:])

    do_HEAD = do_GET  # noqa: N815 - the base class looks for this name

    def _start(self, reply: Reply) -> int | None:
        """The first byte that is requested, where the reply honours that."""
        requested = self.headers["Range"]
        if not reply.ranges or reply.status != 200 or not requested:
            return None
        if self.headers["If-Range"] not in {None, reply.validator}:
            return None
        return int(requested.removeprefix("bytes=").partition("-")[0])

    def _write(self, reply: Reply, body: bytes) -> None:
        if reply.stall:
            self.wfile.write(body[: len(body) // 2])
            self.wfile.flush()
            reply.stall.wait(20)
            return
        self.wfile.write(body[: reply.cuts.pop(0)] if reply.cuts else body)

    def _not_found(self) -> dict[str, str]:
        return {"X-Error-Code": "EntryNotFound"} if "/resolve/" in self.path else {}

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Keep the test's output for the test."""


@contextmanager
def serving() -> Iterator[Site]:
    """A site that responds until the context ends."""
    with Site() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
