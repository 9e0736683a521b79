"""Measures memory in processes that are forked from one with all libraries, whose imports take each process seconds."""

from __future__ import annotations

import multiprocessing
import os
import pickle
from collections.abc import Mapping
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any
from unittest import mock

from imgcls.errors import ImgclsError
from imgcls.performance import memory, memory_process
from imgcls.records.config import ModelSpec
from imgcls.records.performance import Memory

PRELOADED = (
    "imgcls.performance.memory_process", "imgcls.models.runtimes.eager", "memory_nets", "memray", "safetensors.torch",
    "scipy.stats", "timm", "torch.profiler", "torchvision",
)  # fmt: skip


def measure(spec: ModelSpec, **arguments: Any) -> Memory:
    """What :func:`imgcls.performance.memory.measure` does, but for the process that it starts."""
    with mock.patch.object(memory, "_outcome", outcome):
        return memory.measure(spec, **arguments)


def outcome(_: ModelSpec, request: tuple[Any, ...], file: Path) -> Memory | ImgclsError:
    """In place of :func:`imgcls.performance.memory._outcome`."""
    process = _server().Process(target=_work, args=(request, file, dict(os.environ), Path.cwd()))
    process.start()
    process.join()
    assert process.exitcode == 0
    measured: Memory | ImgclsError = pickle.loads(file.read_bytes())  # noqa: S301 - our own process wrote it
    return measured


def _server() -> ForkServerContext:
    """What forks processes from one that the first of them starts."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(PRELOADED))
    return context


def _work(request: tuple[Any, ...], file: Path, environment: Mapping[str, str], folder: Path) -> None:
    """In the forked process: as :func:`imgcls.performance.memory_process.main`."""
    os.environ.update(environment)
    os.chdir(folder)
    try:
        measured: Memory | ImgclsError = memory_process.measure(*request)
    except ImgclsError as error:
        measured = error
    file.write_bytes(pickle.dumps(measured))
