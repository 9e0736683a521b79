"""The one table: quality, time and memory of every model side by side, and what accuracy costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, get_args

from imgcls.records.performance import Memory, RunEnvironment
from imgcls.records.report import Report, Result
from imgcls.reporting import notes, overview
from imgcls.reporting.html import text
from imgcls.reporting.html.charts.figures import AccuracyBar, Cost, Pareto, ParetoPoint
from imgcls.reporting.html.view import View
from imgcls.reporting.overview import Row
from imgcls.stats import units

COLUMNS = (
    "model", "device", "images", "top-1 %", "top-1, 95 %", "top-5 %", "top-5, 95 %", "macro F1 %", "p50 ms", "p95 ms",
    "images/s", "s per set", "peak MB", "weights MB", "loading MB", "params M", "GMACs", "dominated by",
)  # fmt: skip

WORDS = ("model", "device", "dominated by")
"""The columns that hold words."""


@dataclass(frozen=True, slots=True)
class Table:
    """The models on one dataset, or those that were only measured; ``columns`` are those that are not empty."""

    dataset: str | None
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    charts: tuple[Pareto | tuple[AccuracyBar, ...], ...]


def context(view: View) -> dict[str, Any] | None:
    tables = [table for name in view.datasets if (table := _table(view.report, name))]
    return {"tables": tables, "words": WORDS, "contrasts": view.report.contrasts} if tables else None


def _table(report: Report, dataset: str | None) -> Table | None:
    rows = overview.rows(report, dataset)
    cells = [_cells(row) for row in rows]
    if not cells:
        return None
    columns = tuple(name for name in COLUMNS if any(of.get(name) for of in cells))
    texts = tuple(tuple(of.get(name) or "-" for name in columns) for of in cells)
    return Table(dataset, columns, texts, _charts(dataset, rows))


def _cells(row: Row) -> dict[str, str | None]:
    return {
        "model": f"{row.model} (untrained)" if row.untrained else row.model,
        "device": row.device,
        **(_quality(row.result) if row.result else {}),
        "p50 ms": text.milliseconds(row.single.p50_ns) if row.single else None,
        "p95 ms": text.milliseconds(row.single.p95_ns) if row.single else None,
        "images/s": f"{row.offline.images_per_second:.1f}" if row.offline else None,
        "s per set": None if row.seconds is None else f"{row.seconds:.1f}",
        **(_sizes(row.memory) if row.memory else {}),
        **(_network(row.conditions) if row.conditions else {}),
        "dominated by": row.dominated_by,
    }


def _quality(result: Result) -> dict[str, str | None]:
    top5 = not notes.is_certain(result)
    return {
        "images": units.total(result),
        "top-1 %": _percent(result.unit_accuracy("top1")),
        "top-1, 95 %": _interval(result.top1_low, result.top1_high),
        "top-5 %": _percent(result.unit_accuracy("top5")) if top5 else None,
        "top-5, 95 %": _interval(result.top5_low, result.top5_high) if top5 else None,
        "macro F1 %": _percent(result.macro_f1),
    }


def _sizes(memory: Memory) -> dict[str, str | None]:
    return {
        "peak MB": text.megabytes(memory.inference.model_bytes),
        "weights MB": text.megabytes(sum(memory.inference.weights.values())),
        "loading MB": text.megabytes(memory.loading.model_bytes),
    }


def _network(conditions: RunEnvironment) -> dict[str, str | None]:
    return {
        "params M": f"{conditions.parameters / 1e6:.2f}",
        "GMACs": None if conditions.gmacs is None else f"{conditions.gmacs:.3f}",
    }


def _percent(value: float | None) -> str | None:
    return None if value is None else text.percent(value)


def _interval(low: float | None, high: float | None) -> str | None:
    return None if low is None or high is None else text.interval(low, high)


def _charts(dataset: str | None, rows: Sequence[Row]) -> tuple[Pareto | tuple[AccuracyBar, ...], ...]:
    """What accuracy costs in time and in memory, where several models have both; otherwise how accurate they are."""
    paretos = tuple(pareto for cost in get_args(Cost) if (pareto := _pareto(dataset, rows, cost)))
    bars = tuple(bar for row in rows if (bar := _bar(row)))
    return paretos or ((bars,) if len(bars) > 1 else ())


def _pareto(dataset: str | None, rows: Sequence[Row], cost: Cost) -> Pareto | None:
    points = tuple(point for row in rows if (point := _point(row, cost)))
    return Pareto(dataset, cost, points) if len(points) > 1 and dataset is not None else None


def _bar(row: Row) -> AccuracyBar | None:
    result = row.result
    accuracy = result.unit_accuracy("top1") if result else None
    if result is None or accuracy is None or result.top1_low is None or result.top1_high is None:
        return None
    return AccuracyBar(row.model, accuracy, result.top1_low, result.top1_high, result.counted.scored)


def _point(row: Row, cost: Cost) -> ParetoPoint | None:
    bar = _bar(row)
    price = _latency(row) if cost == "latency" else row.memory and row.memory.inference.model_bytes
    return ParetoPoint(row.model, bar.accuracy, bar.low, bar.high, price, row.dominated_by) if bar and price else None


def _latency(row: Row) -> int | None:
    return row.single.p50_ns if row.single else None
