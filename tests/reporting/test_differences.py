"""imgcls.reporting.differences: which models differ, and what changed since a baseline."""

from dataclasses import replace
from typing import get_args

import pytest

from builders import make_report
from imgcls.gates import regression
from imgcls.records.comparison import Change, Comparison, Difference, Flip, PairwiseTest
from imgcls.reporting import differences, result_document
from imgcls.reporting.presentation import Presentation

WIDE = Presentation(200)


# Differences between models.


def _contrast(first: str, second: str, difference: float, needed: int | None, dataset: str = "photos") -> PairwiseTest:
    """A contrast on 50 images; without a number of images needed it is a real difference."""
    return PairwiseTest(dataset, first, second, 50, 7, 3, difference, 0.0101, 0.0304, needed is None, needed)


def _lines(*contrasts: PairwiseTest) -> list[str]:
    return "\n".join(differences.text(result_document.build([], {}, True, contrasts), WIDE)).splitlines()


@pytest.mark.parametrize(("difference", "better"), [(0.08, "B"), (-0.08, "A")])
def test_a_real_difference_names_the_better_model(difference: float, better: str) -> None:
    """A line per pair has the difference, the images only one got right, the adjusted p-value, and the better model."""
    lines = _lines(_contrast("net", "vit", difference, None))
    [line] = [line for line in lines if "photos " in line]
    assert line.split() == [
        "photos",
        "net",
        "vit",
        f"{100 * difference:+.2f}",
        better,
        "is",
        "better",
        "-",
        "0.0304",
        "7",
        "3",
    ]
    assert not any("cannot be told apart" in line for line in lines)


def test_models_that_cannot_be_told_apart_have_a_number_of_images() -> None:
    """Without a real difference all models of the dataset are named, with the smallest number of images to tell."""
    lines = _lines(
        _contrast("net", "vit", -0.08, 1_234),
        _contrast("net", "alex", 0.02, 20_000),
        _contrast("vit", "alex", 0.1, 800),
    )
    assert [line.split()[4:7] for line in lines if "photos  " in line] == [
        ["no", "difference", number] for number in ("1,234", "20,000", "800")
    ]
    assert lines[-1] == (
        "photos: net, vit, alex cannot be told apart on 50 images; "
        "about 800 images would show the 10.00 percentage points that were seen between two of them"
    )


def test_groups_that_were_compared_are_named_with_the_number_that_would_do() -> None:
    """In the row and in the line below it."""
    lines = _lines(replace(_contrast("net", "vit", -0.08, 1_234), of_images=412))
    assert [line.split()[6:8] for line in lines if "photos  " in line] == [["1,234", "groups"]]
    assert lines[-1] == (
        "photos: net, vit cannot be told apart on 50 groups of 412 images; "
        "about 1,234 groups would show the 8.00 percentage points that were seen between two of them"
    )


def test_equal_counts_have_a_number_for_a_difference_of_a_point() -> None:
    """Where nothing differs there is no observed difference to show, and the number is for a hundredth."""
    assert _lines(_contrast("net", "vit", 0.0, 5_000))[-1] == (
        "photos: net, vit cannot be told apart on 50 images; "
        "about 5,000 images would show a difference of 1 percentage point"
    )


def test_only_datasets_without_a_real_difference_are_summed_up() -> None:
    """One real difference on a dataset is enough to leave its line out."""
    text = "\n".join(
        _lines(
            _contrast("net", "vit", 0.1, None),
            _contrast("net", "alex", 0.0, 500),
            _contrast("net", "vit", 0.0, 500, dataset="digits"),
        )
    )
    assert "\ndigits: net, vit cannot be told apart" in text
    assert "\nphotos: " not in text


def test_many_pairs_are_abridged() -> None:
    """Thirty pairs are listed one by one; the rest is a count."""
    lines = _lines(*(_contrast("net", f"vit{number}", 0.1, None) for number in range(32)))
    assert sum("photos " in line for line in lines) == 30
    assert "and 2 more pairs of models (all are in the JSON document)" in lines


# Comparisons.


