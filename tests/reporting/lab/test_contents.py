"""imgcls.reporting.lab.contents: what a report is made of."""

from dataclasses import replace

from imgcls.records.evaluation import Failure
from imgcls.reporting.lab.contents import Contents
from lab_parts import make_contents


def _with(contents: Contents, **changes: object) -> Contents:
    """With another first result."""
    first, second = contents.report.results
    report = replace(contents.report, results=(replace(first, **changes), second))  # type: ignore[arg-type]  # any field
    return replace(contents, report=report)


def test_a_model_without_scores_has_no_place_in_the_tables() -> None:
    """It failed, and the report names it elsewhere."""
    contents = _with(make_contents(), failure=Failure(3, "no weights"))
    assert [result.model for result in contents.results] == ["bad"]


def test_of_two_devices_the_first_has_the_scores() -> None:
    """The second one is measured only."""
    contents = make_contents()
    again = tuple(replace(result, device="cuda") for result in contents.report.results)
    both = replace(contents, report=replace(contents.report, results=(*contents.report.results, *again)))
    assert [result.device for result in both.results] == ["cpu", "cpu"]


def test_random_weights_are_stated_with_every_name() -> None:
    """As in the terminal."""
    contents = _with(make_contents(), untrained=True)
    assert [contents.name(model) for model in ("good", "bad")] == ["good (untrained)", "bad"]


def test_four_models_stand_side_by_side() -> None:
    """The others are in the next table."""
    contents = make_contents()
    results = tuple(replace(contents.report.results[0], model=str(number)) for number in range(9))
    groups = replace(contents, report=replace(contents.report, results=results)).abreast()
    assert [[result.model for result in group] for group in groups] == [[*"0123"], [*"4567"], ["8"]]


def test_without_labels_there_is_no_accuracy() -> None:
    """Nothing states what is right."""
    assert make_contents().has_accuracy
    assert not make_contents(labelled=False).has_accuracy
