"""The one table: quality, time and memory of every model side by side, for a terminal, for Markdown and as CSV."""

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from imgcls.records.evaluation import Pass
from imgcls.records.performance import Latency, Memory, RunEnvironment
from imgcls.records.report import Report, Result
from imgcls.reporting import text_table


@dataclass(frozen=True, slots=True)
class Row:
    """One model on one device, with its scores on one dataset; ``None`` where something was not measured.

    ``single`` and ``offline``: one image at a time, and as many as scoring takes at once. ``seconds``: for the whole
    dataset, where nothing of it came from the store. ``dominated_by``: a model that is nowhere worse.
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


def rows(report: Report, dataset: str | None) -> list[Row]:
    """A row per model and device of what was scored on a dataset, or only measured where ``dataset`` is ``None``."""
    results = [result for result in report.results if result.dataset == dataset]
    scored = [(result.model, result.device) for result in results if result.device]
    conditions = [*(of.conditions for of in report.latencies), *(of.conditions for of in report.memories)]
    measured = [(of.model, of.device) for of in conditions]
    table = [_row(report, results, *key) for key in dict.fromkeys([*scored, *measured])]
    return [replace(row, dominated_by=_dominating(row, table)) for row in table]


def _row(report: Report, results: Sequence[Result], model: str, device: str) -> Row:
    of_model = [result for result in results if result.model == model]
    here = next((result for result in of_model if result.device == device), None)
    latencies = [latency for latency in report.latencies if _is_of(latency.conditions, model, device)]
    return Row(
        model=model,
        device=device,
        result=here or next(iter(of_model), None),
        seconds=_seconds(here, report.passes) if here else None,
        single=next((latency for latency in latencies if latency.scenario == "SingleStream"), None),
        offline=next((latency for latency in latencies if latency.scenario == "Offline"), None),
        memory=next((memory for memory in report.memories if _is_of(memory.conditions, model, device)), None),
    )


def _is_of(conditions: RunEnvironment, model: str, device: str) -> bool:
    return (conditions.model, conditions.device) == (model, device)


def _seconds(result: Result, passes: Sequence[Pass]) -> float | None:
    """The seconds of a model's pass, without those of the other models in it."""
    here = (p for p in passes if (p.dataset, p.device) == (result.dataset, result.device))
    walk = next((p for p in here if result.model in p.models), None)
    if walk is None or result.from_store:
        return None
    return walk.seconds - sum(seconds for name, seconds in walk.model_seconds.items() if name != result.model)


def _dominating(row: Row, others: Sequence[Row]) -> str | None:
    """Another model on the same device that is at least as accurate, fast and small, and better in one of them."""
    own = _qualities(row)
    for other in others:
        theirs = _qualities(other) if other.model != row.model and other.device == row.device else None
        if own and theirs and theirs != own and all(t <= o for t, o in zip(theirs, own, strict=True)):
            return other.model
    return None


def _qualities(row: Row) -> tuple[float, int, int] | None:
    """Errors in per cent, nanoseconds for one image, bytes of memory: the less, the better."""
    if not (row.result and row.result.top1_err is not None and row.single and row.memory):
        return None
    return row.result.top1_err, row.single.p50_ns, row.memory.inference.heap_bytes


