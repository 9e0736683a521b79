"""GitHub's annotations: an error at the line of each gate that fails, and of nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from imgcls import messages
from imgcls.reporting.ci import github_text
from imgcls.reporting.ci.run import CiRun, JudgedGate

MOST = 10  # docs/decisions.md#what-ci-shows
"""GitHub shows ten errors of a step, and drops the others."""


def lines(run: CiRun, *, annotated: bool = False) -> Iterator[str]:
    """The commands that annotate, up to ten; the last one has the number of those that are left out.

    ``annotated``: another plugin annotates every failed test, so only gates that no test states are left.
    """
    gates = [gate for gate in run.failed if not (annotated and gate.in_test)]
    shown = len(gates) if len(gates) <= MOST else MOST - 1
    yield from (_error(gate) for gate in gates[:shown])
    if rest := gates[shown:]:
        yield f"::error title={_property(run.title)}::{_data(_left_out(rest))}"


def _left_out(gates: Sequence[JudgedGate]) -> str:
    return f"{len(gates)} more verdicts fail: {messages.named([gate.condition for gate in gates])}"


def _error(gate: JudgedGate) -> str:
    title = _property(gate.condition)
    place = f"file={_property(gate.place.path)},line={gate.place.line}," if gate.place else ""
    return f"::error {place}title={title}::{_data(github_text.shortened(gate.seen, github_text.MESSAGE_CHARACTERS))}"


def _data(text: str) -> str:
    """Text after the second ``::``; line breaks are escapes already, and would be ``%0A`` otherwise."""
    return messages.printable(text).replace("%", "%25")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
