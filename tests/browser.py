"""A real browser for tests: Chromium without a window, steered over two pipes by its DevTools protocol.

https://chromedevtools.github.io/devtools-protocol/ names the methods and the events.
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import json
import os
import select
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Message = dict[str, Any]

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe", "--no-first-run", "--disable-extensions",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
    "--force-color-profile=srgb", "--font-render-hinting=none",
)  # fmt: skip

SECONDS = 60
"""How long an answer may take, on a machine that is busy."""


class BrowserError(Exception):
    """What the browser refused, or that it is gone."""


class Browser:
    """A running browser; it reads its commands from descriptor 3 and writes answers and events to 4."""

    def __init__(self, reading: int, writing: int) -> None:
        self._reading, self._writing = reading, writing
        self._rest = b""
        self._number = 0
        self.events: list[Message] = []

    def call(self, method: str, session: str | None = None, **parameters: Any) -> Message:
        """The result of a command. Raises BrowserError."""
        self._number += 1
        command = {"id": self._number, "method": method, "params": parameters}
        os.write(self._writing, json.dumps(command | ({"sessionId": session} if session else {})).encode() + b"\0")
        while True:
            message = self._next()
            if message.get("id") == self._number:
                if "error" in message:
                    raise BrowserError(f"{method}: {message['error']}")
                result: Message = message["result"]
                return result
            self.events.append(message)

    def wait(self, method: str, session: str) -> None:
        """Until this event has come, since the events were last cleared."""
        while not any(event.get("method") == method and event.get("sessionId") == session for event in self.events):
            self.events.append(self._next())

    def _next(self) -> Message:
        end = time.monotonic() + SECONDS
        while b"\0" not in self._rest:
            if not select.select([self._reading], [], [], max(0, end - time.monotonic()))[0]:
                raise BrowserError(f"no answer in {SECONDS} s")
            received = os.read(self._reading, 1 << 20)
            if not received:
                raise BrowserError("the browser is gone")
            self._rest += received
        text, _, self._rest = self._rest.partition(b"\0")
        message: Message = json.loads(text)
        return message

    def page(self) -> Page:
        """A new empty page."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        return Page(self, target, self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"])


class Page:
    """A page of a browser, whose requests and errors are written down from the beginning."""

    def __init__(self, browser: Browser, target: str, session: str) -> None:
        self._browser, self._target, self._session = browser, target, session
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> Message:
        """The result of a command to this page."""
        return self._browser.call(method, self._session, **parameters)

    def open(self, address: str) -> None:
        """Go there and wait until everything is loaded; requests and errors are those since then."""
        self._browser.events.clear()
        self.call("Page.navigate", url=address)
        self._browser.wait("Page.loadEventFired", self._session)

    def run(self, script: str) -> Any:
        """The value of an expression, awaited. Raises BrowserError where it throws."""
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise BrowserError(answer["exceptionDetails"].get("exception", {}).get("description", script))
        return answer["result"].get("value")

    def resize(self, width: int, height: int = 800, scale: float = 1) -> None:
        """The size of the page's window in its own pixels, each of which is ``scale`` pixels of the screen."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": False}
        self.call("Emulation.setDeviceMetricsOverride", **metrics)

    def prefer(self, scheme: str) -> None:
        """``light`` or ``dark``."""
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def without_scripts(self) -> None:
        """The page's own scripts do not run from now on; :meth:`run` still does."""
        self.call("Emulation.setScriptExecutionDisabled", value=True)

    def click(self, x: float, y: float) -> None:
        """A click of the mouse at this point of the window."""
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def type(self, text: str) -> None:
        """Text into what has the focus."""
        self.call("Input.insertText", text=text)

    def pdf(self) -> bytes:
        """The page as it is printed."""
        return base64.b64decode(self.call("Page.printToPDF", printBackground=False)["data"])

    def screenshot(self) -> bytes:
        """The window as PNG."""
        return base64.b64decode(self.call("Page.captureScreenshot")["data"])

    def requests(self) -> list[str]:
        """The addresses of everything that was asked for, data in the page itself excepted."""
        addresses = [event["params"]["request"]["url"] for event in self._events("Network.requestWillBeSent")]
        return [address for address in addresses if not address.startswith("data:")]

    def errors(self) -> list[str]:
        """Everything on the console: exceptions, refusals, warnings, and what scripts wrote."""
        return [
            *(str(event["params"]["exceptionDetails"]) for event in self._events("Runtime.exceptionThrown")),
            *(event["params"]["entry"]["text"] for event in self._events("Log.entryAdded")),
            *(str(event["params"]["args"]) for event in self._events("Runtime.consoleAPICalled")),
        ]

    def _events(self, method: str) -> list[Message]:
        self.run("0")  # whatever happened before has arrived then
        events = self._browser.events
        return [event for event in events if event.get("method") == method and event["sessionId"] == self._session]

    def close(self) -> None:
        """Close the page."""
        self._browser.call("Target.closeTarget", targetId=self._target)


@contextlib.contextmanager
def started(program: str, profile: Path) -> Iterator[Browser]:
    """A browser with an empty profile in this folder."""
    reads, ours = os.pipe()
    answers, writes = os.pipe()
    theirs = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in (reads, writes)]
    log = os.open(profile.with_suffix(".log"), os.O_WRONLY | os.O_CREAT, 0o600)
    actions = [(os.POSIX_SPAWN_DUP2, end, place) for end, place in zip((*theirs, log, log), (3, 4, 1, 2), strict=True)]
    command = [program, *FLAGS, f"--user-data-dir={profile}"]
    process = os.posix_spawnp(program, command, {**os.environ, "HOME": str(profile)}, file_actions=actions, setsid=True)
    for end in (reads, writes, *theirs, log):
        os.close(end)
    try:
        yield Browser(answers, ours)
    finally:
        os.killpg(process, signal.SIGKILL)
        os.waitpid(process, 0)
        os.close(answers)
        os.close(ours)
