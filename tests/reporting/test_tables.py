"""imgcls.reporting.tables: the results of a run on a terminal."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builders import INFO, make_pair, make_pass, make_report, make_scores
from imgcls.records.data import Rejection
from imgcls.records.evaluation import (
    ClassProbability,
    DatasetOutcome,
    Failure,
    PairOutcome,
    Status,
    Units,
    Verdict,
)
from imgcls.records.report import Report
from imgcls.records.runtime import Screened
from imgcls.reporting import result_document, tables, terminal
from imgcls.reporting.presentation import Presentation
from imgcls.stats import proportions

WIDE = Presentation(200, verbosity=1)


def _text(report: Report, how: Presentation = WIDE) -> str:
    """All that is printed of a run, with all columns and all lines."""
    return "\n".join(terminal.lines(report, how))


def _measured(**counts: Any) -> PairOutcome:
    overall = (ClassProbability(281, "tabby, tabby cat", 0.0125), ClassProbability(7, "cock", 0.01))
    return make_pair(scores=make_scores(**counts), overall=overall, from_store=40)


# Quality and costs.


def _cells(text: str, first: str) -> list[str]:
    """The words of the first row that begins with ``first``."""
    return next(line.split() for line in text.splitlines() if line.split()[:1] == [first])


def test_the_table_has_counts_intervals_and_costs() -> None:
    """One line per model and dataset has quality with its interval, and costs."""
    text = _text(make_report(_measured(), passes=(make_pass("net"),)))
    assert _cells(text, "net") == [
        "net", "photos", "1000", "61.2", "(58.1-64.2)", "83.3", "(80.9-85.5)", "12.5", "76.8", "1.2", "512", "MB",
        "1.25", "M",
    ]  # fmt: skip
    assert "seconds and images/s: " not in text


def test_where_images_were_copied_the_table_is_about_those_that_differ() -> None:
    """Number, accuracies and intervals are of the 50; a document's own accuracies stay those of all files."""
    pair = _measured(distinct=50, units=Units(50, 40, 45))
    report = make_report(pair)
    assert (report.results[0].top1, report.results[0].top1_low) == (61.2, 100 * proportions.wilson(40, 50).low)
    assert _cells(_text(report), "net")[2:10] == [
        *("50", "distinct", "of", "1000"),
        *("80.0", "(67.0-88.8)", "90.0", "(78.6-95.7)"),
    ]


def test_the_overall_five_are_in_the_table() -> None:
    """Class number, name and mean probability follow each model once."""
    lines = _text(make_report(_measured())).splitlines()
    [at] = [number for number, line in enumerate(lines) if "281" in line]
    assert lines[at].split() == ["net", "photos", "281", "tabby,", "tabby", "cat", "0.0125"]
    assert lines[at + 1].split() == ["7", "cock", "0.0100"]


def test_a_shared_pass_is_explained() -> None:
    """Where models share a pass, the summary states that its seconds are not one model's own."""
    text = _text(make_report(_measured(), make_pair("other"), passes=(make_pass("net", "other"),)))
    assert "\nseconds and images/s: of the pass that the models of a dataset share" in text


def test_a_compiling_runtime_is_named() -> None:
    """It is named with the seconds that compiling took; eager is not named."""
    pairs = [make_pair(name, facts=replace(INFO, runtime=by)) for name, by in (("a", "openvino"), ("b", "eager"))]
    walk = replace(make_pass("a", "b"), compile_seconds={"a": 1.25, "b": 0.0})
    text = _text(make_report(*pairs, passes=(walk,)))
    assert "\nphotos: a by openvino; 1.2 s to convert, compile and try it are not among the seconds\n" in text
    text = _text(make_report(*pairs, passes=(replace(walk, compile_seconds={"a": 0.0, "b": 0.0}),)))
    assert "\nphotos: a by openvino\n" in text


@pytest.mark.parametrize("order", [1, -1])
def test_a_compiling_runtime_is_named_for_its_own_device(order: int) -> None:
    """A model may be OpenVINO's on the CPU and eager on a GPU, in one document."""
    runtimes = [replace(INFO, runtime="openvino"), replace(INFO, device="cuda")]
    passes = [make_pass("net"), replace(make_pass("net"), device="cuda", compile_seconds={"net": 3.0})]
    text = _text(make_report(*(PairOutcome(make_scores(), info) for info in runtimes[::order]), passes=tuple(passes)))
    assert text.count(" by ") == text.count("\nphotos: net by openvino\n") == 1


def test_a_runtime_that_scored_nothing_is_not_named() -> None:
    """Without a scored image there is no line."""
    none = PairOutcome(make_scores(scored=0, unscored=1000), replace(INFO, runtime="openvino"))
    assert " by openvino" not in _text(make_report(none, passes=(make_pass("net"),)))


