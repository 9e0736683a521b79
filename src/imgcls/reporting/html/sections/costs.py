"""How long models take, what memory they need, and which operators they spend it on."""

from __future__ import annotations

from typing import Any

from imgcls.records.performance import Latency, Memory, Profile
from imgcls.reporting.html.charts.figures import LatencyRow, MemoryBar
from imgcls.reporting.html.view import View

OPERATORS = 30  # docs/decisions.md#images-in-a-report
"""The most operators of a model that have a line."""


def context(view: View) -> dict[str, Any] | None:
    report = view.report
    if not (report.latencies or report.memories or report.profiles):
        return None
    return {
        "latencies": report.latencies,
        "scenarios": {
            scenario: tuple(_times(latency) for latency in report.latencies if latency.scenario == scenario)
            for scenario in dict.fromkeys(latency.scenario for latency in report.latencies)
        },
        "memories": report.memories,
        "bars": tuple(map(_bar, report.memories)),
        "profiles": [(profile, profile.operators[:OPERATORS]) for profile in report.profiles],
    }


def _name(of: Latency | Memory | Profile) -> str:
    return f"{of.conditions.model} ({of.conditions.device})"


def _times(latency: Latency) -> LatencyRow:
    times = latency.blocks_ns or latency.rounds_ns
    return LatencyRow(_name(latency), times, latency.p50_ns, latency.p95_ns, latency.p99_ns)


def _bar(memory: Memory) -> MemoryBar:
    peak = memory.inference
    weights = sum(peak.weights.values())
    if peak.cuda_allocated_bytes is not None:
        return MemoryBar(_name(memory), weights, 0, 0, peak.cuda_allocated_bytes - weights)
    return MemoryBar(_name(memory), weights, peak.activations_bytes, peak.workspace_bytes, peak.rest_bytes)
