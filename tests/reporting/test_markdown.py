"""imgcls.reporting.markdown: the summary has the tables and the lines of the terminal."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from builders import make_latency, make_memory, make_pair, make_pass, make_report, make_scores
from conftest import Command, Project
from imgcls.records.comparison import Comparison, Flip, PairwiseTest
from imgcls.records.data import Rejection
from imgcls.records.evaluation import ClassProbability, ClassScore, Failure, Verdict
from imgcls.records.report import DatasetFiles, Report
from imgcls.reporting import markdown, terminal
from imgcls.reporting.presentation import Presentation

GITHUB = MarkdownIt("commonmark").enable("table")

VERDICT = Verdict("top1", 0.76, "top1 >= 0.76", "fail", "net on photos: top1 0.6120 (612 of 1000), wanted 0.76")

LIMIT = Verdict("p95_ms", 40.0, "p95_ms <= 40", "pass", "latency of net on cpu, batch 1: p95 30.000 ms, allowed 40 ms")


def _report() -> Report:
    """A run in which everything happened that a summary has a place for."""
    died = make_scores(classes={"a|b": ClassScore(36, 0, 36)})
    report = make_report(
        make_pair(scores=died, overall=(ClassProbability(3, "tabby | <b>cat</b>", 0.5),)),
        make_pair("vit", failure=Failure(1, "the model's logits are NaN on a.jpg")),
        passes=(make_pass("net", "vit"),),
        rejections=(Rejection("photos", "a*b*.jpg", "truncated", "image file is truncated"),),
        contrasts=(PairwiseTest("photos", "net", "vit", 1000, 3, 4, 0.001, 1.0, 1.0, real=False, images_needed=900),),
        comparisons=(
            Comparison(
                "photos", "net", "net", "main.json", "this run",
                flips=(Flip("right to wrong", "x`y`.jpg", "ab", "cat", (0, "cat", 0.75), (1, "dog", 0.5)),),
            ),
        ),
        datasets=(DatasetFiles("photos", 1002, 1000, 1, 1, {".txt": 1}, (), {}, ()),),
    )  # fmt: skip
    return replace(report, results=(replace(report.results[0], verdicts=(VERDICT,)), report.results[1]))


def _read(text: str) -> list[str]:
    """The text of every cell and item, as it is read."""
    inline = [token for token in GITHUB.parse(text) if token.type == "inline"]
    return ["".join(child.content for child in token.children or []) for token in inline]


def test_every_line_of_the_terminal_stands_there() -> None:
    """Cell by cell, and line by line, however they are laid out."""
    report = _report()
    printed = "\n".join(terminal.lines(report, Presentation(1000, verbosity=1)))
    words = " ".join(_read(markdown.text(report)))
    parts = [part for line in printed.splitlines() for part in re.split(r" {2,}", line.strip()) if part.strip("─ ")]
    assert len(parts) > 60
    assert [part for part in parts if part not in words] == []


def test_every_block_has_its_heading() -> None:
    """Headings stand only where there is something below them."""
    headings = re.findall(r"^### (.*)$", markdown.text(_report(), [LIMIT]), re.MULTILINE)
    assert headings == ["Verdicts", "Results", "Files", "Differences", "Notes"]
    headings = re.findall(r"^### (.*)$", markdown.text(make_report(make_pair())), re.MULTILINE)
    assert headings == ["Results", "Notes"]


def test_all_tables_are_tables() -> None:
    """Results, overall five, files, differences, flips; and what was measured."""
    report = replace(_report(), latencies=(make_latency(),), memories=(make_memory(),))
    kinds = [token.type for token in GITHUB.parse(markdown.text(report))]
    assert kinds.count("table_open") == 6
    assert "html_block" not in kinds


def test_names_are_read_as_they_are() -> None:
    """Pipes, backticks, asterisks and tags of names are text."""
    text = _read(markdown.text(_report()))
    assert {"tabby | <b>cat</b>", "x`y`.jpg"} <= set(text)
    assert "photos/a*b*.jpg: truncated: image file is truncated" in text
    assert "net on photos: class a|b: 0 of 36 right" in text


def test_verdicts_end_with_what_was_not_evaluated() -> None:
    """Those on time and memory, and the lines that close the summary."""
    text = _read(markdown.text(_report(), [LIMIT], ["gates: 1 of 2 evaluated", "not evaluated: vit on photos"]))
    assert text[2:7] == [
        f"FAIL {VERDICT.message}",
        f"PASS {LIMIT.message}",
        "ERROR vit on photos: the model's logits are NaN on a.jpg",
        "gates: 1 of 2 evaluated",
        "not evaluated: vit on photos",
    ]


# Through the doors.


def test_the_command_and_accuracy_tests_write_the_same_summary(
    project: Project, imgcls: Command, run_pytest: Command
) -> None:
    """``imgcls score --markdown`` and ``-m accuracy --imgcls-markdown``, as far as it is not about time."""
    assert imgcls("score", "--markdown", "command.md").ret == 0
    assert run_pytest("-m", "accuracy", "--imgcls-markdown", "plugin.md").ret == 0
    command, plugin = (_read((project.folder / f"{name}.md").read_text()) for name in ("command", "plugin"))
    passing = command.index("params") + 5, command.index("params") + 10
    assert command[: passing[0] + 1] == plugin[: passing[0] + 1]
    assert command[passing[1] :] == plugin[passing[1] :]
    assert "gates: 1 of 1 evaluated" in command


@pytest.mark.usefixtures("project")
def test_a_summary_that_cannot_be_written_is_refused_at_once(imgcls: Command) -> None:
    """Before anything is scored."""
    assert imgcls("score", "--markdown", "nowhere/summary.md").ret == 2
    assert not Path(".imgcls").exists()
