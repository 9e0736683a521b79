"""All checks, done at the same time; one that fails or hangs is itself a finding, and the others go on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, wait
from dataclasses import replace
from importlib import import_module

from imgcls.doctor import children, findings, privacy
from imgcls.doctor.findings import Check, Evidence, Finding
from imgcls.messages import one_line
from imgcls.system.background import started


def _later(module: str, check: str) -> Check:
    """A check whose module is imported when it is made, so that a library that is missing fails only this check."""

    def made(evidence: Evidence) -> Iterable[Finding]:
        own: Check = getattr(import_module(f"imgcls.doctor.{module}"), check)
        return own(evidence)

    return made


CHECKS: Mapping[str, Check] = {
    "versions": _later("libraries", "versions"),
    "pairs": _later("libraries", "pairs"),
    "imports": _later("imports", "imports"),
    "gpu": _later("imports", "gpu"),
    "processor": _later("processor", "processor"),
    "threads": _later("processor", "threads"),
    "memray": _later("imports", "memray"),
    "openvino": _later("imports", "openvino"),
    "extras": _later("libraries", "extras"),
    "configuration": _later("configuration", "configuration"),
    "lock": _later("lock", "lock"),
    "pytest": _later("configuration", "pytest_setup"),
    "caches": _later("storage", "caches"),
    "temporary": _later("storage", "temporary"),
    "proxies": _later("network", "settings"),
    "network": _later("network", "connection"),
    "clock": _later("surroundings", "clock"),
    "language": _later("surroundings", "language"),
    "files": _later("surroundings", "descriptors"),
}
"""What is looked at, in the order in which it is printed."""

LIMIT_S = children.LIMIT_S + 2  # docs/decisions.md#limits-of-the-doctor


def examine(checks: Mapping[str, Check] = CHECKS, evidence: Evidence | None = None) -> list[Finding]:
    """The findings of all checks, in their order, without what does not belong in a bug report."""
    if evidence is None:
        evidence = findings.collect(started(lambda: children.tried(*children.LIBRARIES)))
    deadline = time.monotonic() + LIMIT_S
    running = {name: started(_work(check, evidence)) for name, check in checks.items()}
    results = [
        replace(finding, check=name) for name, future in running.items() for finding in _result(name, future, deadline)
    ]
    return [_private(finding, evidence) for finding in results]


def _work(check: Check, evidence: Evidence) -> Callable[[], list[Finding]]:
    return lambda: list(check(evidence))


def _result(name: str, future: Future[list[Finding]], deadline: float) -> list[Finding]:
    wait([future], timeout=max(0.0, deadline - time.monotonic()))
    if not future.done():
        text = f"the check {name} was not done in {LIMIT_S:g} s: a disk or a library does not respond"
    elif error := future.exception():
        text = f"the check {name} failed itself: {type(error).__name__}: {one_line(error)}"
    else:
        return future.result()
    return [Finding("warning", text, "report this line, with what imgcls doctor --json prints")]


def _private(finding: Finding, evidence: Evidence) -> Finding:
    text, remedy = (privacy.private(part, evidence.environ, findings.home()) for part in (finding.text, finding.remedy))
    return replace(finding, text=text, remedy=remedy)
