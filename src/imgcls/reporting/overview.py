"""The one table: quality, time and memory of every model side by side, for a terminal, for Markdown and as CSV."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from imgcls import messages
from imgcls.records.performance import Latency, Memory, Peak, RunEnvironment
from imgcls.records.report import Report, Result
from imgcls.reporting import columns, csv_text, dominance
from imgcls.reporting.dominance import Contrasts

if TYPE_CHECKING:
    from imgcls.reporting.presentation import Presentation
    from imgcls.reporting.text_table import NamedTable


@dataclass(frozen=True, slots=True)
class Row:
    """One model on one device, with its scores on one dataset; ``None`` where something was not measured.

    ``single`` and ``offline``: one image at a time, and as many as scoring takes at once. ``seconds``: for the
    whole dataset, as in :class:`PairOutcome`. ``dominated_by``: a model that is shown to be better.
    """

    model: str
    device: str
    result: Result | None
    seconds: float | None
    single: Latency | None
    offline: Latency | None
    memory: Memory | None
    dominated_by: str | None = None

    @property
    def conditions(self) -> RunEnvironment | None:
        latency = self.single or self.offline
        if latency:
            return latency.conditions
        return self.memory.conditions if self.memory else None

    @property
    def untrained(self) -> bool:
        return any(of.untrained for of in (self.result, self.conditions) if of)


def rows(report: Report, dataset: str | None) -> list[Row]:
    """A row per model and device of what was scored on a dataset, or only measured where ``dataset`` is ``None``."""
    results = [result for result in report.results if result.dataset == dataset]
    scored = [(result.model, result.device) for result in results if result.device]
    conditions = [*(of.conditions for of in report.latencies), *(of.conditions for of in report.memories)]
    measured = [(of.model, of.device) for of in conditions]
    table = [_row(report, results, *key) for key in dict.fromkeys([*scored, *measured])]
    contrasts = dominance.contrasts_of(report.contrasts, dataset)
    return [replace(row, dominated_by=_dominating(row, table, contrasts)) for row in table]


def _row(report: Report, results: Sequence[Result], model: str, device: str) -> Row:
    of_model = [result for result in results if result.model == model]
    here = next((result for result in of_model if result.device == device), None)
    latencies = [latency for latency in report.latencies if _is_of(latency.conditions, model, device)]
    return Row(
        model=model,
        device=device,
        result=here or next(iter(of_model), None),
        seconds=here.set_seconds if here else None,
        single=next((latency for latency in latencies if latency.scenario == "SingleStream"), None),
        offline=next((latency for latency in latencies if latency.scenario == "Offline"), None),
        memory=next((memory for memory in report.memories if _is_of(memory.conditions, model, device)), None),
    )


def _is_of(conditions: RunEnvironment, model: str, device: str) -> bool:
    return (conditions.model, conditions.device) == (model, device)


def _dominating(row: Row, others: Sequence[Row], contrasts: Contrasts) -> str | None:
    """Another model on the same device that is shown to be more accurate, faster or smaller, and is nowhere worse."""
    for other in others:
        if other.model != row.model and other.device == row.device and _dominates(other, row, contrasts):
            return other.model
    return None


def _dominates(one: Row, other: Row, contrasts: Contrasts) -> bool:
    """Only where all three are known of both."""
    if not (one.result and other.result and one.single and other.single and one.memory and other.memory):
        return False
    accuracy = dominance.by_accuracy(one.result, other.result, contrasts)
    if accuracy is None:
        return False
    latency = dominance.by_latency(one.single, other.single)
    return dominance.dominates((accuracy, latency, dominance.by_memory(one.memory, other.memory)))


def _name(row: Row) -> str:
    from imgcls.reporting import text_table

    return text_table.model_name(row.model, untrained=row.untrained)


def _accuracy(row: Row, metric: Literal["top1", "top5"]) -> str | None:
    from imgcls.reporting import tables

    return tables.accuracy(row.result, metric) if row.result else None


def _activations(peak: Peak) -> str | None:
    """Those of a GPU are not known: torch counts them together with what its libraries work in."""
    return f"{peak.activations_bytes / 1e6:.0f}" if peak.cuda_allocated_bytes is None else None


CELLS: dict[str, Callable[[Row], object]] = {
    "model": _name,
    "device": lambda row: row.device,
    "top-1 %": lambda row: _accuracy(row, "top1"),
    "top-5 %": lambda row: _accuracy(row, "top5"),
    "p50 ms": lambda row: row.single and f"{row.single.p50_ns / 1e6:.1f}{_if_few(row.single)}",
    "p95 ms": lambda row: row.single and f"{row.single.p95_ns / 1e6:.1f}",
    "images/s": lambda row: row.offline and f"{row.offline.images_per_second:.1f}{_if_few(row.offline)}",
    "s / set": lambda row: row.seconds and f"{row.seconds:.1f}",
    "peak MB": lambda row: row.memory and f"{row.memory.inference.model_bytes / 1e6:.0f}",
    "weights": lambda row: row.memory and f"{sum(row.memory.inference.weights.values()) / 1e6:.0f}",
    "activations": lambda row: row.memory and _activations(row.memory.inference),
    "load MB": lambda row: row.memory and f"{row.memory.loading.model_bytes / 1e6:.0f}",
    "RSS MB": lambda row: row.memory and f"{row.memory.inference.rss_bytes / 1e6:.0f}",
    "params M": lambda row: row.conditions and f"{row.conditions.parameters / 1e6:.2f}",
    "GMACs": lambda row: row.conditions and row.conditions.gmacs and f"{row.conditions.gmacs:.3f}",
    "dominated by": lambda row: row.dominated_by,
}

LEFT = ("model", "device", "dominated by")


def _if_few(measured: Latency) -> str:
    """What stands next to a figure for which the time ran out."""
    return " (few rounds)" if measured.cut_short else ""


def table(of: Sequence[Row], picks: Sequence[str] = ()) -> NamedTable:
    """The columns that are not empty, or those that were picked."""
    from imgcls.reporting import text_table

    filled = [name for name in columns.COSTS if any(CELLS[name](row) for row in of)]
    shown = columns.picked(filled, picks)
    importance = shown if shown != filled else columns.COSTS_IMPORTANCE
    result = text_table.table(*shown, names=("model", "dominated by"), importance=importance)
    for column in result.columns:
        column.justify = "left" if column.header in LEFT else "right"
    for row in of:
        result.add_row(*(str(CELLS[name](row) or "-") for name in shown))
    return result


def terminal(report: Report, how: Presentation) -> Iterator[str]:
    """One table per dataset below its title, for a terminal."""
    from imgcls.reporting import text_table

    for title, of in _tables(report):
        yield from text_table.wrapped(f"{title}{_measured_on(of)}", how.width)
        yield how.text(table(of, how.columns), way=f", {how.option} picks")


def markdown(report: Report) -> str:
    """The same tables in GitHub's Markdown, with all columns."""
    return "\n".join(_markdown(title, of) for title, of in _tables(report))


