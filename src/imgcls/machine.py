"""What computer this is, as far as a figure depends on it."""

import os
import platform
import shutil
from pathlib import Path

from imgcls.measures import Machine

CPUINFO = Path("/proc/cpuinfo")


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def threads() -> int:
    """How many threads a measurement gives to torch: ``OMP_NUM_THREADS`` where it is set, else one per core."""
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return int(asked) if asked.isdecimal() and int(asked) else cores()


def has_gpu() -> bool:
    """Whether there is a driver of an NVIDIA GPU; found out without torch, which takes seconds to import."""
    return Path("/dev/nvidiactl").exists() or shutil.which("nvidia-smi") is not None


def devices(asked: str | None) -> list[str]:
    """The device that was asked for, or all that torch sees here."""
    if asked:
        return [asked]
    if not has_gpu():
        return ["cpu"]
    import torch

    return ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]


def describe(device: str) -> Machine:
    """This machine; its GPU where the device is one."""
    return Machine(_cpu(), cores(), f"{platform.system()} {platform.machine()}", gpu(device))


def vectors() -> str:
    """The vector and matrix instructions of this CPU, on which a reduced precision and fast pixels depend.

    As Linux lists them; elsewhere the name of the processor.
    """
    if CPUINFO.exists():
        for line in CPUINFO.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith(("flags", "Features")):
                return " ".join(sorted(flag for flag in line.split() if flag.startswith(("avx", "amx", "sve", "bf16"))))
    return platform.processor()


def _cpu() -> str:
    """The name that Linux gives; elsewhere what Python knows."""
    if CPUINFO.exists():
        for line in CPUINFO.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def gpu(device: str) -> str | None:
    """The name of the GPU, where the device is one."""
    if device == "cpu":
        return None
    import torch

    return torch.cuda.get_device_name(device)
