"""imgcls.reporting.ci.step_summary: verdicts first, and never so long that GitHub refuses it."""

from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from builders import make_parity
from ci_runs import HOSTILE_NAMES, make_comparison, make_gate, make_run
from imgcls.records.report import Report
from imgcls.reporting.ci import step_summary

GITHUB = MarkdownIt("commonmark").enable(["table", "strikethrough"])


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What GitHub names for the summary of a step."""
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    return tmp_path / "summary.md"


def test_outside_of_github_nothing_is_written(tmp_path: Path) -> None:
    """Nor is anything said."""
    assert step_summary.append(make_run(make_gate())) is None
    assert list(tmp_path.iterdir()) == []


def test_it_is_appended(file: Path) -> None:
    """To what other programs wrote in the same step."""
    file.write_text("before")
    assert step_summary.append(make_run(make_gate())) is None
    assert step_summary.append(make_run(make_gate("fail"))) is None
    first, second, third = file.read_text().split("\n## imgcls: ")
    assert (first, second.splitlines()[0], third.splitlines()[0]) == (
        "before",
        "none of 1 verdict fails",
        "1 of 1 verdict fails",
    )


def test_a_run_of_nothing_is_not_shown(file: Path) -> None:
    """As one whose tests were all deselected."""
    empty = make_run(report=Report("", True, {}, (), (), ()))
    assert step_summary.append(empty) is None
    assert not file.exists()


def test_verdicts_come_first_and_failures_before_them() -> None:
    """Then figures, flips against the baseline, and exports."""
    good, bad = make_gate(), make_gate("fail", subject="vit on photos")
    run = make_run(good, bad, comparisons=[make_comparison(["cat/1.jpg"])], closing=("gates: 2 of 3 evaluated",))
    text = step_summary.text(run)
    order = ["## imgcls: 1 of 2 verdicts fails", "| FAIL | vit on photos", "| pass | net on photos", "gates: 2 of 3"]
    order += ["61.2", "against main.json", "| cat/1.jpg |"]
    places = [text.index(part) for part in order]
    assert places == sorted(places)


def test_exports_are_shown_next_to_their_reference() -> None:
    """With what differs."""
    run = make_run(report=Report("", True, {}, (), (), (), parities=(make_parity(),)))
    text = step_summary.text(run)
    assert "#### parity of net on photos" in text
    assert "| onnx (onnx) | 50 | 2 |" in text


def test_it_is_cut_below_the_limit_of_github(file: Path) -> None:
    """With what stands there already; it ends with where the rest is."""
    file.write_text("x" * 600 * 1024)
    run = make_run(*[make_gate("fail", message="m" * 900)] * 2000)
    assert step_summary.append(run) is None
    assert 1020 * 1024 < file.stat().st_size <= 1023 * 1024
    assert file.read_text().endswith("\n\nThe summary ends here; the rest is in the result document run.json.\n")


def test_a_full_file_stays_as_it_is(file: Path) -> None:
    """One line says so."""
    file.write_text("x" * 1023 * 1024)
    note = step_summary.append(make_run(make_gate()))
    assert note == ("imgcls: the step summary has no room left: its 1023 KiB were written before, in the same step")
    assert file.stat().st_size == 1023 * 1024


def test_what_cannot_be_written_is_one_line(file: Path) -> None:
    """And no failure: the gates are what they are."""
    file.mkdir()
    note = step_summary.append(make_run(make_gate()))
    assert note is not None
    assert note.startswith("imgcls: the step summary could not be written: ")
    assert "\n" not in note
    assert str(file) in note


def test_hostile_names_stay_text(file: Path) -> None:
    """Wherever they stand."""
    gates = [make_gate("fail", message=name, subject=name) for name in HOSTILE_NAMES]
    assert step_summary.append(make_run(*gates, comparisons=[make_comparison(HOSTILE_NAMES)])) is None
    tokens = GITHUB.parse(file.read_text(encoding="utf-8"))
    assert {child.type for token in tokens for child in token.children or ()} <= {"text", "text_special"}
    assert sum(token.type == "tr_open" for token in tokens) == 2 * (1 + len(HOSTILE_NAMES)) + 2
    assert {token.type for token in tokens}.isdisjoint({"html_block", "fence", "code_block"})
