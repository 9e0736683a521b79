"""The tests of this repository that need a CUDA device, which must not be skipped; the first failures in full."""

from __future__ import annotations

import os
import re
from typing import Any

from gpu_parts.scene import ROOT, Scene
from gpu_parts.steps import Steps

FIXTURES = frozenset({"cuda", "cupy"})

REQUESTS = re.compile(rf"\b(?:{'|'.join(FIXTURES)}): ")
"""How a test's file requests one of the fixtures: a parameter with its type."""

FULL_FAILURES = 5

REFUSED = "IMGCLS_REQUIRE requires cuda: cuda: no CUDA device here"
"""What each of them must say where there is no card."""


def measure(scene: Scene, steps: Steps) -> None:
    """Every test that requests a fixture of :data:`FIXTURES`; slow ones last. In a dry run each must be refused."""
    import pytest

    os.chdir(ROOT)
    os.environ["IMGCLS_REQUIRE"] = "cuda"
    tests = sorted(file for file in (ROOT / "tests").rglob("test_*.py") if REQUESTS.search(file.read_text("utf-8")))
    run = Run(steps, dry=scene.dry)
    options = ["-q", "-p", "no:cacheprovider", "-p", "no:benchmark", "-p", "no:xdist"]
    options += ["--continue-on-collection-errors"]
    options += ["-W", "ignore::pytest.PytestAssertRewriteWarning", f"--basetemp={scene.folder / 'pytest'}"]
    code = pytest.main([*options, *map(str, tests)], plugins=[run])
    run.finish(int(code))


class Run:
    """A plugin of pytest: chooses the tests, and records each as it ends."""

    def __init__(self, steps: Steps, *, dry: bool) -> None:
        self.steps, self.dry = steps, dry
        self.outcomes: list[str] = []

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        items[:] = [item for item in items if FIXTURES & set(getattr(item, "fixturenames", ()))]
        items.sort(key=lambda item: item.get_closest_marker("slow") is not None)

    def pytest_collectreport(self, report: Any) -> None:
        """A file that cannot be imported takes its tests with it."""
        if report.failed:
            self.outcomes.append("failed")
            self.steps.fail(report.nodeid, {"outcome": "failed", "error": str(report.longrepr)})

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.when == "call" or (report.when == "setup" and not report.passed):
            self._record(report)

    def _record(self, report: Any) -> None:
        text = str(report.longrepr) if report.longrepr else ""
        outcome = report.outcome
        if self.dry and report.failed and REFUSED in text:
            outcome = "refused"
        self.outcomes.append(outcome)
        figures: dict[str, Any] = {"outcome": outcome, "seconds": round(report.duration, 3)}
        if outcome == "failed":
            is_full = self.outcomes.count("failed") <= FULL_FAILURES
            self.steps.fail(report.nodeid, {**figures, "error": text if is_full else text[-200:]})
        else:
            self.steps.put(report.nodeid, figures | ({"why": text} if outcome == "skipped" else {}))

    def finish(self, code: int) -> None:
        """Record how many there were of each outcome; none at all, or one that a dry run did not refuse, is a fault."""
        counts = {outcome: self.outcomes.count(outcome) for outcome in dict.fromkeys(self.outcomes)}
        figures = {**counts, "exit_code": code}
        is_right = bool(counts) and code == (1 if self.dry else 0) and (not self.dry or list(counts) == ["refused"])
        (self.steps.put if is_right else self.steps.fail)("all", figures)