COLUMNS: dict[str, Callable[[Row], object]] = {
    "model": lambda row: row.model,
    "device": lambda row: row.device,
    "top-1 %": lambda row: row.result and _accuracy(row.result.top1, row.result.top1_low, row.result.top1_high),
    "top-5 %": lambda row: row.result and _accuracy(row.result.top5, row.result.top5_low, row.result.top5_high),
    "p50 ms": lambda row: row.single and f"{row.single.p50_ns / 1e6:.1f}",
    "p95 ms": lambda row: row.single and f"{row.single.p95_ns / 1e6:.1f}",
    "images/s": lambda row: row.offline and f"{row.offline.images_per_second:.1f}",
    "s / set": lambda row: row.seconds and f"{row.seconds:.1f}",
    "peak MB": lambda row: row.memory and f"{row.memory.inference.heap_bytes / 1e6:.0f}",
    "weights": lambda row: row.memory and f"{sum(row.memory.inference.weights.values()) / 1e6:.0f}",
    "activations": lambda row: row.memory and f"{row.memory.inference.activations_bytes / 1e6:.0f}",
    "load MB": lambda row: row.memory and f"{row.memory.loading.heap_bytes / 1e6:.0f}",
    "RSS MB": lambda row: row.memory and f"{row.memory.inference.rss_bytes / 1e6:.0f}",
    "params M": lambda row: row.conditions and f"{row.conditions.parameters / 1e6:.2f}",
    "GMACs": lambda row: row.conditions and row.conditions.gmacs and f"{row.conditions.gmacs:.3f}",
    "dominated by": lambda row: row.dominated_by,
}

LEFT = ("model", "device", "dominated by")


def _accuracy(value: float | None, low: float | None, high: float | None) -> str | None:
    if value is None or low is None or high is None:
        return None
    return f"{value:.1f} ({low:.1f}-{high:.1f})"


def _cells(of: Sequence[Row]) -> tuple[list[str], list[list[str]]]:
    """The columns that are not empty, and the text of every cell."""
    columns = [name for name, cell in COLUMNS.items() if any(cell(row) for row in of)]
    return columns, [[str(COLUMNS[name](row) or "-") for name in columns] for row in of]


def terminal(report: Report) -> str:
    """One table per dataset, for a terminal."""
    return "".join(_terminal(title, of) for title, of in _tables(report))


def _terminal(title: str, of: Sequence[Row]) -> str:
    columns, cells = _cells(of)
    table, console = text_table.table(*columns), text_table.console()
    for column in table.columns:
        column.justify = "left" if column.header in LEFT else "right"
    for row in cells:
        table.add_row(*row)
    console.print(f"{title}{_measured_on(of)}", table, sep="\n")
    return text_table.printed(console)


def markdown(report: Report) -> str:
    """The same tables in GitHub's Markdown."""
    return "\n".join(_markdown(title, of) for title, of in _tables(report))


def _markdown(title: str, of: Sequence[Row]) -> str:
    columns, cells = _cells(of)
    rule = [":---" if column in LEFT else "---:" for column in columns]
    lines = [f"| {' | '.join(row)} |" for row in (columns, rule, *cells)]
    return f"{title}{_measured_on(of)}\n\n" + "\n".join(lines) + "\n"


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
    where = f"{machine.cpu}, {machine.cores} cores, {conditions.threads} threads" + (f", {gpu}" if gpu else "")
    return f" ({where}, torch {conditions.versions['torch']})"


def as_csv(report: Report) -> str:
    """A line per model, device and dataset; the first columns have timm's names, so that its tables can be joined."""
    lines = [_record(row, dataset) for dataset, of in _tables(report) for row in of]
    text = io.StringIO()
    writer = csv.DictWriter(text, list(lines[0]) if lines else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue()


def _record(row: Row, dataset: str) -> dict[str, object]:
    result, single, offline, memory = row.result, row.single, row.offline, row.memory
    accuracies = ("top1", "top1_err", "top1_low", "top1_high", "top5", "top5_err", "top5_low", "top5_high")
    described = ("img_size", "crop_pct", "interpolation")
    return {
        "model": row.model,
        **{name: getattr(result, name, None) for name in (*accuracies, *described)},
        "param_count": row.conditions and round(row.conditions.parameters / 1e6, 2),
        "infer_gmacs": row.conditions and row.conditions.gmacs and round(row.conditions.gmacs, 3),
        "infer_samples_per_sec": offline and round(offline.images_per_second, 2),
        "infer_step_time": offline and round(offline.p50_ns / 1e6, 3),
        "infer_batch_size": offline and offline.conditions.batch,
        "infer_img_size": getattr(result, "img_size", None),
        "device": row.device,
        "dataset": dataset,
        "scored": getattr(result, "scored", None),
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
    }
