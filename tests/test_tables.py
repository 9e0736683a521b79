"""imgcls.tables: what people read of a run on their terminals."""

from dataclasses import replace
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imgcls import gates, report, tables
from imgcls.records import (
    Change,
    Comparison,
    Contrast,
    DatasetOutcome,
    Difference,
    Facts,
    Failure,
    Flip,
    Guess,
    InputSpec,
    PairOutcome,
    Pass,
    Rejection,
    Report,
    Scores,
    Status,
    Verdict,
)

WIDTH = 100
HALF = (0.5, 0.5, 0.5)
INPUT = InputSpec(256, (224, 224), "center", "bilinear", HALF, HALF)
FACTS = Facts("eager", "float32", "cpu", INPUT, "ab" * 32, "cd" * 32, 1_248_424, 0.875, 4_993_696)


def _scores(model: str = "net", **counts: Any) -> Scores:
    usual = {"listed": 1000, "scored": 1000, "distinct": 998, "top1_count": 612, "top5_count": 833}
    return Scores(model, "photos", **{**usual, **counts})


def _walk(*models: str) -> Pass:
    by_model = dict.fromkeys(models, 1.25)
    return Pass("photos", models, 12.5, 20.0, by_model, by_model, dict.fromkeys(models, 0.0), 512_000_000)


def _measured(**counts: Any) -> PairOutcome:
    overall = (Guess(281, "tabby, tabby cat", 0.0125), Guess(7, "cock", 0.01))
    return PairOutcome(_scores(**counts), FACTS, overall=overall, from_store=40)


def _report(*pairs: PairOutcome, passes: tuple[Pass, ...] = ()) -> Report:
    return report.build([DatasetOutcome("photos", "ignore", True, passes, pairs, ())], {}, True)


# Quality and costs.


def _cells(text: str, first: str) -> list[str]:
    """The words of the first row that begins with this one."""
    return next(line.split() for line in text.splitlines() if line.split()[:1] == [first])


@pytest.mark.parametrize("width", [20, WIDTH])
def test_the_table_has_counts_intervals_and_costs(width: int) -> None:
    """One line per model and data set says quality with its interval, and what it cost."""
    text = tables.text(_report(_measured(), passes=(_walk("net"),)), width)
    assert _cells(text, "net") == [
        "net", "photos", "1000", "61.2", "58.1-64.2", "83.3", "80.9-85.5", "12.5", "76.8", "1.2", "512", "MB",
        "1.25", "M",
    ]  # fmt: skip
    assert "seconds and images/s: " not in text


def test_the_overall_five_are_in_the_table() -> None:
    """Class number, name and mean probability follow each model once."""
    lines = tables.text(_report(_measured()), WIDTH).splitlines()
    [at] = [number for number, line in enumerate(lines) if "281" in line]
    assert lines[at].split() == ["net", "photos", "281", "tabby,", "tabby", "cat", "0.0125"]
    assert lines[at + 1].split() == ["7", "cock", "0.0100"]


def test_a_shared_pass_is_explained() -> None:
    """Where models share a walk, the summary says that its seconds are not one model's own."""
    text = tables.text(
        _report(_measured(), PairOutcome(_scores("other"), FACTS), passes=(_walk("net", "other"),)), WIDTH
    )
    assert "seconds and images/s: of the pass that the models of a data set share\n" in text


def test_another_runtime_is_told() -> None:
    """With what it took once; of eager there is nothing to tell."""
    pairs = [PairOutcome(_scores(name), replace(FACTS, runtime=by)) for name, by in (("a", "openvino"), ("b", "eager"))]
    walk = replace(_walk("a", "b"), compile_seconds={"a": 1.25, "b": 0.0})
    text = tables.text(_report(*pairs, passes=(walk,)), WIDTH)
    assert "\nphotos: a by openvino; 1.2 s to convert, compile and try it are not among the seconds\n" in text
    text = tables.text(_report(*pairs, passes=(replace(walk, compile_seconds={"a": 0.0, "b": 0.0}),)), WIDTH)
    assert "\nphotos: a by openvino\n" in text


@pytest.mark.parametrize("order", [1, -1])
def test_another_runtime_is_told_of_its_own_device(order: int) -> None:
    """A model may be OpenVINO's on the CPU and eager on a GPU, in one document."""
    runtimes = [replace(FACTS, runtime="openvino"), replace(FACTS, device="cuda")]
    passes = [_walk("net"), replace(_walk("net"), device="cuda", compile_seconds={"net": 3.0})]
    text = tables.text(
        _report(*(PairOutcome(_scores(), facts) for facts in runtimes[::order]), passes=tuple(passes)), WIDTH
    )
    assert text.count(" by ") == text.count("\nphotos: net by openvino\n") == 1


def test_a_runtime_that_scored_nothing_is_not_told() -> None:
    """There is nothing that it did."""
    none = PairOutcome(_scores(scored=0, unscored=1000), replace(FACTS, runtime="openvino"))
    assert " by openvino" not in tables.text(_report(none, passes=(_walk("net"),)), WIDTH)


