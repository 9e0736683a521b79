"""Starts the child process that imports what may be broken, and reads what it wrote until it ended."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from contextlib import suppress

from imgcls.doctor.findings import Step, Steps

LIMIT_S = 20.0  # docs/decisions.md#limits-of-the-doctor

LIBRARIES = ("torch", "numpy", "torchvision", "timm")
"""In the order in which they are tried: each needs those before it."""

_MODULE = "imgcls.doctor.trial"


def tried(*names: str, limit_s: float = LIMIT_S) -> Steps:
    """The steps of :mod:`imgcls.doctor.trial` by name, as far as they came; in which one the process died is an error.

    Raises OSError where no process can be started.
    """
    command = [sys.executable, "-m", _MODULE, *names]
    try:
        ended = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=limit_s, check=False)  # noqa: S603 - our own
        output, why = ended.stdout, _death(ended.returncode, ended.stderr)
    except subprocess.TimeoutExpired as error:
        output = error.stdout.decode(errors="replace") if isinstance(error.stdout, bytes) else error.stdout or ""
        why = f"it was not done after {limit_s:g} s"
    steps = _steps(output, why)
    return steps or {names[0]: Step(names[0], why)}


def _steps(output: str, why: str) -> Steps:
    """The steps that are written; one that was begun and not ended failed for this reason."""
    steps: dict[str, Step] = {}
    for line in output.splitlines():
        with suppress(ValueError, KeyError, TypeError):
            written = json.loads(line)
            name = written["step"]
            steps[name] = Step(name, written["error"], written["values"]) if "values" in written else Step(name, why)
    return steps


def _death(code: int, errors: str) -> str:
    """How a process ended."""
    if code < 0:
        with suppress(ValueError):
            return f"the process died of {signal.Signals(-code).name}"
    last = next(reversed([line for line in errors.splitlines() if line.strip()]), "")
    return last.strip() or f"the process ended with exit code {code}"