@pytest.mark.parametrize(
    ("screened", "line"),
    [
        (
            Screened("bfloat16", 0.5, 760, 240, 30, 0, 0.095),
            (
                "760 of 1000 images in bfloat16, 240 again in float32, 30 of these as an audit: 0 counts changed, so "
                "that at most 9.5 % of the others have another count (95 %); "
            ),
        ),
        (
            Screened("bfloat16", 0.5, 70, 30, 2, 2, 1.0),
            (
                "70 of 100 images in bfloat16, 30 again in float32, 2 of these as an audit: 2 counts changed, so "
                "that at most 100 % of the others have another count (95 %); "
            ),
        ),
        (Screened("float16", 0.5, 0, 1, 0, 0, None), "0 of 1 image in float16, 1 again in float32; "),
    ],
)
def test_what_was_scored_in_which_precision_is_a_line(screened: Screened, line: str) -> None:
    """With what the audit says of the images that were not scored again."""
    result = replace(make_report(_measured()).results[0], screened=screened)
    [remark] = tables.remarks(result)
    assert remark == line + "other places of the five best, and probabilities, are those of the precision"


def test_a_failure_has_a_line() -> None:
    """A model without numbers has dashes in the table, and its failure below, brackets and all."""
    failed = PairOutcome(
        make_scores(scored=0, top1_count=0, top5_count=0), failure=Failure(3, "[models.net] [/x] no file")
    )
    text = _text(make_report(failed))
    assert _cells(text, "net") == ["net", "photos", "0", *["-"] * 7]
    assert "net on photos: [models.net] [/x] no file\n" in text


def test_rejected_files_are_listed_and_abridged() -> None:
    """Twenty rejected files are listed one by one, with the first line of their details; the rest is a count."""
    rejections = tuple(Rejection("photos", f"cat/{n}.jpg", "corrupt", "bad [/b]\nat byte 7") for n in range(22))
    report = result_document.build([DatasetOutcome("photos", "ignore", True, (), (), rejections)], {}, True)
    lines = _text(report).splitlines()
    start = lines.index("rejected: 22 files")
    assert lines[start + 1 : start + 21] == [f"  photos/cat/{n}.jpg: corrupt: bad [/b]" for n in range(20)]
    assert lines[start + 21 :] == ["  and 2 more (all are in the JSON document)"]


@pytest.mark.parametrize(
    ("per_cent", "text"),
    [(100.0, "100.0"), (99.96, "99.9"), (99.999999, "99.9"), (99.94, "99.9"), (0.0, "0.0"), (0.04, "0.1"),
     (1e-9, "0.1"), (61.25, "61.2"), (50.0, "50.0")],
)  # fmt: skip
def test_the_ends_are_printed_only_where_they_are_exact(per_cent: float, text: str) -> None:
    """99.96 is not 100.0, and 0.04 is not 0.0."""
    assert text == tables.two_sided(per_cent)


@settings(deadline=None)
@given(st.floats(0, 100, exclude_min=True, exclude_max=True))
def test_no_other_number_looks_like_an_end(per_cent: float) -> None:
    """Whatever lies strictly between is printed as such, within a tenth of its value."""
    text = tables.two_sided(per_cent)
    assert text not in {"0.0", "100.0"}
    assert abs(float(text) - per_cent) <= 0.1


def test_neither_an_accuracy_nor_its_interval_is_rounded_to_an_end() -> None:
    """One wrong image in ten thousand shows in the table, and so does one right image."""
    one_wrong = _measured(scored=10_000, top1_count=9_999, top5_count=10_000)
    one_right = PairOutcome(make_scores("other", scored=10_000, top1_count=1, top5_count=0), INFO)
    text = _text(make_report(one_wrong, one_right))
    assert _cells(text, "net")[3:7] == ["99.9", "(99.9-99.9)", "100.0", "(99.9-100.0)"]
    assert _cells(text, "other")[3:7] == ["0.1", "(0.1-0.1)", "0.0", "(0.0-0.1)"]


def test_the_best_classes_are_a_small_table() -> None:
    """Class number, name and probability; names are shown as they are, brackets too."""
    table = tables.best_classes([(281, "tabby [/b] [red]cat", 0.93), (7, "cock :cat:", 0.0001)])
    lines = WIDE.text(table).splitlines()
    assert [line.split() for line in lines if line.strip() and "─" not in line] == [
        ["class", "name", "probability"],
        ["281", "tabby", "[/b]", "[red]cat", "0.9300"],
        ["7", "cock", ":cat:", "0.0001"],
    ]


def test_tables_have_no_spaces_at_the_ends_of_lines() -> None:
    """No line ends with a space, so that tables can be pasted and compared."""
    text = _text(make_report(_measured(), passes=(make_pass("net"),)))
    assert text == "\n".join(line.rstrip() for line in text.split("\n"))


# Verdicts.


@pytest.mark.parametrize(
    ("metric", "status", "lines"),
    [
        ("top1", "pass", ["PASS net on photos: 0.7"]),
        ("top1", "fail", ["FAIL net on photos: 0.7"]),
        ("top1", "inconclusive", ["net on photos: 0.7"]),
        ("comparable", "error", ["ERROR net on photos: 0.7"]),
        ("common images", "pass", ["PASS net on photos: 0.7"]),
        ("images_per_second", "pass", ["PASS net on photos: 0.7"]),
        *(
            case
            for metric in ("images", "rejected", "same images")
            for case in ((metric, "pass", []), (metric, "fail", ["FAIL net on photos: 0.7"]))
        ),
    ],
)
def test_a_verdict_is_a_line(metric: str, status: Status, lines: list[str]) -> None:
    """The status precedes the message, except an inconclusive one's; images as expected have no line."""
    verdict = Verdict(metric, 0.6, "top1 >= 0.6", status, "net on photos: 0.7\nand more")
    assert list(tables.verdicts([verdict])) == lines
