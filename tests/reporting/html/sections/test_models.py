"""The one table has what was measured, and no column of what was not."""

from dataclasses import replace
from typing import Any

from builders import make_latency, make_memory
from imgcls.records.comparison import PairwiseTest
from imgcls.reporting.html.charts.figures import Pareto
from imgcls.reporting.html.sections import models
from imgcls.reporting.html.sections.models import Table
from report_pages import make_document, make_view, rendered, section


def _table(**values: Any) -> Table:
    context = models.context(make_view(make_document(models=("a", "b"), **values)))
    assert context is not None
    [table] = context["tables"]
    assert isinstance(table, Table)
    return table


def test_accuracies_have_the_intervals_of_what_counts() -> None:
    """And columns without a figure are left out; with three classes, top-5 states nothing."""
    table = _table()
    assert table.columns == ("model", "device", "images", "top-1 %", "top-1, 95 %", "macro F1 %")
    assert table.rows[0][:5] == ("a", "cpu", "4", "50.0", "15.0 to 85.0")


def test_time_and_memory_stand_next_to_accuracy() -> None:
    """In ms and MB; what one model has and the other has not is a dash."""
    table = _table(latencies=(make_latency(model="a"),), memories=(make_memory("a"),))
    row, other = (dict(zip(table.columns, row, strict=True)) for row in table.rows)
    assert (row["p50 ms"], row["p95 ms"]) == ("50.00", "95.00")
    assert (row["peak MB"], row["loading MB"]) == ("130.0", "110.0")
    assert other["p50 ms"] == "-"
    assert not [chart for chart in table.charts if isinstance(chart, Pareto)]


def test_two_models_with_a_cost_have_a_chart() -> None:
    """Of accuracy against latency, and against memory where that was measured of both."""
    both = (make_latency(model="a"), make_latency(model="b"))
    memories = (make_memory("a"), make_memory("b"))
    for table, costs in (
        (_table(latencies=both), ["latency"]),
        (_table(latencies=both, memories=memories), ["latency", "memory"]),
    ):
        assert [chart.cost for chart in table.charts if isinstance(chart, Pareto)] == costs


def test_differences_are_in_words() -> None:
    """Which model is better, or how many images would tell."""
    test = PairwiseTest("photos", "a", "b", 50, 2, 12, 0.2, 0.01, 0.02, real=True, images_needed=None)
    unclear = replace(test, real=False, images_needed=900)
    read = section(rendered(make_document(models=("a", "b"), contrasts=(test, unclear))), "models")
    assert "b is better" in read
    assert "cannot be told apart 900" in read


def test_a_document_of_nothing_has_no_table() -> None:
    """And the section is left out."""
    document = make_document()
    empty = replace(document, report=replace(document.report, results=()), predictions=())
    assert models.context(make_view(empty)) is None
