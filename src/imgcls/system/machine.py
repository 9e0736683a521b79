"""This machine: its processors, its memory in bytes, its devices, and how much of them this process uses."""

import math
import os
import platform
import shutil
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path

from imgcls import hashing
from imgcls.records.performance import Machine
from imgcls.system import cgroup
from imgcls.system import devices as device_rows

PROC = Path("/proc/self/status")

CPUINFO = Path("/proc/cpuinfo")

_limited: list[ExitStack] = []
"""Of each :func:`limited_threads` that is open, what gives the threads back."""


def peak_rss_bytes() -> int:
    """The largest resident memory of this process so far.

    On Linux from ``VmHWM``, because ``ru_maxrss`` starts with what the parent process had.
    """
    if PROC.exists():
        lines = PROC.read_text(encoding="ascii", errors="replace").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))
    import psutil

    memory = psutil.Process().memory_info()
    if peak := getattr(memory, "peak_wset", None):  # Windows
        return int(peak)
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def available_bytes(device: str = "cpu") -> int:
    """Memory that is available without swapping, or that is free on a GPU."""
    return device_rows.of(device).available_bytes(device)


def cores() -> int:
    """The cores that this process can keep busy: those that it may run on, within the CPU time of its quota."""
    quota = cpu_quota()
    return allowed_cores() if quota is None else max(1, math.ceil(quota))


def allowed_cores() -> int:
    """The cores that the system lets this process run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def cpu_quota() -> float | None:
    """The CPUs whose time a control group leaves to this process, where that is less than its cores have."""
    quota = cgroup.cpu_quota()
    return quota if quota is not None and quota < allowed_cores() else None


def threads() -> int:
    """The number of threads for networks: ``OMP_NUM_THREADS`` where it is set, else one per core, and never more."""
    requested = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()  # a list has a number per nested level
    return min(int(requested) or cores(), cores()) if requested.isdecimal() else cores()


@contextmanager
def fixed_threads() -> Iterator[None]:
    """While it is open, torch has :func:`threads`, whatever it had before."""
    with _torch_threads(threads()):
        yield


@contextmanager
def limited_threads() -> Iterator[None]:
    """While it is open, torch has no more than :func:`threads`: by itself it knows of no quota.

    Where nobody has imported torch, from :func:`limit_torch` on.
    """
    with ExitStack() as stack:
        _limited.append(stack)
        try:
            if "torch" in sys.modules:
                limit_torch()
            yield
        finally:
            _limited.remove(stack)


def limit_torch() -> None:
    """Import torch, with no more than :func:`threads` where and for as long as :func:`limited_threads` is open."""
    import torch

    if _limited and torch.get_num_threads() > threads():
        _limited[-1].enter_context(_torch_threads(threads()))


@contextmanager
def _torch_threads(number: int) -> Iterator[None]:
    """Threads that torch is called from take the number over when they begin; the caller's is given back."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def has_gpu() -> bool:
    """Whether there is a driver of an NVIDIA GPU, without an import of torch, which takes seconds."""
    return Path("/dev/nvidiactl").exists() or shutil.which("nvidia-smi") is not None


def devices(requested: str | None) -> list[str]:
    """The requested device, or all that torch has here."""
    if requested:
        return [requested]
    if not has_gpu():
        return ["cpu"]
    import torch

    return ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]


def describe(device: str) -> Machine:
    """This machine; its GPU where the device is one."""
    return Machine(_cpu(), allowed_cores(), f"{platform.system()} {platform.machine()}", gpu(device), cpu_quota())


def digest(device: str) -> str:
    """A hash of what times depend on: the machine and the number of threads."""
    return hashing.of_json({**asdict(describe(device)), "threads": threads()})


def vectors() -> str:
    """The vector and matrix instructions of this CPU, on which a reduced precision and fast pixels depend.

    As Linux lists them; on other systems the name of the processor.
    """
    if CPUINFO.exists():
        for line in CPUINFO.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith(("flags", "Features")):
                return " ".join(sorted(flag for flag in line.split() if flag.startswith(("avx", "amx", "sve", "bf16"))))
    return platform.processor()


def _cpu() -> str:
    """The name that Linux gives; elsewhere the one that Python has."""
    if CPUINFO.exists():
        for line in CPUINFO.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def gpu(device: str) -> str | None:
    """The name of the GPU, where the device is one."""
    return device_rows.of(device).gpu(device)
