"""What this process and this machine use and have, in bytes."""

import sys
from pathlib import Path


def peak_rss_bytes() -> int:
    """The largest resident memory of this process so far.

    On Linux from ``VmHWM``, because ``ru_maxrss`` starts with what the parent had.
    """
    if sys.platform == "linux":
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
        line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    if sys.platform == "win32":
        import psutil

        return int(psutil.Process().memory_info().peak_wset)
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def available_bytes() -> int:
    """Memory that can be had without swapping."""
    import psutil

    return int(psutil.virtual_memory().available)