def _markdown(title: str, of: Sequence[Row]) -> str:
    from imgcls.reporting import markdown_text

    return f"{markdown_text.escaped(f'{title}{_measured_on(of)}')}\n\n{markdown_text.table(table(of))}"


def _tables(report: Report) -> Iterator[tuple[str, list[Row]]]:
    """A title and rows per dataset; without any dataset, one table of what was measured."""
    for dataset in dict.fromkeys(result.dataset for result in report.results) or (None,):
        of = rows(report, dataset)
        if of:
            yield dataset or "measured", of


def _measured_on(of: Sequence[Row]) -> str:
    """The machine, threads and torch of all times and sizes, in words."""
    conditions = next((row.conditions for row in of if row.conditions), None)
    if conditions is None:
        return ""
    machine = conditions.machine
    gpu = next((row.conditions.machine.gpu for row in of if row.conditions and row.conditions.machine.gpu), None)
    quota = machine.quota and f"a quota of {machine.quota:g} {'CPU' if machine.quota == 1 else 'CPUs'}"
    counts = messages.counted(machine.cores, "core"), messages.counted(conditions.threads, "thread")
    where = [machine.cpu, counts[0], quota, counts[1], gpu]
    return f" ({', '.join(part for part in where if part)}, torch {conditions.versions['torch']})"


def as_csv(report: Report) -> str:
    """A line per model, device and dataset; the first columns have timm's names, so that its tables can be joined."""
    records = [_record(row, dataset) for dataset, of in _tables(report) for row in of]
    return csv_text.text(list(records[0]), [list(record.values()) for record in records]) if records else ""


def _record(row: Row, dataset: str) -> dict[str, object]:
    result, single, offline, memory = row.result, row.single, row.offline, row.memory
    accuracies = ("top1", "top1_err", "top1_low", "top1_high", "top5", "top5_err", "top5_low", "top5_high")
    described = ("img_size", "crop_pct", "interpolation")
    return {
        "model": row.model,
        **{name: getattr(result, name, None) for name in (*accuracies, *described)},
        "param_count": round(row.conditions.parameters / 1e6, 2) if row.conditions else result and result.param_count,
        "infer_gmacs": row.conditions and row.conditions.gmacs and round(row.conditions.gmacs, 3),
        "infer_samples_per_sec": offline and round(offline.images_per_second, 2),
        "infer_step_time": offline and round(offline.p50_ns / 1e6, 3),
        "infer_batch_size": offline and offline.conditions.batch,
        "infer_img_size": getattr(result, "img_size", None),
        "device": row.device,
        "dataset": dataset,
        "scored": getattr(result, "scored", None),
        "units": result and result.counted.scored,
        "set_seconds": row.seconds and round(row.seconds, 3),
        "p50_ms": single and round(single.p50_ns / 1e6, 3),
        "p95_ms": single and round(single.p95_ns / 1e6, 3),
        "load_peak_bytes": memory and memory.loading.heap_bytes,
        "inference_peak_bytes": memory and memory.inference.heap_bytes,
        "weights_bytes": memory and sum(memory.inference.weights.values()),
        "activations_bytes": memory and memory.inference.activations_bytes,
        "rss_bytes": memory and memory.inference.rss_bytes,
        "cuda_allocated_bytes": memory and memory.inference.cuda_allocated_bytes,
        "dominated_by": row.dominated_by,
        "untrained": row.untrained,
    }
