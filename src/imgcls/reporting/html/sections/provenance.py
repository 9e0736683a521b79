"""What the figures depend on: inputs, keys, versions, the machine."""

from __future__ import annotations

from typing import Any

from imgcls.records.performance import Latency, Memory, Profile
from imgcls.reporting import notes
from imgcls.reporting.html.view import View


def context(view: View) -> dict[str, Any]:
    report = view.report
    measured: list[Latency | Memory | Profile] = [*report.latencies, *report.memories, *report.profiles]
    return {
        "results": report.results,
        "environment": report.environment,
        "passes": report.passes,
        "machines": list(dict.fromkeys(of.conditions.machine for of in measured)),
        "notes": list(notes.lines(report)),
    }
