"""How much memory a model takes, measured in a process of its own, because memory that was used leaves traces."""

import pickle
import signal
import subprocess
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from imgcls.errors import ImgclsError, MachineError, ModelError
from imgcls.models.weights import early
from imgcls.records.config import ModelSpec
from imgcls.records.performance import Memory
from imgcls.system import children

CAPTURES = ("libraries", "loading", "warmup", "inference")
"""The phases that memray watches, each with a file of its own."""

DRAWN = ("loading", "inference")
"""The phases whose flame graphs are drawn."""


def measure(spec: ModelSpec, device: str = "cpu", batch: int = 1, *, memray_dir: Path | None = None) -> Memory:
    """The memory of a model while it is loaded, and while it classifies ``batch`` images at a time.

    ``memray_dir``: where memray's captures stay (``NAME-loading.bin`` and so on), with a flame graph of each peak
    (``NAME-loading.html``, ``NAME-inference.html``).
    Raises what :meth:`imgcls.models.pool.ModelPool.get` raises; ModelError too where the model's process dies,
    MachineError where memray is not installed or its files cannot be written.
    """
    if find_spec("memray") is None:
        raise MachineError(
            "memory is measured with memray, which is not installed here (there is none for Windows): "
            "pip install memray, or measure on Linux or macOS"
        )
    if absence := early.absence(spec):  # known before a process is started for it
        raise absence
    with TemporaryDirectory(prefix="imgcls-memory-") as scratch:
        captures = _captures(spec, memray_dir or Path(scratch))
        outcome = _outcome(spec, (spec, device, batch, captures), Path(scratch) / "outcome")
        if isinstance(outcome, ImgclsError):
            raise outcome
        if memray_dir:
            for phase in DRAWN:
                _draw(captures[phase])
        return outcome


def _captures(spec: ModelSpec, folder: Path) -> Mapping[str, Path]:
    """The files of the captures, by phase; memray overwrites none."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        captures = {name: folder.resolve() / f"{spec.name}-{name}.bin" for name in CAPTURES}
        for capture in captures.values():
            capture.unlink(missing_ok=True)
    except OSError as error:
        raise MachineError(f"memray's captures cannot be written to {folder}: {error.strerror or error}") from error
    return captures


def _outcome(spec: ModelSpec, request: tuple[object, ...], file: Path) -> Memory | ImgclsError:
    """What the child process wrote to the file; what the model prints is not shown."""
    child = subprocess.run(  # noqa: S603 - our own module
        [sys.executable, "-P", "-m", "imgcls.performance.memory_process", str(file)],
        input=pickle.dumps(request),
        env=children.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        check=False,
    )
    if not file.exists():
        return _dead(spec, child.returncode, child.stderr.decode(errors="replace"))
    outcome: Memory | ImgclsError = pickle.loads(file.read_bytes())  # noqa: S301 - our own child process wrote it
    return outcome


def _dead(spec: ModelSpec, code: int, errors: str) -> ModelError:
    """The error of a model whose process ended without a result; ``errors``: what it wrote to standard error."""
    if code >= 0:
        reason = _reason(errors)
        return ModelError(
            f"[models.{spec.name}] {spec.arch} ended its process while its memory was measured, with exit code {code}"
            + (f": {reason}" if reason else "")
        )
    return ModelError(
        f"[models.{spec.name}] {spec.arch}: its process was killed by {signal.Signals(-code).name} "
        f"while its memory was measured; {_advice(-code)}"
    )


def _reason(errors: str) -> str:
    """The first line of the exception that ended a process, as those of CUDA go on with advice; else the last line."""
    _, traceback, last = errors.strip().rpartition("Traceback (most recent call last):\n")
    lines = last.splitlines()
    raised = [line for line in lines if not line.startswith(" ")] if traceback else []
    return next(iter([*raised, *lines[-1:]]), "")


def _advice(number: int) -> str:
    if number == signal.SIGKILL:
        return "the machine may have run out of memory: measure fewer images at a time, or on a larger machine"
    return "native code of the model or its libraries is at fault: run only the model, with python -X faulthandler"


def _draw(capture: Path) -> None:
    """Write a flame graph of a capture's peak, with memray's own command."""
    page = capture.with_suffix(".html")
    drawn = subprocess.run(  # noqa: S603 - memray's own command
        [sys.executable, "-m", "memray", "flamegraph", "--force", "--output", str(page), str(capture)],
        capture_output=True,
        text=True,
        check=False,
    )
    if drawn.returncode:
        raise MachineError(f"memray cannot draw {page}: {drawn.stderr.strip().rpartition(chr(10))[2]}")
