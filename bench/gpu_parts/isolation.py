"""Runs a part in a process of its own: what hangs, crashes or is killed there ends nothing else.

The processes are forked from a server that has imported the libraries and never touched the device, so that no part
pays for imports. All that a part has started ends with it, and all parts end with the process that runs them.
"""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import sys
import threading
import time
import traceback
from collections.abc import Sequence
from contextlib import nullcontext, suppress
from importlib import import_module
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, NamedTuple

from gpu_parts.scene import Scene
from gpu_parts.steps import Record, Steps

LOG_CHARACTERS = 4000
"""How much is quoted of what a part printed, where it failed."""


class Part(NamedTuple):
    """A module with the function ``measure(scene, steps)``, and the seconds that it has by itself."""

    module: str
    seconds: float

    @property
    def name(self) -> str:
        return self.module.rpartition(".")[2]


class Outcome(NamedTuple):
    """``status``: done, failed, killed or late; ``error``: why, empty where it is done."""

    status: str
    error: str = ""


def run(part: Part, scene: Scene, seconds: float, record: Record, preload: Sequence[str]) -> Outcome:
    """Run a part for at most these seconds; ``record`` is given its steps as they end.

    ``preload``: the modules that the first call of this process imports for all.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(preload))
    ours, theirs = context.Pipe()
    process = context.Process(target=_work, args=(part.module, scene, theirs), daemon=False)
    deadline = time.monotonic() + seconds
    process.start()
    theirs.close()
    try:
        failure = _followed(ours, process, deadline, record)
    finally:
        is_late = process.is_alive()
        _end(process)
        ours.close()
    if is_late and failure is None:
        return Outcome("late", f"it was ended after {seconds:.0f} s" + _printed(scene, part))
    if failure is not None:
        return Outcome("failed", failure) if failure else Outcome("done")
    return Outcome("killed", _exit(process.exitcode) + _printed(scene, part))


def _followed(ours: Connection, process: Any, deadline: float, record: Record) -> str | None:
    """Record steps until the process reports its end, ends or is late; why it failed, empty where it did not."""
    while (left := deadline - time.monotonic()) > 0:
        ready = wait([ours, process.sentinel], left)
        if not ready:
            return None
        if ours not in ready:  # it has ended without a word
            return None
        try:
            message = ours.recv()
        except EOFError:
            process.join(max(0.0, deadline - time.monotonic()))
            return None
        if isinstance(message, str):
            return message
        record(*message)
    return None


def _end(process: Any) -> None:
    """End the process and all that it has started."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.join()


def _exit(code: int | None) -> str:
    if code is not None and code < 0:
        return f"its process was killed by {signal.Signals(-code).name}"
    return f"its process ended with exit code {code}"


def _log(scene: Scene, name: str) -> Path:
    return scene.folder / f"{name}.log"


def _printed(scene: Scene, part: Part) -> str:
    with suppress(OSError):
        text = _log(scene, part.name).read_text(encoding="utf-8", errors="replace").strip()
        return f"; it printed:\n{text[-LOG_CHARACTERS:]}" if text else ""
    return ""


# In the process of a part.


def _work(module: str, scene: Scene, results: Connection) -> None:
    """Measure, and send each step as a tuple and the end as a text, which is empty where nothing failed."""
    os.setsid()
    multiprocessing.set_start_method(None, force=True)  # workers of a part are started as they are anywhere else
    threading.Thread(target=_end_with_parent, args=(results, scene.folder), daemon=True).start()
    _redirect(scene, module.rpartition(".")[2])
    steps = Steps(lambda name, figures: results.send((name, figures)))
    try:
        from gpu_parts import pretended

        with pretended.card() if scene.dry else nullcontext():
            import_module(module).measure(scene, steps)
        results.send(f"failed: {', '.join(steps.failed)}" if steps.failed else "")
    except BaseException:  # noqa: BLE001 - also what a library raises to leave the process
        results.send(traceback.format_exc()[-LOG_CHARACTERS:])
    sys.stdout.flush()


def _end_with_parent(results: Connection, folder: Path) -> None:
    """The other end sends nothing, and is closed when its process is gone, which then cannot remove its files."""
    with suppress(EOFError, OSError):
        results.recv()
    shutil.rmtree(folder, ignore_errors=True)
    os.killpg(0, signal.SIGKILL)


def _redirect(scene: Scene, name: str) -> None:
    """What a part prints goes to a file."""
    log = os.open(_log(scene, name), os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream in (1, 2):
        os.dup2(log, stream)
    os.close(log)
