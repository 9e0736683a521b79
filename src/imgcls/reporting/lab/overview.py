"""The beginning of a report: when and where it was made, the models side by side, and what that comes to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from imgcls import messages
from imgcls.records.performance import Latency, RunEnvironment
from imgcls.reporting import dominance, markdown_text
from imgcls.reporting.lab import differences, figures, marks
from imgcls.reporting.lab.contents import Contents
from imgcls.reporting.overview import Row, rows


def introduction(contents: Contents) -> Iterator[str]:
    """What this is about, on which machine and with which versions it was made, and what is not trained."""
    report = contents.report
    facts = {
        "Date": report.made_at.replace("T", " ").replace("+00:00", " UTC"),
        "Images": "; ".join(dict.fromkeys(_images(contents))),
        "Machine": "; ".join(dict.fromkeys(_machine(of) for of in _environments(contents))),
        "System": report.environment.get("platform", ""),
        "Versions": ", ".join(f"{name} {of}" for name, of in report.environment.items() if name != "platform"),
    }
    yield markdown_text.items(f"{name}: {text}" for name, text in facts.items() if text)
    if contents.untrained:
        weights = "Its weights are" if len(contents.untrained) == 1 else "Their weights are"
        names = figures.listed(contents.untrained)
        yield marks.paragraph(marks.strong(f"Untrained: {names}."), f"{weights} random, and so are the predictions.")
    if contents.notes:
        yield markdown_text.items(contents.notes)


def _images(contents: Contents) -> Iterator[str]:
    """How many images there are; of several models that were scored on different ones, of each."""
    for result in contents.results:
        distinct = "" if result.distinct == result.scored else f", {result.distinct} of them with different bytes"
        yield f"{messages.counted(result.scored, 'image')} of {messages.counted(result.listed, 'file')}{distinct}"


def _environments(contents: Contents) -> list[RunEnvironment]:
    report = contents.report
    measured = (report.latencies, report.memories, report.profiles)
    return [of.conditions for figures_of in measured for of in figures_of]


def _machine(of: RunEnvironment) -> str:
    machine = of.machine
    quota = machine.quota and f"a quota of {machine.quota:g} CPUs"
    where = [
        machine.cpu,
        messages.counted(machine.cores, "core"),
        quota,
        messages.counted(of.threads, "thread"),
        machine.gpu,
    ]
    return ", ".join(part for part in (*where, machine.system) if part)


def summary(contents: Contents) -> Iterator[str]:
    """One table of all models and devices, and who is best in what."""
    table = [row for row in _rows(contents) if row.result is None or row.result.failure is None]
    columns = [name for name, cell in COLUMNS.items() if any(cell(contents, row) for row in table)]
    cells = ([str(COLUMNS[name](contents, row) or "-") for name in columns] for row in table)
    yield marks.table(columns, ("model", "device"), cells)
    yield markdown_text.items([*differences.ranking(contents), *_cheapest(contents, table)])


def _rows(contents: Contents) -> list[Row]:
    datasets = dict.fromkeys(result.dataset for result in contents.report.results)
    return [row for dataset in datasets for row in rows(contents.report, dataset)]


Cell = Callable[[Contents, Row], Any]

COLUMNS: Mapping[str, Cell] = {
    "model": lambda contents, row: contents.name(row.model),
    "device": lambda _, row: row.device,
    "top-1 % (95 % interval)": lambda _, row: row.result and _accuracy(figures.bounds(row.result, "top1")),
    "top-5 % (95 % interval)": lambda _, row: row.result and _accuracy(figures.bounds(row.result, "top5")),
    "ms for one image": lambda _, row: row.single and figures.ms(row.single.p50_ns) + figures.if_few(row.single),
    "images/s": lambda _, row: row.offline and f"{row.offline.images_per_second:.1f}{figures.if_few(row.offline)}",
    "MB for a call": lambda _, row: row.memory and figures.mb(row.memory.inference.model_bytes),
    "million parameters": lambda _, row: row.conditions and f"{row.conditions.parameters / 1e6:.2f}",
    "GMACs": lambda _, row: row.conditions and row.conditions.gmacs and f"{row.conditions.gmacs:.2f}",
}


def _accuracy(known: tuple[float, float, float] | None) -> str | None:
    return known and "{} ({} to {})".format(*map(figures.per_cent, known))


def _cheapest(contents: Contents, table: Iterable[Row]) -> Iterator[str]:
    """Where there are several models: the fastest on each device, and the smallest."""
    by_device: dict[str, list[Row]] = {}
    for row in table:
        by_device.setdefault(row.device, []).append(row)
    for device, of in by_device.items():
        timed = {contents.name(row.model): row.single for row in of if row.single}
        if len(timed) > 1:
            yield f"Fastest with one image on {device}: {_fastest(timed)}."
        sizes = {contents.name(row.model): row.memory.inference.model_bytes for row in of if row.memory}
        if len(sizes) > 1:
            model = min(sizes, key=sizes.__getitem__)
            yield f"Least memory for a call on {device}: {model}, {figures.mb(sizes[model])} MB."


def _fastest(timed: Mapping[str, Latency]) -> str:
    """The model with the lowest median, and whether that is more than noise."""
    first = min(timed, key=lambda model: timed[model].p50_ns)
    is_shown = {m: dominance.by_latency(timed[first], of) == "better" for m, of in timed.items() if m != first}
    slower, unclear = ([model for model, shown in is_shown.items() if shown is expected] for expected in (True, False))
    return f"{first}, {figures.ms(timed[first].p50_ns)} ms{differences.standing(first, 'faster', slower, unclear)}"
