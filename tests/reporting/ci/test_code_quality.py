"""imgcls.reporting.ci.code_quality: what GitLab shows of gates that do not pass."""

import json

import pytest

from ci_runs import HOSTILE_NAMES, make_gate, make_run
from imgcls.gates.verdicts import verdict
from imgcls.records.evaluation import Status
from imgcls.reporting.ci import code_quality
from imgcls.reporting.ci.run import Place


def test_an_issue_has_what_gitlab_reads() -> None:
    """Description, name, fingerprint, severity, and the line of the gate; gates that pass have none."""
    [issue] = json.loads(code_quality.text(make_run(make_gate(), make_gate("fail"))))
    assert len(issue.pop("fingerprint")) == 64
    assert issue == {
        "description": "net on photos, top1 >= 0.6: top1 0.6120",
        "check_name": "imgcls.accuracy.top1",
        "severity": "critical",
        "location": {"path": "models/imgcls.toml", "lines": {"begin": 14}},
    }


def test_where_all_pass_the_report_is_there_and_empty() -> None:
    """GitLab compares it with that of the target branch."""
    assert json.loads(code_quality.text(make_run(make_gate()))) == []


@pytest.mark.parametrize(
    ("status", "holds", "severity"),
    [
        ("error", False, "blocker"),
        ("fail", False, "critical"),
        ("inconclusive", False, "major"),
        ("inconclusive", True, "info"),
    ],
)
def test_the_severity_is_that_of_the_verdict(status: Status, holds: bool, severity: str) -> None:
    """One that may be inconclusive is for information."""
    [issue] = code_quality.issues(make_run(make_gate(status, holds=holds)))
    assert issue["severity"] == severity


def _prints(*gates: object) -> list[str]:
    return [issue["fingerprint"] for issue in code_quality.issues(make_run(*gates))]  # type: ignore[arg-type]  # gates


def test_a_fingerprint_is_of_the_gate_and_not_of_the_run() -> None:
    """Figures, thresholds and lines may change, and order may; so GitLab knows what is new."""
    other = make_gate("error", message="top1 0.5", place=Place("models/imgcls.toml", 99))
    other_threshold = make_gate("fail", verdict=verdict("top1", "fail", "top1 0.5", 0.7))
    vit = make_gate("fail", subject="vit on photos")
    assert _prints(make_gate("fail")) == _prints(other) == _prints(other_threshold)
    assert _prints(make_gate("fail"), vit) == _prints(vit, make_gate("fail"))[::-1]


def test_fingerprints_differ_where_gates_do() -> None:
    """Also of two that are called the same, as of two batch sizes."""
    gates = [
        make_gate("fail"),
        make_gate("fail"),
        make_gate("fail", subject="vit on photos"),
        make_gate("fail", kind="golden"),
        make_gate("fail", verdict=verdict("top5", "fail", "x", 0.6)),
        make_gate("fail", place=Place("other/imgcls.toml", 14)),
    ]
    assert len(set(_prints(*gates))) == len(gates)


def test_a_gate_without_a_line_is_not_dropped() -> None:
    """GitLab leaves out what has no place."""
    [issue] = code_quality.issues(make_run(make_gate("fail", place=None)))
    assert issue["location"] == {"path": "imgcls.toml", "lines": {"begin": 1}}


def test_hostile_names_parse() -> None:
    """And nothing in them is a control character."""
    gates = [make_gate("fail", message=name, subject=name) for name in HOSTILE_NAMES]
    text = code_quality.text(make_run(*gates))
    assert text.isascii()
    issues = json.loads(text)
    assert len({issue["fingerprint"] for issue in issues}) == len(HOSTILE_NAMES)
    assert all(issue["description"].isprintable() for issue in issues)
