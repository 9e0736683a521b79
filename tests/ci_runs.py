"""Runs as CI shows them, for the tests of what is written there."""

from collections.abc import Sequence
from typing import Any

from builders import HOSTILE, make_pair, make_report
from imgcls.gates.verdicts import verdict
from imgcls.records.comparison import Comparison, Difference, Flip
from imgcls.records.evaluation import Status
from imgcls.reporting.ci.run import CiRun, JudgedGate, Place

HOSTILE_NAMES = (
    f"a{HOSTILE}.jpg", "`code` ``more``", "a|b\\|c", "::error::owned", "##[add-mask]x", "%0A::error::owned", "--> <b>",
    "<!-- imgcls -->", "]]>", "<script>alert(1)</script>", "@octocat", "a@b.example", "x @org/team", "#1", "GH-12",
    "owner/repo#3", "https://evil.example/x", "www.evil.example", "[text](https://evil.example)", "![i](//x)",
    "\ud800lone", "\ud83d\ude00pair", "\udcff", "\x00\x01", "&#64;octocat", "&amp;#7", "a,b:c=d%", "- item",
    "1. one", "# head",
    "=cmd|' /C calc'!A1", "x" * 255, "\\", "ends\\", "{{7*7}}", "${{ github.token }}", "~~gone~~", "*b*", "__d__",
)  # fmt: skip
"""What a file, a folder or a class may be called, by somebody who wants something else to happen."""

PLACE = Place("models/imgcls.toml", 14)


def make_gate(status: Status = "pass", message: str = "net on photos: top1 0.6120", **values: Any) -> JudgedGate:
    """A gate on top-1 of ``net`` on ``photos`` that is held against 0.6; keywords are its other values."""
    given = {
        "kind": "accuracy",
        "model": "net",
        "subject": "net on photos",
        "verdict": verdict("top1", status, message, 0.6),
        "holds": status == "pass",
        "dataset": "photos",
        "place": PLACE,
    }
    return JudgedGate(**{**given, **values})


def make_comparison(paths: Sequence[str], **values: Any) -> Comparison:
    """``net`` against ``main.json``: these images were right and are wrong, which lost as many of 1000."""
    flips = tuple(
        Flip("right to wrong", path, "11" * 32, "cat", (0, "cat", 0.93), (1, "dog", 0.7 - 1e-4 * number))
        for number, path in enumerate(paths)
    )
    n = len(paths)
    top1 = Difference("top1", 1000, 612, 612 - n, n, 0, -n / 1000, -0.02, 0.01, 0.0625, 0.02)
    usual = {"dataset": "photos", "before": "net", "after": "net", "before_run": "main.json", "after_run": "this run"}
    return Comparison(**{**usual, "differences": (top1,), "flips": flips, **values})


def make_run(*gates: JudgedGate, comparisons: Sequence[Comparison] = (), **values: Any) -> CiRun:
    """A run of ``net`` on ``photos`` that was scored whole."""
    report = make_report(make_pair(), comparisons=tuple(comparisons))
    return CiRun(**{"report": report, "gates": gates, "rest": "the result document run.json", **values})