DIFFERENCE = Difference("top1", 50, 40, 39, 3, 2, -0.02, -0.1, 0.07, 1.0, 0.15)
COMPARED = Comparison("photos", "net", "net", "main.json", "this run", differences=(DIFFERENCE,))


def _flip(change: Change, number: int) -> Flip:
    return Flip(change, f"cat/{number}.jpg", "ef" * 32, "cat", (281, "tabby [b]", 0.75), (7, "cock", 0.5))


def _compared(comparison: Comparison) -> list[str]:
    report = result_document.build([], {}, True, comparisons=[comparison])
    return "\n".join(differences.text(report, WIDE)).splitlines()


def test_a_comparison_names_both_sides_and_their_differences() -> None:
    """There are model, dataset and both runs, what else changed, one line per accuracy, and the flips as counts."""
    top5 = replace(DIFFERENCE, accuracy="top5")
    changed = replace(COMPARED, changed=("state", "torch 2.10 -> 2.11"), differences=(DIFFERENCE, top5))
    assert _compared(changed) == [
        "net on photos, main.json -> this run (state, torch 2.10 -> 2.11)",
        f"  {regression.describe(DIFFERENCE)}",
        f"  {regression.describe(top5)}",
        "  flips: none",
    ]


def test_two_models_of_one_run_are_named_both() -> None:
    """Where only one run is compared, the models are named instead of the run."""
    two = replace(COMPARED, after="vit", before_run="this run")
    assert _compared(two)[0] == "net -> vit on photos"


def test_a_refused_comparison_has_only_its_reasons() -> None:
    """Each refusal has its line, and there are no flips to count."""
    refused = replace(COMPARED, differences=(), refusals=("runtime: eager -> openvino", "exif: ignore -> apply"))
    assert _compared(refused) == [
        "net on photos, main.json -> this run",
        "  cannot be compared: runtime: eager -> openvino",
        "  cannot be compared: exif: ignore -> apply",
    ]


def test_equal_predictions_are_called_the_same() -> None:
    """SAME is printed instead of the differences."""
    assert (
        "  SAME: all predictions are as they were, since nothing that predictions depend on has changed"
        in _compared(replace(COMPARED, same=True, differences=()))
    )
    assert not any("SAME" in line for line in _compared(COMPARED))


def test_images_of_only_one_side_are_named() -> None:
    """They are named by run, up to ten of them."""
    lines = _compared(
        replace(COMPARED, only_before=("cat/a.jpg",), only_after=tuple(f"dog/{n}.jpg" for n in range(12)))
    )
    assert "  1 image only in main.json: cat/a.jpg" in lines
    [after] = [line for line in lines if "only in this run" in line]
    assert after.startswith("  12 images only in this run: dog/0.jpg, dog/1.jpg, ")
    assert after.endswith("dog/9.jpg and 2 more")


def test_ten_flips_are_shown_and_all_are_counted() -> None:
    """Each has its image, label and both predictions with their probabilities; names are shown as they are."""
    flips = tuple(_flip(change, number) for change in get_args(Change) for number in range(4))
    lines = _compared(replace(COMPARED, flips=flips))
    assert (
        "  flips: 4 right to wrong, 4 wrong to right, 4 wrong to otherwise wrong "
        "(the first 10 below; all are in the JSON document)" in lines
    )
    rows = [line for line in lines if "tabby" in line]
    assert len(rows) == 10
    assert rows[0].split() == [
        "right", "to", "wrong", "cat/0.jpg", "cat", "281", "tabby", "[b]", "0.7500", "7", "cock", "0.5000",
    ]  # fmt: skip
    assert rows[-1].split()[:4] == ["wrong", "to", "wrong", "cat/1.jpg"]


def test_few_flips_are_all_there() -> None:
    """Up to ten flips there is no reference to the document."""
    lines = _compared(replace(COMPARED, flips=(_flip("wrong to right", 0),)))
    assert "  flips: 0 right to wrong, 1 wrong to right, 0 wrong to otherwise wrong" in lines


def test_without_differences_nothing_is_printed() -> None:
    """No title of a table that has no rows."""
    assert list(differences.text(make_report(), WIDE)) == []
