"""The runs of every model on every dataset as rows, the oldest first, with what changed."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from imgcls import messages
from imgcls.comparison.history import History, Pair, Point, Step
from imgcls.reporting import tables
from imgcls.reporting.history import changes, costs
from imgcls.reporting.sheet import NOTHING, Column, Sheet, Values

KEYS = (
    *("model", "dataset", "number", "run", "made_at", "top1", "top1_low", "top1_high", "images", "weights"),
    *("since_before", "before_losses", "before_gains", "before_p"),
    *("since_reference", "reference", "reference_losses", "reference_gains", "reference_difference", "reference_p"),
    *("drift_since", "p50_ns", "p95_ns", "latency_since_before", "latency_since_reference"),
    *("peak_bytes", "memory_since_before", "memory_since_reference"),
)


def _accuracy(row: Values) -> str:
    return f"{tables.two_sided(row['top1'])} ({tables.two_sided(row['top1_low'])}-{tables.two_sided(row['top1_high'])})"


def _since_reference(row: Values) -> str:
    return "drift" if row["drift_since"] else row["since_reference"]


def _with_mark(figure: float | None, digits: int, word: str | None) -> str:
    marked = f" {word}" if word in {"slower", "faster", "larger", "smaller"} else ""
    return NOTHING if figure is None else f"{figure / 1e6:.{digits}f}{marked}"


COLUMNS = (
    Column("#", lambda row: str(row["number"])),
    Column("run", lambda row: row["run"], words=True),
    Column("made", lambda row: row["made_at"][:10], words=True),
    Column("top-1 %", _accuracy),
    Column("since before", lambda row: row["since_before"], words=True),
    Column("since reference", _since_reference, words=True),
    Column("p50 ms", lambda row: _with_mark(row["p50_ns"], 1, row["latency_since_before"])),
    Column("peak MB", lambda row: _with_mark(row["peak_bytes"], 0, row["memory_since_before"])),
)

IMPORTANCE = ("#", "run", "top-1 %", "since before", "since reference", "p50 ms", "peak MB", "made")


def sheets(history: History, left_out: Sequence[str]) -> list[Sheet]:
    """A sheet per pair; ``left_out``: lines on files that are not among the runs, above the first."""
    made = [_sheet(history, pair, points) for pair, points in history.points.items()]
    return [replace(sheet, lines=(*left_out, *sheet.lines)) if sheet is made[0] else sheet for sheet in made]


def _sheet(history: History, pair: Pair, points: Sequence[Point]) -> Sheet:
    reference = history.references[pair]
    before = [None, *points[:-1]]
    rows = tuple(
        row(number, point, earlier, reference)
        for number, (point, earlier) in enumerate(zip(points, before, strict=True), 1)
    )
    title = f"{pair[0]} on {pair[1]}: {messages.counted(len(points), 'run')}, reference {reference.run}"
    return Sheet(title, KEYS, COLUMNS, rows, tuple(changes.lines(points, rows, history.margin.margin)), IMPORTANCE)


def row(number: int, point: Point, before: Point | None, reference: Point) -> Mapping[str, Any]:
    """One run as documents have it; ``number``: its place among the runs of the pair, from 1."""
    result, total = point.result, point.reference
    return {
        "model": result.model,
        "dataset": result.dataset,
        "number": number,
        "run": point.run,
        "made_at": point.made_at,
        "top1": result.unit_accuracy("top1"),
        "top1_low": result.top1_low,
        "top1_high": result.top1_high,
        "images": result.counted.scored,
        "weights": result.state_sha256,
        **_of_step("before", point.before),
        **_of_step("reference", total),
        "reference": total.against,
        "reference_difference": total.difference and total.difference.difference,
        "drift_since": point.drift and point.drift.against,
        "p50_ns": point.latency and point.latency.p50_ns,
        "p95_ns": point.latency and point.latency.p95_ns,
        "latency_since_before": before and costs.latency(before, point),
        "latency_since_reference": costs.latency(reference, point),
        "peak_bytes": point.memory and point.memory.inference.model_bytes,
        "memory_since_before": before and costs.memory(before, point),
        "memory_since_reference": costs.memory(reference, point),
    }


def _of_step(name: str, step: Step) -> dict[str, Any]:
    return {
        f"since_{name}": step.word,
        f"{name}_losses": step.difference and step.difference.losses,
        f"{name}_gains": step.difference and step.difference.gains,
        f"{name}_p": step.difference and step.difference.p_value,
    }
