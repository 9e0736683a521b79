"""What a run prints: its verdicts first, then its tables and what is to be known of them, at last what to do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from imgcls.records.evaluation import Verdict
from imgcls.records.report import Report
from imgcls.reporting import (
    deployment,
    differences,
    memory_table,
    notes,
    operator_table,
    overview,
    tables,
    text_table,
)
from imgcls.reporting.presentation import Presentation


def lines(
    report: Report, how: Presentation, limit_verdicts: Sequence[Verdict] = (), todo: Sequence[str] = ()
) -> Iterator[str]:
    """Block by block, each of one or more lines.

    ``limit_verdicts``: those on time and memory; ``todo``: what failed and what to do. Below the default verbosity,
    only the verdicts that do not pass.
    """
    if how.verbosity < 0:
        yield from (line for line in verdicts(report, how, limit_verdicts) if not line.startswith(PASSES))
        return
    yield from verdicts(report, how, limit_verdicts)
    yield from _spaced([*body(report, how), *todo])


def _spaced(blocks: Sequence[str]) -> Iterator[str]:
    """The blocks with a blank line after each table; one begins with a blank line of its own."""
    after_table = False
    for block in blocks:
        if after_table and not block.startswith("\n"):
            yield ""
        yield block.rstrip("\n")
        after_table = block.startswith("\n")


PASSES = ("PASS ", "SKIPPED ")
"""What the lines of verdicts begin with that are not about anything to do."""


def verdicts(report: Report, how: Presentation, limit_verdicts: Sequence[Verdict] = ()) -> Iterator[str]:
    """A line for every verdict, and for every model that has no result."""
    yield from tables.verdicts_of(report.results)
    yield from tables.verdicts(limit_verdicts)
    yield from deployment.verdicts(report.parities, report.servings, report.contracts)
    yield from tables.failures(report.results, how.reported)


def body(report: Report, how: Presentation) -> Iterator[str]:
    """The tables, each with the lines that belong to it."""
    if report.results:
        yield from _results(report, how)
    if report.latencies or report.memories:
        yield from overview.terminal(report, how)
    if report.memories:
        yield from memory_table.text(report.memories, how)
    for profile in report.profiles:
        yield from operator_table.text(profile, how)
    yield from deployment.text(report.parities, how)
    yield from differences.text(report, how)
    yield from _files(report, how)
    yield from notes.text(report, how)


def _results(report: Report, how: Presentation) -> Iterator[str]:
    table = tables.results_table(report, how.columns)
    yield how.text(table, way=f", {how.option} picks")
    shown = text_table.fitted(table, how.width)[0].headers
    if {"seconds", "images/s"} & set(shown):
        yield from tables.shared(report)
    for line in tables.compiled(report):
        yield from text_table.wrapped(line, how.width)
    for result in report.results:
        for line in tables.remarks(result):
            yield from text_table.wrapped(f"{result.model} on {result.dataset}: {line}", how.width)
    if how.verbosity > 0 and any(result.overall_top5 for result in report.results):
        yield how.text(tables.overall_table(report.results))


def _files(report: Report, how: Presentation) -> Iterator[str]:
    if files := notes.files_table(report):
        yield how.text(files)
    for line in notes.ignored(report):
        yield from text_table.wrapped(line, how.width)
    yield from tables.rejections(report)
