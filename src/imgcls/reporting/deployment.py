"""What ships against what was tested, as tables and lines: exports, serving, contracts."""

from collections.abc import Iterator, Sequence

from imgcls.records.parity import ContractCheck, Parity, ServingCheck
from imgcls.records.report import Report
from imgcls.reporting import csv_text, differences, markdown_text, parity_table, tables
from imgcls.reporting.presentation import Presentation


def text(parities: Sequence[Parity], how: Presentation) -> Iterator[str]:
    """The tables of all exports and why they differ, for a terminal, block by block."""
    for group in parity_table.by_table(parities):
        yield parity_table.title(group)
        yield how.text(parity_table.table(group))
        for parity in group:
            yield from parity_table.lines(parity)
            if parity.steps:
                yield parity_table.steps_title(parity)
                yield how.text(parity_table.steps(parity))
            if parity.comparison and parity.comparison.flips:
                yield how.text(differences.flips_table(parity.comparison))
        yield from parity_table.notes(group)


def markdown(report: Report) -> Iterator[str]:
    """The same in GitHub's Markdown, block by block."""
    for group in parity_table.by_table(report.parities):
        yield f"{markdown_text.escaped(parity_table.title(group))}\n"
        yield markdown_text.table(parity_table.table(group))
        for parity in group:
            yield markdown_text.items(parity_table.lines(parity))
            if parity.steps:
                yield f"{markdown_text.escaped(parity_table.steps_title(parity))}\n"
                yield markdown_text.table(parity_table.steps(parity))
            if parity.comparison and parity.comparison.flips:
                yield markdown_text.table(differences.flips_table(parity.comparison))
        yield markdown_text.items(parity_table.notes(group))
    yield markdown_text.items(verdicts(report.parities, report.servings, report.contracts))


def as_csv(parities: Sequence[Parity]) -> str:
    """A line per export; shares are fractions, times in ms, sizes in bytes."""
    columns = (
        *("model", "export", "dataset", "format", "file", "runtime", "precision", "images", "flips", "agreement"),
        *("top1_before", "top1_after", "logits_largest", "p50_ms", "p95_ms", "peak_bytes", "file_bytes", "failure"),
    )
    return csv_text.text(columns, map(_record, parities))


def _record(parity: Parity) -> list[object]:
    same = (getattr(parity, name) for name in ("model", "export", "dataset", "format", "file", "runtime", "precision"))
    top1 = parity_table.top1(parity)
    cost = parity.cost
    return [
        *(*same, parity.images, parity.flips if parity.images else None, parity.agreement),
        *((top1.before_count / top1.images, top1.after_count / top1.images) if top1 else (None, None)),
        parity.logits and parity.logits.largest,
        *(ns and ns / 1e6 for ns in ((cost.p50_ns, cost.p95_ns) if cost else (None, None))),
        *((cost.peak_bytes, cost.file_bytes) if cost else (None, None)),
        parity.failure and parity.failure.message,
    ]


def verdicts(
    parities: Sequence[Parity], servings: Sequence[ServingCheck], contracts: Sequence[ContractCheck]
) -> Iterator[str]:
    """A line for each gate on an export, each serving with its culprits, and each contract."""
    for parity in parities:
        yield from tables.verdicts(parity.verdicts)
    for serving in servings:
        yield f"{serving.status.upper()} serving of {serving.model}: {serving.message}"
        yield from (f"  {parity_table.fault_text(fault)}" for fault in serving.faults)
        yield from (f"  {note}" for note in serving.notes)
    for check in contracts:
        yield f"{check.status.upper()} contract {check.contract} of {check.model}: {check.message}"