def test_a_failure_is_told_in_words() -> None:
    """A model without numbers has dashes in the table, and its failure below, brackets and all."""
    failed = PairOutcome(_scores(scored=0, top1_count=0, top5_count=0), failure=Failure(3, "[models.net] [/x] no file"))
    text = tables.text(_report(failed), WIDTH)
    assert _cells(text, "net") == ["net", "photos", "0", *["-"] * 9]
    assert "net on photos: [models.net] [/x] no file\n" in text


def test_rejected_files_are_listed_and_abridged() -> None:
    """Twenty rejected files are told one by one, with the first line of their details; the rest is a count."""
    rejections = tuple(Rejection("photos", f"cat/{n}.jpg", "corrupt", "bad [/b]\nat byte 7") for n in range(22))
    made = report.build([DatasetOutcome("photos", "ignore", True, (), (), rejections)], {}, True)
    lines = tables.text(made, WIDTH).splitlines()
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
    """Whatever lies strictly between is printed as such, and within a tenth of what it is."""
    text = tables.two_sided(per_cent)
    assert text not in {"0.0", "100.0"}
    assert abs(float(text) - per_cent) <= 0.1


def test_neither_an_accuracy_nor_its_interval_is_rounded_to_an_end() -> None:
    """One wrong picture in ten thousand is seen in the table, and so is one right one."""
    one_wrong = _measured(scored=10_000, top1_count=9_999, top5_count=10_000)
    one_right = PairOutcome(_scores("other", scored=10_000, top1_count=1, top5_count=0), FACTS)
    text = tables.text(_report(one_wrong, one_right), WIDTH)
    assert _cells(text, "net")[3:7] == ["99.9", "99.9-99.9", "100.0", "99.9-100.0"]
    assert _cells(text, "other")[3:7] == ["0.1", "0.1-0.1", "0.0", "0.0-0.1"]


def test_five_best_is_a_small_table() -> None:
    """A title, then class number, name and probability; names are shown as they are, brackets too."""
    lines = tables.five_best("cat.jpg [1]", [(281, "tabby [/b] [red]cat", 0.93), (7, "cock :cat:", 0.0001)], 80)
    assert [line.split() for line in lines.splitlines() if line.strip() and "─" not in line] == [
        ["cat.jpg", "[1]"],
        ["class", "name", "probability"],
        ["281", "tabby", "[/b]", "[red]cat", "0.9300"],
        ["7", "cock", ":cat:", "0.0001"],
    ]


def test_tables_have_no_spaces_at_the_ends_of_lines() -> None:
    """What is printed can be pasted and compared."""
    text = tables.text(_report(_measured(), passes=(_walk("net"),)), WIDTH)
    assert text == "".join(f"{line.rstrip()}\n" for line in text.splitlines())


# Differences between models.


def _contrast(first: str, second: str, difference: float, needed: int | None, dataset: str = "photos") -> Contrast:
    """Of 50 pictures; without a number of images needed it is a real difference."""
    return Contrast(dataset, first, second, 50, 7, 3, difference, 0.0101, 0.0304, needed is None, needed)


def _told(*contrasts: Contrast) -> list[str]:
    return tables.text(report.build([], {}, True, contrasts), WIDTH).splitlines()


@pytest.mark.parametrize(("difference", "better"), [(0.08, "vit"), (-0.08, "net")])
def test_a_real_difference_names_the_better_model(difference: float, better: str) -> None:
    """A line per pair: the difference, what each one alone got right, the adjusted p-value, and who is better."""
    lines = _told(_contrast("net", "vit", difference, None))
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


def test_models_that_cannot_be_told_apart_say_what_it_would_take() -> None:
    """Without a single real difference all models of the data set are named, with the cheapest number of pictures."""
    lines = _told(
        _contrast("net", "vit", -0.08, 1_234),
        _contrast("net", "alex", 0.02, 20_000),
        _contrast("vit", "alex", 0.1, 800),
    )
    assert [line.split()[-5:] for line in lines if "photos  " in line] == [
        ["cannot", "be", "told", "apart", number] for number in ("1,234", "20,000", "800")
    ]
    assert lines[-1] == (
        "photos: net, vit, alex cannot be told apart on 50 pictures; "
        "to show the 0.1000 between two of them would take about 800"
    )


def test_equal_counts_ask_for_a_difference_of_a_point() -> None:
    """Where nothing differs there is no observed difference to show, so a hundredth stands in."""
    assert _told(_contrast("net", "vit", 0.0, 5_000))[-1] == (
        "photos: net, vit cannot be told apart on 50 pictures; to show a difference of 0.01 would take about 5,000"
    )


def test_only_data_sets_without_a_real_difference_are_summed_up() -> None:
    """One real difference on a data set is enough to have told its models apart."""
    text = "\n".join(
        _told(
            _contrast("net", "vit", 0.1, None),
            _contrast("net", "alex", 0.0, 500),
            _contrast("net", "vit", 0.0, 500, dataset="digits"),
        )
    )
    assert "\ndigits: net, vit cannot be told apart" in text
    assert "\nphotos: " not in text


