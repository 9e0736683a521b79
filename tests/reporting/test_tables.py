"""imgcls.reporting.tables: the results of a run on a terminal."""

from dataclasses import replace
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builders import INFO, make_pair, make_pass, make_report, make_scores
from imgcls.gates import regression
from imgcls.records.comparison import Change, Comparison, Difference, Flip, PairwiseTest
from imgcls.records.data import Rejection
from imgcls.records.evaluation import (
    ClassProbability,
    DatasetOutcome,
    Failure,
    PairOutcome,
    Status,
    Verdict,
)
from imgcls.reporting import result_document, tables

WIDTH = 100


def _measured(**counts: Any) -> PairOutcome:
    overall = (ClassProbability(281, "tabby, tabby cat", 0.0125), ClassProbability(7, "cock", 0.01))
    return make_pair(scores=make_scores(**counts), overall=overall, from_store=40)


# Quality and costs.


def _cells(text: str, first: str) -> list[str]:
    """The words of the first row that begins with ``first``."""
    return next(line.split() for line in text.splitlines() if line.split()[:1] == [first])


@pytest.mark.parametrize("width", [20, WIDTH])
def test_the_table_has_counts_intervals_and_costs(width: int) -> None:
    """One line per model and dataset has quality with its interval, and costs."""
    text = tables.text(make_report(_measured(), passes=(make_pass("net"),)), width)
    assert _cells(text, "net") == [
        "net", "photos", "1000", "61.2", "58.1-64.2", "83.3", "80.9-85.5", "12.5", "76.8", "1.2", "512", "MB",
        "1.25", "M",
    ]  # fmt: skip
    assert "seconds and images/s: " not in text


def test_the_overall_five_are_in_the_table() -> None:
    """Class number, name and mean probability follow each model once."""
    lines = tables.text(make_report(_measured()), WIDTH).splitlines()
    [at] = [number for number, line in enumerate(lines) if "281" in line]
    assert lines[at].split() == ["net", "photos", "281", "tabby,", "tabby", "cat", "0.0125"]
    assert lines[at + 1].split() == ["7", "cock", "0.0100"]


def test_a_shared_pass_is_explained() -> None:
    """Where models share a pass, the summary states that its seconds are not one model's own."""
    text = tables.text(make_report(_measured(), make_pair("other"), passes=(make_pass("net", "other"),)), WIDTH)
    assert "seconds and images/s: of the pass that the models of a dataset share\n" in text


def test_a_compiling_runtime_is_named() -> None:
    """It is named with the seconds that compiling took; eager is not named."""
    pairs = [make_pair(name, facts=replace(INFO, runtime=by)) for name, by in (("a", "openvino"), ("b", "eager"))]
    walk = replace(make_pass("a", "b"), compile_seconds={"a": 1.25, "b": 0.0})
    text = tables.text(make_report(*pairs, passes=(walk,)), WIDTH)
    assert "\nphotos: a by openvino; 1.2 s to convert, compile and try it are not among the seconds\n" in text
    text = tables.text(make_report(*pairs, passes=(replace(walk, compile_seconds={"a": 0.0, "b": 0.0}),)), WIDTH)
    assert "\nphotos: a by openvino\n" in text


@pytest.mark.parametrize("order", [1, -1])
def test_a_compiling_runtime_is_named_for_its_own_device(order: int) -> None:
    """A model may be OpenVINO's on the CPU and eager on a GPU, in one document."""
    runtimes = [replace(INFO, runtime="openvino"), replace(INFO, device="cuda")]
    passes = [make_pass("net"), replace(make_pass("net"), device="cuda", compile_seconds={"net": 3.0})]
    text = tables.text(
        make_report(*(PairOutcome(make_scores(), info) for info in runtimes[::order]), passes=tuple(passes)), WIDTH
    )
    assert text.count(" by ") == text.count("\nphotos: net by openvino\n") == 1


def test_a_runtime_that_scored_nothing_is_not_named() -> None:
    """Without a scored image there is no line."""
    none = PairOutcome(make_scores(scored=0, unscored=1000), replace(INFO, runtime="openvino"))
    assert " by openvino" not in tables.text(make_report(none, passes=(make_pass("net"),)), WIDTH)


