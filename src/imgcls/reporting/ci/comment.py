"""The one comment of a pull request: empty where nothing moved against the baseline."""

from __future__ import annotations

from collections.abc import Iterator

from imgcls.reporting import next_steps
from imgcls.reporting.ci import github_text, sections
from imgcls.reporting.ci.run import CiRun, JudgedGate

MARKER = "<!-- imgcls -->"
"""How a workflow finds the comment again; it is its first line."""

LIMIT = 65_000  # docs/decisions.md#what-ci-shows
"""Bytes; GitHub refuses more than 65,536 characters."""

FLIPS_SHOWN, GATES_SHOWN = 20, 50  # docs/decisions.md#what-ci-shows


def text(run: CiRun) -> str:
    """The Markdown of the comment.

    Empty where no image flipped, and every gate holds and is as it was in the baseline.
    """
    if not (run.failed or run.flipped or any(gate.has_changed for gate in run.gates)):
        return ""
    blocks = "\n".join(_blocks(run))
    pointer = f"The rest is in {github_text.line(run.rest)}."
    return f"{MARKER}\n{github_text.cut(blocks, LIMIT - len(MARKER) - 1, pointer)}"


def _blocks(run: CiRun) -> Iterator[str]:
    yield f"### {github_text.line(run.title)}: {run.headline()}\n"
    if run.failed:
        yield _failures(run)
    if moved := [gate for gate in run.gates if gate.has_changed and gate.holds]:
        yield sections.changed(moved)
    for comparison in run.flipped:
        yield from sections.comparison(comparison, run, FLIPS_SHOWN)


def _failures(run: CiRun) -> str:
    shown, left = run.failed[:GATES_SHOWN], len(run.failed) - GATES_SHOWN
    more = f"- and {left} more, which are in {github_text.line(run.rest)}\n" if left > 0 else ""
    return "".join(_failure(gate, run) for gate in shown) + more


def _failure(gate: JudgedGate, run: CiRun) -> str:
    was = f" ({gate.before} in the baseline)" if gate.has_changed else ""
    step = next_steps.step(gate.verdict, gate.model, run.places)
    return (
        f"- **{gate.status.upper()}**{was} {github_text.line(f'{gate.condition}: {gate.seen}')}\n"
        f"  - {github_text.line(step)}\n"
    )
