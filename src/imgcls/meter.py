"""What this process and this machine use and have, in bytes."""

from pathlib import Path

import psutil

PROC = Path("/proc/self/status")


def peak_rss_bytes() -> int:
    """The largest resident memory of this process so far.

    On Linux from ``VmHWM``, because ``ru_maxrss`` starts with what the parent process had.
    """
    if PROC.exists():
        lines = PROC.read_text(encoding="ascii", errors="replace").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))
    memory = psutil.Process().memory_info()
    if peak := getattr(memory, "peak_wset", None):  # Windows
        return int(peak)
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def available_bytes(device: str = "cpu") -> int:
    """Memory that can be had without swapping, or that is free on a GPU."""
    if device == "cpu":
        return int(psutil.virtual_memory().available)
    import torch

    free, _ = torch.cuda.mem_get_info(device)
    return int(free)
