"""Pytest and the command inside of this process, each as if it had a process of its own.

A process imports torch, torchvision and timm, which takes seconds. Here they are imported once: what a run changes of
this process (environment, streams, import path, modules of the project, warning filters, threads) is undone, and the
libraries that it imported stay.
"""

import gc
import importlib
import io
import os
import subprocess
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO
from unittest import mock

import pytest

ROOT = Path(__file__).parents[1]
OPTIONS = ("-rA", "-p", "no:cacheprovider")

PYTESTS_COLLECTIONS = "_pytest.unraisableexception.gc_collect_harder"
"""What collects garbage at the end of every run of pytest, since its version 8.4."""


def run_pytest(*arguments: str, **variables: str) -> pytest.RunResult:
    """Run pytest in the working folder; keywords are environment variables."""
    return run(lambda: pytest.main([*OPTIONS, *arguments]), **variables)


def run_command(*arguments: object, **variables: str) -> pytest.RunResult:
    """Run the command in the working folder; keywords are environment variables."""
    from imgcls.cli.main import main

    return run(lambda: main([str(argument) for argument in arguments]), **variables)


def run_process(*arguments: object, **variables: str) -> pytest.RunResult:
    """Run Python in a process of its own; keywords are environment variables."""
    command = [sys.executable, *map(str, arguments)]
    begin = time.perf_counter()
    process = subprocess.run(command, env=_environment(variables), capture_output=True, text=True, check=False)
    return _result(process.returncode, process.stdout, process.stderr, begin)


def _environment(variables: dict[str, str]) -> dict[str, str]:
    """The environment variables of a run: nothing of the outer pytest or of its CI, and one thread."""
    inherited = {name: v for name, v in os.environ.items() if not name.startswith("PYTEST_") and name != "CI"}
    return inherited | {"OMP_NUM_THREADS": "1"} | variables  # threads wait for each other on networks as small as ours


def run(call: Callable[[], object], **variables: str) -> pytest.RunResult:
    """Call as if that were all that a process does."""
    environment = _environment(variables)
    _set_libraries_aside()
    begin = time.perf_counter()
    with TemporaryFile() as out, TemporaryFile() as err:
        with ExitStack() as stack:
            stack.enter_context(_streams(out, err))
            stack.enter_context(mock.patch.dict(os.environ, environment, clear=True))
            stack.enter_context(_threads(int(environment["OMP_NUM_THREADS"])))
            stack.enter_context(mock.patch.object(sys, "path", [str(Path.cwd()), *sys.path]))
            stack.enter_context(mock.patch.object(sys, "dont_write_bytecode", new=True))  # two edits in one second
            stack.enter_context(mock.patch.object(gc, "freeze", new=_nothing))  # for a process that ends soon
            stack.enter_context(mock.patch(PYTESTS_COLLECTIONS, new=_nothing, create=True))  # as well
            stack.enter_context(_default_warnings())
            stack.enter_context(_own_modules(Path.cwd()))
            code = _exit_code(call)
        for file in (out, err):
            file.seek(0)
        return _result(code, out.read().decode(), err.read().decode(), begin)


def _nothing(*_: object) -> None:
    """One function, which :mod:`atexit` finds among those of earlier runs."""


def _set_libraries_aside() -> None:
    """Import what most runs import, and keep it from garbage collections."""
    import timm  # noqa: F401
    import torchvision  # noqa: F401

    if len(sys.modules) > _SetAside.most_modules:
        gc.collect()
        gc.freeze()
        _SetAside.most_modules = len(sys.modules) + 100


class _SetAside:
    """Where more modules than these are imported, what was imported since is set aside, too."""

    most_modules = 0


def _result(code: int, out: str, err: str, begin: float) -> pytest.RunResult:
    """The run's outcome, whose output is also what a failing test shows."""
    sys.stdout.write(out)
    sys.stderr.write(err)
    return pytest.RunResult(code, out.splitlines(), err.splitlines(), time.perf_counter() - begin)


def _exit_code(call: Callable[[], object]) -> int:
    """What the system would see of a call that ends its process."""
    try:
        code = call()
    except SystemExit as error:
        code = error.code
    except BaseException:  # noqa: BLE001 - as the interpreter does
        traceback.print_exc()
        return 1
    if code is None or isinstance(code, int):
        return code or 0
    print(code, file=sys.stderr)  # noqa: T201 - as the interpreter does
    return 1


@contextmanager
def _streams(out: IO[bytes], err: IO[bytes]) -> Iterator[None]:
    """Stdout and stderr in files, for Python as for C and for processes that the run starts."""
    with ExitStack() as stack:
        for descriptor, name, file in ((1, "stdout", out), (2, "stderr", err)):
            stack.enter_context(_descriptor(descriptor, file))
            stream = io.TextIOWrapper(open(descriptor, "wb", closefd=False), "utf-8", line_buffering=True)  # noqa: SIM115
            stack.callback(stream.flush)
            stack.enter_context(mock.patch.object(sys, name, stream))
        yield


@contextmanager
def _descriptor(number: int, file: IO[bytes]) -> Iterator[None]:
    saved = os.dup(number)
    os.dup2(file.fileno(), number)
    try:
        yield
    finally:
        os.dup2(saved, number)
        os.close(saved)


@contextmanager
def _threads(number: int) -> Iterator[None]:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def _default_warnings() -> Iterator[None]:
    """Warnings as Python shows them by default, and not as errors."""
    with warnings.catch_warnings():
        warnings.resetwarnings()
        for category in (DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning):
            warnings.simplefilter("ignore", category)
        yield


@contextmanager
def _own_modules(folder: Path) -> Iterator[None]:
    """Modules in this folder are imported anew and forgotten afterwards, unless imgcls itself is in it."""
    if ROOT.is_relative_to(folder):
        yield
        return
    before = dict(sys.modules)
    for file in folder.glob("*.py"):
        sys.modules.pop(file.stem, None)
    importlib.invalidate_caches()
    inside = f"{folder}{os.sep}"
    try:
        yield
    finally:
        for name in [name for name, module in sys.modules.copy().items() if before.get(name) is not module]:
            if (getattr(sys.modules[name], "__file__", None) or "").startswith(inside):
                del sys.modules[name]
        for name in before.keys() - sys.modules.keys():
            sys.modules[name] = before[name]
