"""The figures of a test as properties of JUnit XML: flat, each under one stable name, which begins with ``imgcls.``.

Names are those of the result document where it has them: accuracies in per cent, times in ms, sizes in bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING

from imgcls import messages
from imgcls.records.parity import ContractCheck, ExportCost, Parity, ServingCheck

if TYPE_CHECKING:
    from imgcls.records.comparison import Change, Comparison
    from imgcls.records.evaluation import Scores, Verdict
    from imgcls.records.performance import Latency, Memory, Peak

PREFIX = "imgcls."

Figure = str | int | float | bool | None

DIGITS = 6
"""Of figures that are no whole numbers: all that is significant, and the same text on every machine."""

COUNTS = ("listed", "scored", "rejected", "ignored", "unscored", "distinct", "top1_count", "top5_count")

ACCURACIES = ("top1", "top1_low", "top1_high", "top5", "top5_low", "top5_high")

CHANGES: Mapping[Change, str] = {
    "right to wrong": "flips_right_to_wrong",
    "wrong to right": "flips_wrong_to_right",
    "wrong to otherwise wrong": "flips_wrong_to_wrong",
}


def properties(figures: Mapping[str, Figure]) -> list[tuple[str, str]]:
    """Names and values as text; what was not measured has no property."""
    return [(f"{PREFIX}{name}", _text(value)) for name, value in figures.items() if value is not None]


def _text(value: Figure) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.{DIGITS}g}" if isinstance(value, float) else messages.printable(str(value))


def of_scores(scores: Scores) -> dict[str, Figure]:
    """Counts and accuracies of a model on a dataset; ``units``: how many images count."""
    from imgcls.evaluation import results  # it imports torch, and so would every run of pytest that has a configuration

    columns = results.accuracy_columns(scores)
    return {
        "model": scores.model,
        "dataset": scores.dataset,
        **{name: getattr(scores, name) for name in COUNTS},
        "units": scores.counted.scored,
        **{name: columns[name] for name in ACCURACIES},
    }


def of_verdicts(verdicts: Iterable[Verdict]) -> dict[str, Figure]:
    """The status of each gate, and the number that it was held against, in the unit of the gate."""
    figures: dict[str, Figure] = {}
    for verdict in verdicts:
        metric = verdict.metric.replace(" ", "_")
        figures |= {f"verdict.{metric}": verdict.status, f"threshold.{metric}": verdict.threshold}
    return figures


def of_comparison(comparison: Comparison) -> dict[str, Figure]:
    """Flips against the baseline, and the exact test on top-1; differences are fractions, as in the document."""
    if comparison.refusals:
        return {"baseline": comparison.before_run}
    by_change = {CHANGES[change]: sum(flip.change == change for flip in comparison.flips) for change in CHANGES}
    figures: dict[str, Figure] = {"baseline": comparison.before_run, "flips": len(comparison.flips), **by_change}
    for difference in comparison.differences:
        if difference.accuracy == "top1":
            values = asdict(difference)
            names = ("images", "losses", "gains", "difference", "low", "high", "p_value")
            figures |= {f"compared_{name}": values[name] for name in names}
    return figures


def of_latency(latency: Latency) -> dict[str, Figure]:
    """Percentiles and parts of a call."""
    milliseconds = ("p50", "p90", "p95", "p99", "preprocess", "copy", "model")
    times = {f"{name}_ms": getattr(latency, f"{name}_ns") / 1e6 for name in milliseconds}
    conditions = latency.conditions
    return {
        "model": conditions.model,
        "device": conditions.device,
        "scenario": latency.scenario,
        "batch": conditions.batch,
        "threads": conditions.threads,
        **times,
        "images_per_second": latency.images_per_second,
        "steady": latency.steady,
        "cut_short": latency.cut_short,
    }


def of_memory(memory: Memory) -> dict[str, Figure]:
    """Peaks of loading and of inference, and what the latter is made of."""
    peak, conditions = memory.inference, memory.conditions
    return {
        "model": conditions.model,
        "device": conditions.device,
        "batch": conditions.batch,
        "load_peak_bytes": memory.loading.heap_bytes,
        "inference_peak_bytes": peak.heap_bytes,
        **_parts(peak),
        "growth_bytes_per_call": memory.growth.bytes_per_call,
    }


def _parts(peak: Peak) -> dict[str, Figure]:
    return {
        "weights_bytes": sum(peak.weights.values()),
        "activations_bytes": peak.activations_bytes,
        "workspace_bytes": peak.workspace_bytes,
        "rss_bytes": peak.rss_bytes,
        "cuda_allocated_bytes": peak.cuda_allocated_bytes,
    }


def of_parity(parity: Parity) -> dict[str, Figure]:
    """An export next to its reference."""
    compared = {"images": parity.images, "flips": parity.flips, "same_top5": parity.same_top5}
    return {
        "model": parity.model,
        "export": parity.export,
        "dataset": parity.dataset,
        "format": parity.format,
        **(compared if parity.images else {}),
        "agreement": parity.agreement,
        "logits": parity.logits.largest if parity.logits else None,
        **_costs(parity.cost or ExportCost()),
        **of_verdicts(parity.verdicts),
    }


def _costs(cost: ExportCost) -> dict[str, Figure]:
    return {
        "p50_ms": None if cost.p50_ns is None else cost.p50_ns / 1e6,
        "p95_ms": None if cost.p95_ns is None else cost.p95_ns / 1e6,
        "inference_peak_bytes": cost.peak_bytes,
        "file_bytes": cost.file_bytes,
    }


def of_serving(check: ServingCheck) -> dict[str, Figure]:
    """The images that were tried, and how many had another best class."""
    others = sum(image.same_top1 is False for image in check.images)
    return {"model": check.model, "images": len(check.images), "flips": others, "verdict.serving": check.status}


def of_contract(check: ContractCheck) -> dict[str, Figure]:
    """What came of one contract."""
    return {"model": check.model, "contract": check.contract, "verdict.contract": check.status}