def test_a_failure_has_a_line() -> None:
    """A model without numbers has dashes in the table, and its failure below, brackets and all."""
    failed = PairOutcome(
        make_scores(scored=0, top1_count=0, top5_count=0), failure=Failure(3, "[models.net] [/x] no file")
    )
    text = tables.text(make_report(failed), WIDTH)
    assert _cells(text, "net") == ["net", "photos", "0", *["-"] * 9]
    assert "net on photos: [models.net] [/x] no file\n" in text


def test_rejected_files_are_listed_and_abridged() -> None:
    """Twenty rejected files are listed one by one, with the first line of their details; the rest is a count."""
    rejections = tuple(Rejection("photos", f"cat/{n}.jpg", "corrupt", "bad [/b]\nat byte 7") for n in range(22))
    report = result_document.build([DatasetOutcome("photos", "ignore", True, (), (), rejections)], {}, True)
    lines = tables.text(report, WIDTH).splitlines()
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
    text = tables.text(make_report(one_wrong, one_right), WIDTH)
    assert _cells(text, "net")[3:7] == ["99.9", "99.9-99.9", "100.0", "99.9-100.0"]
    assert _cells(text, "other")[3:7] == ["0.1", "0.1-0.1", "0.0", "0.0-0.1"]


def test_five_best_is_a_small_table() -> None:
    """There is a title, then class number, name and probability; names are shown as they are, brackets too."""
    lines = tables.five_best("cat.jpg [1]", [(281, "tabby [/b] [red]cat", 0.93), (7, "cock :cat:", 0.0001)], 80)
    assert [line.split() for line in lines.splitlines() if line.strip() and "─" not in line] == [
        ["cat.jpg", "[1]"],
        ["class", "name", "probability"],
        ["281", "tabby", "[/b]", "[red]cat", "0.9300"],
        ["7", "cock", ":cat:", "0.0001"],
    ]


def test_tables_have_no_spaces_at_the_ends_of_lines() -> None:
    """No line ends with a space, so that tables can be pasted and compared."""
    text = tables.text(make_report(_measured(), passes=(make_pass("net"),)), WIDTH)
    assert text == "".join(f"{line.rstrip()}\n" for line in text.splitlines())


# Differences between models.


def _contrast(first: str, second: str, difference: float, needed: int | None, dataset: str = "photos") -> PairwiseTest:
    """A contrast on 50 images; without a number of images needed it is a real difference."""
    return PairwiseTest(dataset, first, second, 50, 7, 3, difference, 0.0101, 0.0304, needed is None, needed)


def _lines(*contrasts: PairwiseTest) -> list[str]:
    return tables.text(result_document.build([], {}, True, contrasts), WIDTH).splitlines()


@pytest.mark.parametrize(("difference", "better"), [(0.08, "vit"), (-0.08, "net")])
def test_a_real_difference_names_the_better_model(difference: float, better: str) -> None:
    """A line per pair has the difference, the images only one got right, the adjusted p-value, and the better model."""
    lines = _lines(_contrast("net", "vit", difference, None))
    [line] = [line for line in lines if "photos " in line]
    assert line.split() == [
        "photos",
        "net",
        "vit",
        f"{difference:+.4f}",
        "7",
        "3",
        "0.0304",
        better,
        "is",
        "better",
        "-",
    ]
    assert not any("cannot be told apart" in line for line in lines)


def test_models_that_cannot_be_told_apart_have_a_number_of_images() -> None:
    """Without a real difference all models of the dataset are named, with the smallest number of images to tell."""
    lines = _lines(
        _contrast("net", "vit", -0.08, 1_234),
        _contrast("net", "alex", 0.02, 20_000),
        _contrast("vit", "alex", 0.1, 800),
    )
    assert [line.split()[-5:] for line in lines if "photos  " in line] == [
        ["cannot", "be", "told", "apart", number] for number in ("1,234", "20,000", "800")
    ]
    assert lines[-1] == (
        "photos: net, vit, alex cannot be told apart on 50 images; "
        "to show the 0.1000 between two of them would take about 800"
    )