def test_many_pairs_are_abridged() -> None:
    """Thirty pairs are told one by one; the rest is a count."""
    lines = _told(*(_contrast("net", f"vit{number}", 0.1, None) for number in range(32)))
    assert sum("photos " in line for line in lines) == 30
    assert "and 2 more pairs (all are in the JSON document)" in lines


# Comparisons.


DIFFERENCE = Difference("top1", 50, 40, 39, 3, 2, -0.02, -0.1, 0.07, 1.0, 0.15)
COMPARED = Comparison("photos", "net", "net", "main.json", "this run", differences=(DIFFERENCE,))


def _flip(change: Change, number: int) -> Flip:
    return Flip(change, f"cat/{number}.jpg", "ef" * 32, "cat", (281, "tabby [b]", 0.75), (7, "cock", 0.5))


def _compared(comparison: Comparison) -> list[str]:
    return tables.differences(report.build([], {}, True, comparisons=[comparison])).splitlines()


def test_a_comparison_says_what_was_compared_and_how_they_differ() -> None:
    """Model, data set and both runs; what changed beside; one line per accuracy; the flips as counts."""
    top5 = replace(DIFFERENCE, accuracy="top5")
    changed = replace(COMPARED, changed=("state", "torch 2.10 -> 2.11"), differences=(DIFFERENCE, top5))
    assert _compared(changed) == [
        "net on photos, main.json -> this run (state, torch 2.10 -> 2.11)",
        f"  {gates.describe(DIFFERENCE)}",
        f"  {gates.describe(top5)}",
        "  flips: 0 right to wrong, 0 wrong to right, 0 wrong to otherwise wrong",
    ]


def test_two_models_of_one_run_are_named_both() -> None:
    """Where only one run is compared its name says nothing, and the models are named instead."""
    two = replace(COMPARED, after="vit", before_run="this run")
    assert _compared(two)[0] == "net -> vit on photos"


def test_what_cannot_be_compared_says_why_and_nothing_else() -> None:
    """Each refusal has its line, and there are no flips to count."""
    refused = replace(COMPARED, differences=(), refusals=("runtime: eager -> openvino", "exif: ignore -> apply"))
    assert _compared(refused) == [
        "net on photos, main.json -> this run",
        "  cannot be compared: runtime: eager -> openvino",
        "  cannot be compared: exif: ignore -> apply",
    ]


def test_equal_predictions_are_called_the_same() -> None:
    """SAME stands in the place of the differences."""
    assert "  SAME: the predictions have the same key" in _compared(replace(COMPARED, same=True, differences=()))
    assert not any("SAME" in line for line in _compared(COMPARED))


def test_pictures_of_one_side_are_named() -> None:
    """By run, up to ten of them."""
    lines = _compared(
        replace(COMPARED, only_before=("cat/a.jpg",), only_after=tuple(f"dog/{n}.jpg" for n in range(12)))
    )
    assert "  1 pictures of main.json alone: cat/a.jpg" in lines
    [after] = [line for line in lines if "of this run alone" in line]
    assert after.startswith("  12 pictures of this run alone: dog/0.jpg, dog/1.jpg, ")
    assert after.endswith("dog/9.jpg and 2 more")


def test_ten_flips_are_shown_and_all_are_counted() -> None:
    """Each with its picture, label and both answers with their probabilities; names are shown as they are."""
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
    """Without more than ten nothing is said to be elsewhere."""
    lines = _compared(replace(COMPARED, flips=(_flip("wrong to right", 0),)))
    assert "  flips: 0 right to wrong, 1 wrong to right, 0 wrong to otherwise wrong" in lines


def test_differences_follow_the_table() -> None:
    """The whole summary ends with them, and without any there is nothing of the kind."""
    made = _report(_measured())
    assert tables.differences(made) == ""
    compared = replace(made, comparisons=(COMPARED,))
    assert tables.text(compared, WIDTH) == tables.text(made, WIDTH) + tables.differences(compared)


# Verdicts.


@pytest.mark.parametrize(
    ("check", "status", "lines"),
    [
        ("top1 >= 0.6", "pass", ["PASS net on photos: so it is"]),
        ("top1 >= 0.6", "fail", ["FAIL net on photos: so it is"]),
        ("top1 >= 0.6 at 95 %", "inconclusive", ["net on photos: so it is"]),
        ("comparable", "error", ["ERROR net on photos: so it is"]),
        ("common pictures", "pass", ["PASS net on photos: so it is"]),
        *(
            case
            for check in ("images >= 50", "rejected <= 0", "same pictures")
            for case in ((check, "pass", []), (check, "fail", ["FAIL net on photos: so it is"]))
        ),
    ],
)
def test_a_verdict_is_a_line(check: str, status: Status, lines: list[str]) -> None:
    """The status goes before what was seen; an open verdict says so itself, and pictures as expected say nothing."""
    assert list(tables.verdicts([Verdict(check, status, "net on photos: so it is")])) == lines
