"""The CPU time that Linux's control groups leave to this process, as containers and job schedulers set it."""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

ROOT = Path("/sys/fs/cgroup")
"""Where both versions are mounted: version 2 here or in ``unified``, version 1 in a folder per controller."""

MEMBERSHIP = Path("/proc/self/cgroup")
"""A line ``id:controllers:path`` per hierarchy that this process is in; version 2 names no controllers."""


def cpu_quota() -> float | None:
    """The number of CPUs whose time this process may use, a fraction of one possible; None where nothing limits it.

    The smallest of its own group and all groups above, because each of them limits what is below (cgroups(7):
    ``cpu.max`` of version 2, ``cpu.cfs_quota_us`` and ``cpu.cfs_period_us`` of version 1).
    """
    quotas = [quota for folder in _groups() for quota in (_version_2(folder), _version_1(folder)) if quota]
    return min(quotas, default=None)


def _groups() -> Iterator[Path]:
    """The folders of this process's groups and of all groups above, in every hierarchy that limits CPU time.

    In a container the path may be that of the host, of which only the container's own group is mounted: at the root.
    """
    for line in _read(MEMBERSHIP).splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        own = PurePosixPath(path.lstrip("/"))
        for mount in (controllers, "cpu") if controllers else ("", "unified"):
            for group in (own, *own.parents):
                if ".." not in group.parts:  # a group outside of what this process sees
                    yield ROOT / mount / group


def _version_2(folder: Path) -> float | None:
    quota, _, period = _read(folder / "cpu.max").partition(" ")
    return _quotient(quota, period)


def _version_1(folder: Path) -> float | None:
    return _quotient(_read(folder / "cpu.cfs_quota_us"), _read(folder / "cpu.cfs_period_us"))


def _quotient(quota: str, period: str) -> float | None:
    """``max`` (version 2) and -1 (version 1) are no limit."""
    try:
        return int(quota) / int(period) if int(quota) > 0 else None
    except (ValueError, ZeroDivisionError):
        return None


def _read(file: Path) -> str:
    """Empty where the file is not there, or not for this process to read."""
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
