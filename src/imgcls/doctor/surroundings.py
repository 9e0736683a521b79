"""The clock, the language, and the limits that the system sets to this process."""

from __future__ import annotations

import sys
import sysconfig
import time
import zoneinfo
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from imgcls import messages
from imgcls.doctor.findings import Evidence, Finding

# docs/decisions.md#limits-of-the-doctor
DESCRIPTORS = 1024
CLOCK_S = 120


def clock(evidence: Evidence) -> Iterator[Finding]:
    """Whether the clock lies before what was installed, and whether the time zone is known."""
    now, installed = time.time(), newest_installed()
    if now < installed - CLOCK_S:
        yield Finding(
            "warning",
            f"the clock ({_spelled(now)}) lies before the newest installed file ({_spelled(installed)}): certificates "
            "seem not to be valid yet",
            "timedatectl set-ntp true",
        )
    zone = evidence.environ.get("TZ", "").lstrip(":")
    if "/" in zone and not zone.startswith("/") and zone not in zoneinfo.available_timezones():
        yield Finding("warning", f"TZ={zone} is not a time zone, and UTC is used", "export TZ=Europe/Berlin")
    if now >= installed - CLOCK_S:
        yield Finding("ok", f"{_spelled(now)}, {_zone()}")


def newest_installed() -> float:
    """When the newest package was installed, in seconds since 1970; 0 where that is not known."""
    folder = Path(sysconfig.get_path("purelib"))
    try:
        return max((one.stat().st_mtime for one in folder.glob("*.dist-info")), default=0.0)
    except OSError:
        return 0.0


def _spelled(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M")


def _zone() -> str:
    now = datetime.now().astimezone()
    return f"{now.tzname()} (UTC{now:%z})"


def language(evidence: Evidence) -> Iterator[Finding]:
    """Whether names of files and classes can be read and printed in all languages."""
    names = sys.getfilesystemencoding()
    printed = getattr(sys.stdout, "encoding", None) or "unknown"
    chosen = next(
        (f"{name}={evidence.environ[name]}" for name in ("LC_ALL", "LC_CTYPE", "LANG") if evidence.environ.get(name)),
        "LANG not set",
    )
    if not _is_utf8(names):
        yield Finding(
            "warning",
            f"names of files are read as {names} ({chosen}): other letters may fail",
            "export PYTHONUTF8=1",
        )
    elif not _is_utf8(printed):
        yield Finding(
            "note",
            f"output is {printed} ({chosen}): other letters are printed as escapes",
            "export PYTHONUTF8=1",
        )
    else:
        yield Finding("ok", f"UTF-8 ({chosen})")


def _is_utf8(encoding: str) -> bool:
    return encoding.lower().replace("_", "-").replace("-", "") == "utf8"


def descriptors(evidence: Evidence) -> Iterator[Finding]:  # noqa: ARG001 - as every check
    """How many files this process may have open."""
    if sys.platform == "win32":
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < DESCRIPTORS:
        possible = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, DESCRIPTORS)
        yield Finding(
            "warning",
            f"only {messages.counted(soft, 'file')} may be open at a time: workers may fail",
            f"ulimit -n {possible}",
        )
    else:
        yield Finding("ok", "no limit" if soft == resource.RLIM_INFINITY else f"{soft} files may be open")
