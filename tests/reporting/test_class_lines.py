"""imgcls.reporting.class_lines: the summary names classes that died, whether or not there is a gate."""

from dataclasses import replace

from builders import make_pair, make_report, make_scores
from imgcls.records.comparison import ClassDifference, Comparison
from imgcls.records.evaluation import ClassScore
from imgcls.reporting import class_lines, differences, terminal
from imgcls.reporting.presentation import Presentation


def _lines(classes: dict[str, ClassScore]) -> list[str]:
    return list(class_lines.dead(make_report(make_pair(scores=make_scores(classes=classes)))))


def test_a_class_that_died_is_named() -> None:
    """By itself, with the number of its images."""
    assert _lines({"7": ClassScore(36, 0, 30), "8": ClassScore(36, 1, 30)}) == ["net on photos: class 7: 0 of 36 right"]


def test_the_first_few_of_many_and_a_count() -> None:
    """Those with most images first, because they are the least likely by chance."""
    classes = {"rich": ClassScore(40, 0, 0), "cat": ClassScore(36, 36, 36)}
    classes |= {f"c{number:02}": ClassScore(20, 0, 0) for number in range(12)}
    [line] = _lines(classes)
    assert line.startswith(
        "net on photos: no image is right of 13 of 14 classes: class rich: 0 of 40 right, class c00: 0"
    )
    assert line.endswith("class c08: 0 of 20 right and 3 more")


def test_of_random_weights_no_class_is_named() -> None:
    """That they name none is no news."""
    report = make_report(make_pair(scores=make_scores(classes={"7": ClassScore(36, 0, 30)})))
    untrained = replace(report, results=tuple(replace(result, untrained=True) for result in report.results))
    assert list(class_lines.dead(report))
    assert list(class_lines.dead(untrained)) == []


def test_classes_without_scored_images_did_not_die() -> None:
    """Nor did one of which a single image is right."""
    assert _lines({"7": ClassScore(0, 0, 0, answered=4), "8": ClassScore(36, 1, 1)}) == []


def test_the_summary_has_the_line_without_a_gate() -> None:
    """It stands below the tables of every door."""
    report = make_report(make_pair(scores=make_scores(classes={"7": ClassScore(36, 0, 36)})))
    assert "net on photos: class 7: 0 of 36 right" in list(terminal.lines(report, Presentation()))


def test_a_comparison_names_the_classes_that_lost() -> None:
    """With their counts and the p-value, in the lines of the comparison."""
    died = ClassDifference("7", 36, 35, 0, 35, 0, 6e-11, 6e-10, real=True)
    by_chance = ClassDifference("8", 36, 35, 34, 1, 0, 1.0, 1.0, real=False)
    comparison = Comparison("photos", "net", "net", "main.json", "this run", classes=(died, by_chance))
    how = "exact McNemar, Holm over all classes"
    line = f"classes that became worse by more than chance ({how}): 7 35 -> 0 right of 36 (p = 6e-10)"
    assert list(class_lines.lost(comparison)) == [line]
    report = replace(make_report(), comparisons=(comparison,))
    assert f"  {line}" in list(differences.text(report, Presentation()))
    assert list(class_lines.lost(replace(comparison, classes=(by_chance,)))) == []
