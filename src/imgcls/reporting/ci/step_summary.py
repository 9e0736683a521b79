"""GitHub's summary of a step: verdicts first, then the table of figures, flips against the baseline, and parity."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from imgcls import documents
from imgcls.reporting import markdown_text, overview, parity_table
from imgcls.reporting.ci import github_text, sections
from imgcls.reporting.ci.run import CiRun, JudgedGate

VARIABLE = "GITHUB_STEP_SUMMARY"

LIMIT = 1023 * 1024  # docs/decisions.md#what-ci-shows
"""Bytes of a step's summary; GitHub refuses all of it from 1024 KiB on."""

FLIPS_SHOWN = 100  # docs/decisions.md#what-ci-shows


def file() -> Path | None:
    """The file that GitHub names for the summary of this step; None outside of GitHub Actions."""
    name = os.environ.get(VARIABLE)
    return Path(name) if name else None


def append(run: CiRun) -> str | None:
    """Add the summary of a run to the file that GitHub names, where it names one.

    The result is one line where that could not be done: what GitHub shows of a run is no reason for a gate to fail.
    """
    named = file()
    if not named or run.is_empty:
        return None
    try:
        return _append(run, named)
    except OSError as error:
        return f"imgcls: the step summary could not be written: {documents.failure(error)}"


def _append(run: CiRun, named: Path) -> str | None:
    """Raises OSError."""
    with named.open("ab") as stream:
        room = LIMIT - stream.tell()
        markdown = github_text.cut(f"\n{text(run)}", room, _pointer(run))
        stream.write(markdown.encode())
    if markdown:
        return None
    return f"imgcls: the step summary has no room left: its {LIMIT // 1024} KiB were written before, in the same step"


def text(run: CiRun) -> str:
    """The Markdown of the summary, of any length."""
    return "\n".join(block for block in _blocks(run) if block)


def _pointer(run: CiRun) -> str:
    return f"The summary ends here; the rest is in {github_text.line(run.rest)}."


def _blocks(run: CiRun) -> Iterator[str]:
    yield f"## {github_text.line(run.title)}: {run.headline()}\n"
    if run.gates:
        yield _verdicts(run)
    if run.closing:
        yield markdown_text.items(github_text.shortened(each, github_text.MESSAGE_CHARACTERS) for each in run.closing)
    yield overview.markdown(run.report)
    for comparison in run.report.comparisons:
        yield from sections.comparison(comparison, run, FLIPS_SHOWN)
    for group in parity_table.by_table(run.report.parities):
        yield f"#### {github_text.line(parity_table.title(group))}\n"
        yield markdown_text.table(parity_table.table(group))
        for parity in group:
            yield markdown_text.items(parity_table.lines(parity))


def _verdicts(run: CiRun) -> str:
    """A row for each gate, those that fail first."""
    columns = ("verdict", "of", "condition", "what was seen")
    rows = (_row(gate) for gate in sorted(run.gates, key=lambda gate: gate.holds))
    return markdown_text.rows(columns, columns, rows)


def _row(gate: JudgedGate) -> list[str]:
    status = gate.status if gate.holds else gate.status.upper()
    return [
        status,
        gate.subject,
        gate.verdict.check,
        github_text.shortened(gate.seen, github_text.MESSAGE_CHARACTERS),
    ]
