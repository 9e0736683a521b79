"""imgcls.reporting.terminal: in which order a run is printed, and how much of it."""

from dataclasses import replace
from itertools import pairwise

from builders import INFO, make_memory, make_pair, make_parity, make_report
from imgcls.records.evaluation import ClassProbability, Failure, Verdict
from imgcls.records.report import Report
from imgcls.reporting import terminal
from imgcls.reporting.presentation import Presentation

PASS = Verdict("top5", 0.8, "top5 >= 0.8", "pass", "net on photos: top5 0.8330")
FAIL = Verdict("top1", 0.9, "top1 >= 0.9", "fail", "net on photos: top1 0.6120")
SKIPPED = Verdict("new", None, "new", "skipped", "NEW: net on photos: not in main.json")
LIMIT = Verdict("p95_ms", 40.0, "p95_ms <= 40", "inconclusive", "INCONCLUSIVE: latency of net")
TODO = ["what to do:", "  net on photos, top1 >= 0.9: the wrong images"]


def _report() -> Report:
    pair = make_pair(overall=(ClassProbability(281, "tabby", 0.0125),), facts=replace(INFO, notes=("ema was taken",)))
    report = make_report(pair, make_pair("vit", failure=Failure(1, "its logits are NaN")))
    judged = replace(report.results[0], verdicts=(PASS, FAIL, SKIPPED))
    return replace(report, results=(judged, report.results[1]), memories=(make_memory(),), parities=(make_parity(),))


def _lines(verbosity: int) -> list[str]:
    return "\n".join(terminal.lines(_report(), Presentation(100, verbosity), [LIMIT], TODO)).split("\n")


def test_verdicts_come_first_and_what_to_do_last() -> None:
    """Between them are the tables, and the notes."""
    lines = _lines(0)
    assert lines[:5] == [
        f"PASS {PASS.message}",
        f"FAIL {FAIL.message}",
        f"SKIPPED {SKIPPED.message}",
        LIMIT.message,
        "ERROR vit on photos: its logits are NaN",
    ]
    assert lines[-2:] == TODO
    assert lines.index("net: ema was taken") > next(n for n, line in enumerate(lines) if line.startswith(" model "))


def test_quiet_is_what_does_not_pass() -> None:
    """Neither what passes, nor what was skipped, nor a table."""
    assert _lines(-1) == [f"FAIL {FAIL.message}", LIMIT.message, "ERROR vit on photos: its logits are NaN"]


def test_verbose_is_everything() -> None:
    """What only documents a run is added, and nothing else changes."""
    usual, verbose = _lines(0), _lines(1)
    assert [line for line in usual if line not in verbose] == []
    added = "\n".join(line for line in verbose if line not in usual)
    for heading in ("overall five", "largest allocations", "net: input resize("):
        assert heading in added


def test_a_blank_line_follows_a_table() -> None:
    """Never two."""
    lines = _lines(1)
    assert not any(one == other == "" for one, other in pairwise(lines))
    ends = [after for line, after in pairwise(lines) if line.startswith(" ") and not after.startswith(" ")]
    assert len(ends) > 5
    assert {end for end in ends if not end.startswith("columns left out")} == {""}


def test_a_run_of_nothing_prints_nothing() -> None:
    """No empty table, no title."""
    assert list(terminal.lines(make_report(), Presentation())) == []
