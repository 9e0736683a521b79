"""What does not hold comes first, with its n, its interval and what a set of this size can show."""

from dataclasses import replace
from typing import Any

import pytest

from builders import make_parity
from imgcls.records.evaluation import Failure, Verdict
from imgcls.records.parity import ContractCheck, ServingCheck
from imgcls.records.report import JudgedLimit, Selection
from imgcls.reporting.html.sections import verdicts
from imgcls.reporting.html.sections.verdicts import Row
from report_pages import make_comparison, make_document, make_verdict, make_view, rendered, section


def _rows(*of_gates: Verdict, counts: tuple[int, int] = (3, 4), **values: Any) -> list[Row]:
    document = make_document()
    [result] = document.report.results
    right, n = counts
    result = replace(
        result, verdicts=of_gates, scored=n, distinct=n, top1_count=right, top1=100 * right / n, top1_low=30.0,
        top1_high=95.0, units=None,
    )  # fmt: skip
    view = make_view(replace(document, report=replace(document.report, results=(result,), **values)))
    rows: list[Row] = verdicts.context(view)["rows"]
    return rows


def test_what_does_not_hold_comes_first() -> None:
    """Failed, in error, inconclusive, skipped, passed; their order is otherwise that of the document."""
    statuses = ("pass", "skipped", "inconclusive", "error", "fail")
    rows = _rows(*(make_verdict("macro_f1", status) for status in statuses))
    assert [row.status for row in rows] == list(reversed(statuses))


@pytest.mark.parametrize(
    ("threshold", "power"),
    [
        (0.99, "enough: 99 is outside of the interval"),
        (0.5, "too few to tell 75.0 from 50: about 29 would"),
        (0.75, "on which side of 75 the model is, no number of images shows while both are equal"),
    ],
)
def test_an_accuracy_has_what_a_set_of_this_size_can_show(threshold: float, power: str) -> None:
    """With the interval of the document, and the number of what counts."""
    [row] = _rows(make_verdict(threshold=threshold))
    assert (row.subject, row.images, row.interval, row.power) == (("net", "photos"), "4", "30.0 to 95.0", power)


def test_a_comparison_has_its_own_interval() -> None:
    """In points, and the difference that such a set finds."""
    [row] = _rows(make_verdict("not worse top1", "fail", 0.01), comparisons=(make_comparison(),))
    assert (row.images, row.interval) == ("50", "-8.0 to +8.0")
    assert row.power == "shows a difference of 15.5 points four times in five"


def test_a_difference_that_no_set_of_this_size_shows() -> None:
    """Is said so."""
    [difference] = make_comparison().differences
    assert verdicts.detectable(replace(difference, detectable=None)) == "too few to show any difference"


def test_limits_exports_serving_and_contracts_are_verdicts_too() -> None:
    """Each with its subject."""
    rows = _rows(
        limits=(JudgedLimit("net", make_verdict("p95_ms", "fail", 40.0)),),
        parities=(make_parity(verdicts=(make_verdict("top1", "inconclusive", 0.01),)),),
        servings=(ServingCheck("net", "preprocess", "error", "it differs"),),
        contracts=(ContractCheck("net", "batch size", "skipped", "no GPU"),),
    )
    assert [(row.status, row.subject) for row in rows] == [
        ("fail", ("net",)),
        ("error", ("net",)),
        ("inconclusive", ("net/onnx", "photos")),
        ("skipped", ("net",)),
    ]
    assert rows[2].images == "50"


def test_the_first_sentence_counts_them() -> None:
    """And what is missing from the run is stated below it."""
    document = make_document(complete=False, selection=Selection(complete=False, left_out=(("other", "photos"),)))
    [result] = document.report.results
    failed = replace(result, model="broken", failure=Failure(3, "no weights"))
    passing = replace(result, verdicts=(make_verdict(), make_verdict(status="fail")))
    html = rendered(replace(document, report=replace(document.report, results=(passing, failed))))
    read = section(html, "verdicts")
    assert "1 failed, 1 passed, of 2 verdicts." in read
    assert "This run was cut short, or a model failed in it." in read
    assert "left out: other on photos" in read
    assert "broken on photos has no scores: no weights" in read


def test_a_run_without_gates_says_so() -> None:
    """There is no empty table."""
    assert "No gates: nothing was held against a threshold." in section(rendered(make_document()), "verdicts")
