"""Each class has its accuracy with its interval, the worst first."""

from dataclasses import replace

import pytest

from imgcls.reporting.html.sections import classes
from imgcls.stats import proportions
from report_pages import make_document, make_view, rendered, section


def test_the_worst_class_comes_first() -> None:
    """With Wilson's interval of its own images."""
    context = classes.context(make_view(make_document()))
    assert context is not None
    [group] = context["groups"]
    assert [(row.label, row.top1) for row in group.rows] == [("elk", 0.0), ("cat", 0.5), ("dog", 1.0)]
    assert group.rows[1].interval == proportions.wilson(1, 2)


def test_lines_are_shared_by_the_results(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is left out is stated."""
    monkeypatch.setattr(classes, "LINES", 4)
    read = section(rendered(make_document(models=("a", "b"))), "classes")
    assert read.count("the worst first: 2 of 3; what counts is each image") == 2


def test_classes_of_which_nothing_was_scored_have_no_line() -> None:
    """A result without any class has no table."""
    document = make_document()
    results = tuple(replace(result, classes={}, units=None) for result in document.report.results)
    assert classes.context(make_view(replace(document, report=replace(document.report, results=results)))) is None
