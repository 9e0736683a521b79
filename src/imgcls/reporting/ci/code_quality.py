"""GitLab's code quality report: an issue in Code Climate's form for each gate that does not pass."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Literal, TypedDict

from imgcls import hashing
from imgcls.records.evaluation import Status
from imgcls.reporting.ci import github_text
from imgcls.reporting.ci.run import CiRun, JudgedGate, Place

Severity = Literal["info", "minor", "major", "critical", "blocker"]

SEVERITIES: Mapping[Status, Severity] = {"error": "blocker", "fail": "critical", "inconclusive": "major"}

NOWHERE = Place("imgcls.toml", 1)
"""Where a gate stands whose line is not known: GitLab drops an issue without a place."""


class Lines(TypedDict):
    """The first line of a place, counted from 1."""

    begin: int


class Location(TypedDict):
    """A place in the repository."""

    path: str
    lines: Lines


class Issue(TypedDict):
    """What GitLab reads of an issue."""

    description: str
    check_name: str
    fingerprint: str
    severity: Severity
    location: Location


def text(run: CiRun) -> str:
    """The report as JSON."""
    return json.dumps(list(issues(run)), indent=1) + "\n"


def issues(run: CiRun) -> Iterator[Issue]:
    """An issue for each gate that fails, or that has too few images to decide and may."""
    seen: Counter[tuple[str, ...]] = Counter()
    for gate in run.gates:
        if gate.status not in SEVERITIES:
            continue
        place = gate.place or NOWHERE
        key = (place.path, gate.kind, gate.subject, gate.verdict.metric)
        seen[key] += 1
        yield {
            "description": _description(gate),
            "check_name": f"imgcls.{gate.kind}.{gate.verdict.metric.replace(' ', '_')}",
            "fingerprint": hashing.of_json([*key, seen[key]]),
            "severity": "info" if gate.holds else SEVERITIES[gate.status],
            "location": {"path": place.path, "lines": {"begin": place.line}},
        }


def _description(gate: JudgedGate) -> str:
    return github_text.shortened(f"{gate.condition}: {gate.seen}", github_text.MESSAGE_CHARACTERS)
