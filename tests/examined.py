"""Evidence with planted faults, for tests of the doctor's checks."""

from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from imgcls.doctor.findings import Evidence, Finding, Level, Step, Steps

TORCH: Mapping[str, Any] = {
    "file": "/site-packages/torch/__init__.py", "version": "2.14.1+cpu", "cuda": None, "capability": "AVX2",
    "mps": False, "built_for": [], "gpus": [], "warnings": [],
}  # fmt: skip
"""What the child process reports of torch on a machine without a GPU."""


def evidence(
    folder: Path = Path("/nowhere"),
    *,
    environ: Mapping[str, str] | None = None,
    packages: Mapping[str, str] | None = None,
    steps: Iterable[Step] = (),
) -> Evidence:
    """What a check looks at, with nothing set and nothing installed but what is given."""
    libraries: Future[Steps] = Future()
    libraries.set_result({step.name: step for step in steps})
    return Evidence(environ or {}, folder, packages or {}, libraries)


def of_level(findings: Iterable[Finding], *levels: Level) -> list[tuple[str, str]]:
    """The text and the remedy of the findings of these levels."""
    return [(one.text, one.remedy) for one in findings if one.level in levels]