def test_equal_counts_have_a_number_for_a_difference_of_a_point() -> None:
    """Where nothing differs there is no observed difference to show, and the number is for a hundredth."""
    assert _lines(_contrast("net", "vit", 0.0, 5_000))[-1] == (
        "photos: net, vit cannot be told apart on 50 images; to show a difference of 0.01 would take about 5,000"
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
    assert "and 2 more pairs (all are in the JSON document)" in lines


# Comparisons.


DIFFERENCE = Difference("top1", 50, 40, 39, 3, 2, -0.02, -0.1, 0.07, 1.0, 0.15)
COMPARED = Comparison("photos", "net", "net", "main.json", "this run", differences=(DIFFERENCE,))


def _flip(change: Change, number: int) -> Flip:
    return Flip(change, f"cat/{number}.jpg", "ef" * 32, "cat", (281, "tabby [b]", 0.75), (7, "cock", 0.5))


def _compared(comparison: Comparison) -> list[str]:
    return tables.differences(result_document.build([], {}, True, comparisons=[comparison])).splitlines()


def test_a_comparison_names_both_sides_and_their_differences() -> None:
    """There are model, dataset and both runs, what else changed, one line per accuracy, and the flips as counts."""
    top5 = replace(DIFFERENCE, accuracy="top5")
    changed = replace(COMPARED, changed=("state", "torch 2.10 -> 2.11"), differences=(DIFFERENCE, top5))
    assert _compared(changed) == [
        "net on photos, main.json -> this run (state, torch 2.10 -> 2.11)",
        f"  {regression.describe(DIFFERENCE)}",
        f"  {regression.describe(top5)}",
        "  flips: 0 right to wrong, 0 wrong to right, 0 wrong to otherwise wrong",
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
    assert "  SAME: the predictions have the same key" in _compared(replace(COMPARED, same=True, differences=()))
    assert not any("SAME" in line for line in _compared(COMPARED))


def test_images_of_only_one_side_are_named() -> None:
    """They are named by run, up to ten of them."""
    lines = _compared(
        replace(COMPARED, only_before=("cat/a.jpg",), only_after=tuple(f"dog/{n}.jpg" for n in range(12)))
    )
    assert "  1 images only in main.json: cat/a.jpg" in lines
    [after] = [line for line in lines if "only in this run" in line]
    assert after.startswith("  12 images only in this run: dog/0.jpg, dog/1.jpg, ")
    assert after.endswith("dog/9.jpg and 2 more")


def test_ten_flips_are_shown_and_all_are_counted() -> None:
    """Each has its image, label and both predictions with their probabilities; names are shown as they are."""
    flips = tuple(_flip(change, number) for change in get_args(Change) for number in range(4))
    lines = _compared(replace(COMPARED, flips=flips))
    assert (
        "  flips: 4 right to wrong, 4 wrong to right, 4 wrong to otherwise wrong "
        "(the first 10; all are in the JSON document)" in lines
    )
    rows = [line for line in lines if "tabby" in line]
    assert len(rows) == 10
    assert rows[0].split() == [
        "right", "to", "wrong", "cat/0.jpg", "cat", "281", "tabby", "[b]", "0.7500", "7", "cock", "0.5000",
    ]  # fmt: skip
    assert rows[-1].split()[:5] == ["wrong", "to", "otherwise", "wrong", "cat/1.jpg"]


def test_few_flips_are_all_there() -> None:
    """Up to ten flips there is no reference to the document."""
    lines = _compared(replace(COMPARED, flips=(_flip("wrong to right", 0),)))
    assert "  flips: 0 right to wrong, 1 wrong to right, 0 wrong to otherwise wrong" in lines


def test_differences_follow_the_table() -> None:
    """The whole summary ends with them, and without differences nothing is added."""
    report = make_report(_measured())
    assert tables.differences(report) == ""
    compared = replace(report, comparisons=(COMPARED,))
    assert tables.text(compared, WIDTH) == tables.text(report, WIDTH) + tables.differences(compared)


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
