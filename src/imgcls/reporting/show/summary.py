"""A run in short: what was decided, then accuracy, time and memory of every pair."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any

from imgcls.comparison.parts import Part
from imgcls.records.config import Accuracy
from imgcls.records.performance import Latency, Memory
from imgcls.records.report import Report, Result
from imgcls.reporting import notes, tables, terminal
from imgcls.reporting.presentation import Presentation
from imgcls.reporting.sheet import NOTHING, Column, Sheet, Values
from imgcls.reporting.show.selected import Pair
from imgcls.stats import units

KEYS = (
    *("model", "dataset", "listed", "scored", "units", "top1", "top1_low", "top1_high", "top5", "top5_low"),
    *("top5_high", "p50_ns", "inference_peak_bytes", "failure", "cuda_allocated_bytes"),
)

COLUMNS = (
    Column("model", lambda row: row["model"], words=True),
    Column("dataset", lambda row: row["dataset"], words=True),
    Column("images", lambda row: row["counted"]),
    Column("top-1 %", lambda row: _accuracy(row, "top1")),
    Column("top-5 %", lambda row: _accuracy(row, "top5")),
    Column("p50 ms", lambda row: NOTHING if row["p50_ns"] is None else f"{row['p50_ns'] / 1e6:.1f}"),
    Column("peak MB", lambda row: NOTHING if row["inference_peak_bytes"] is None else _megabytes(row)),
)


def _accuracy(row: Values, metric: str) -> str:
    value, low, high = (row[f"{metric}{end}"] for end in ("", "_low", "_high"))
    if None in (value, low, high):
        return NOTHING
    return f"{tables.two_sided(value)} ({tables.two_sided(low)}-{tables.two_sided(high)})"


def _megabytes(row: Values) -> str:
    on_gpu = row["cuda_allocated_bytes"]
    return f"{(row['inference_peak_bytes'] if on_gpu is None else on_gpu) / 1e6:.0f}"


def sheet(part: Part, pairs: Sequence[Pair]) -> Sheet:
    """A row per pair, and above them the verdicts and why pairs have no scores."""
    whole = "" if part.report.complete else "; it was cut short, or a model failed in it"
    title = f"{part.file.name}: run of {part.report.made_at}{whole}"
    rows = tuple(_row(part, pair.result) for pair in pairs)
    return Sheet(title, KEYS, COLUMNS, rows, tuple(_verdicts(_about(part.report, pairs))))


def _about(report: Report, pairs: Sequence[Pair]) -> Report:
    """As much of a report as is about these pairs."""
    results = tuple(pair.result for pair in pairs)
    keys, models = {(r.model, r.dataset) for r in results}, {r.model for r in results}
    return replace(
        report,
        results=results,
        parities=tuple(parity for parity in report.parities if (parity.model, parity.dataset) in keys),
        servings=tuple(serving for serving in report.servings if serving.model in models),
        contracts=tuple(check for check in report.contracts if check.model in models),
        limits=tuple(limit for limit in report.limits if limit.model in models),
    )


def _verdicts(report: Report) -> Iterator[str]:
    """What did not pass first; lines that belong to a verdict stay behind it."""
    blocks: list[list[str]] = []
    for line in terminal.verdicts(report, Presentation(), [limit.verdict for limit in report.limits]):
        if line.startswith(" ") and blocks:
            blocks[-1].append(line)
        else:
            blocks.append([line])
    ordered = sorted(blocks, key=lambda block: block[0].startswith(terminal.PASSES))
    yield from chain.from_iterable(ordered)
    if not blocks:
        yield "no gates"


def _row(part: Part, result: Result) -> dict[str, Any]:
    latency, memory = _latency(part, result), _memory(part, result)
    certain: Sequence[Accuracy] = ("top5",) if notes.is_certain(result) else ()
    metrics: Sequence[Accuracy] = ("top1", "top5")
    return {
        "model": result.model,
        "dataset": result.dataset,
        "listed": result.listed,
        "scored": result.scored,
        "units": result.counted.scored,
        "counted": units.total(result),
        **{metric: None if metric in certain else result.unit_accuracy(metric) for metric in metrics},
        **{f"{metric}{end}": getattr(result, f"{metric}{end}") for metric in metrics for end in ("_low", "_high")},
        "p50_ns": latency and latency.p50_ns,
        "inference_peak_bytes": memory and memory.inference.heap_bytes,
        "failure": result.failure and result.failure.message,
        "cuda_allocated_bytes": memory and memory.inference.cuda_allocated_bytes,
    }


def _latency(part: Part, result: Result) -> Latency | None:
    """Of one image at a time, on the device that scored it."""
    of_model = (latency for latency in part.report.latencies if latency.conditions.model == result.model)
    single = (latency for latency in of_model if latency.scenario == "SingleStream")
    return next((latency for latency in single if latency.conditions.device == result.device), None)


def _memory(part: Part, result: Result) -> Memory | None:
    of_model = (memory for memory in part.report.memories if memory.conditions.model == result.model)
    return next((memory for memory in of_model if memory.conditions.device == result.device), None)
