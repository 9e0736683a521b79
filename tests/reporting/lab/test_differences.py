"""imgcls.reporting.lab.differences: exact tests in a sentence each."""

from dataclasses import replace

from imgcls.reporting.lab import differences
from imgcls.reporting.lab.contents import Contents
from lab_parts import make_contents, make_tests


def _contents(good: list[bool], bad: list[bool]) -> Contents:
    contents = make_contents()
    tests = make_tests(("good", good), ("bad", bad))
    return replace(contents, report=replace(contents.report, contrasts=tests))


def test_a_difference_that_is_shown_is_a_sentence() -> None:
    """Who is better, by how much, on which images, and how sure that is: eight of eight is p = 2 / 2**8."""
    contents = _contents([True] * 8, [False] * 8)
    [sentence] = differences.sentences(contents)
    assert sentence == (
        "good is better than bad: top-1 100.0 % against 50.0 %; only the first is right on 8 of 8 images, only the "
        "second on 0 (exact McNemar test, p = 0.0078)."
    )
    assert list(differences.ranking(contents)) == ["Highest top-1: good, 100.0 %; good is shown to be better than bad."]


def test_the_better_one_comes_first_wherever_it_stands() -> None:
    """The tests have the models in the order of the run."""
    contents = make_contents()
    tests = make_tests(("bad", [False] * 9), ("good", [True] * 9))
    [sentence] = differences.sentences(replace(contents, report=replace(contents.report, contrasts=tests)))
    assert sentence.startswith("good is better than bad: top-1 100.0 % against 50.0 %; only the first is right on 9")


def test_what_is_not_shown_is_not_claimed() -> None:
    """With how many images would tell."""
    [sentence] = differences.sentences(_contents([True] * 4, [True, True, False, False]))
    needed = f"{make_contents().report.contrasts[0].images_needed:,}"
    assert sentence == (
        "good and bad cannot be told apart: only the first is right on 2 of 4 images, only the second on 0 (exact "
        f"McNemar test, p = 0.5000). To show a difference of 50.0 percentage points, about {needed} images are needed."
    )


def test_several_pairs_are_adjusted_and_those_that_differ_come_first() -> None:
    """By Holm, as the sentence states."""
    contents = make_contents()
    third = replace(contents.report.results[0], model="third")
    tests = make_tests(("good", [True] * 12), ("third", [True] * 12), ("bad", [False] * 12))
    report = replace(contents.report, results=(*contents.report.results, third), contrasts=tests)
    first, second, last = differences.sentences(replace(contents, report=report))
    assert [first.split(":")[0], second.split(":")[0]] == ["good is better than bad", "third is better than bad"]
    assert "adjusted by Holm for 3 pairs" in first
    assert last.startswith("good and third cannot be told apart")
    [ranking] = differences.ranking(replace(contents, report=report))
    assert ranking.endswith("good is shown to be better than bad and cannot be told apart from third.")
    assert ranking.startswith("Highest top-1: good and third, 100.0 %; ")
