"""imgcls.report: the document that other tools read, and the table that people read."""

import io
import json
import math
import platform
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imgcls import report, stats
from imgcls.records import (
    Answer,
    ClassScore,
    DatasetOutcome,
    Facts,
    Failure,
    Guess,
    ImageRef,
    InputSpec,
    LabelList,
    PairOutcome,
    Pass,
    Prediction,
    Rejection,
    Report,
    Scores,
    Verdict,
)
from imgcls.store import Store, list_key

WIDTH = 100
HALF = (0.5, 0.5, 0.5)
INPUT = InputSpec(256, (224, 224), "center", "bilinear", HALF, HALF)
FACTS = Facts("eager", "float32", "cpu", INPUT, "ab" * 32, "cd" * 32, 1_248_424, 0.875, 4_993_696)
TWO = LabelList("two", ("cat", "dog"))
VERDICT = Verdict("top1 >= 0.6", "pass", "net on photos: top1 0.6120 (612 of 1000), wanted 0.6")

DOCUMENT = {"format", "made_at", "complete", "environment", "passes", "results", "rejections", "predictions"}
PASS = {
    "dataset", "models", "seconds", "decode_seconds", "model_seconds", "load_seconds", "compile_seconds",
    "peak_rss_bytes",
}  # fmt: skip
RESULT = {
    "model", "dataset", "runtime", "precision", "device", "input", "weights_file_sha256", "state_sha256",
    "param_count", "listed", "scored", "rejected", "ignored", "unscored", "top1_count", "top5_count",
    "top1", "top1_err", "top1_low", "top1_high", "top5", "top5_err", "top5_low", "top5_high",
    "overall_top5", "img_size", "crop_pct", "interpolation", "images_per_second", "from_store", "verdicts",
}  # fmt: skip
ALSO_OURS = {"distinct", "ids_ignored", "prediction_key", "classes", "failure"}
PREDICTION = {"model", "dataset", "path", "image_sha256", "label", "top"}


def _scores(model: str = "net", **counts: Any) -> Scores:
    usual = {"listed": 1003, "scored": 1000, "rejected": 1, "ignored": 2, "distinct": 998, "top1_count": 612}
    return Scores(model, "photos", **{**usual, "top5_count": 833, "classes": {"cat": ClassScore(9, 5, 8)}, **counts})


def _walk(*models: str, seconds: float = 12.5) -> Pass:
    by_model = dict.fromkeys(models, 1.25)
    return Pass("photos", models, seconds, 20.0, by_model, by_model, dict.fromkeys(models, 0.0), 512_000_000)


def _outcome(*pairs: PairOutcome, passes: tuple[Pass, ...] = (), complete: bool = True) -> DatasetOutcome:
    rejections = (Rejection("photos", "cat/bad.jpg", "truncated", "image file is truncated"),)
    return DatasetOutcome("photos", complete, passes, pairs, rejections)


def _measured(**counts: Any) -> PairOutcome:
    overall = (Guess(281, "tabby, tabby cat", 0.0125), Guess(7, "cock", 0.01))
    return PairOutcome(_scores(**counts), FACTS, None, "key", "imagenet-1k", overall, from_store=40, ids_ignored=3)


def _report(*pairs: PairOutcome, passes: tuple[Pass, ...] = ()) -> Report:
    verdicts = {("net", "photos"): [VERDICT]}
    return report.build([_outcome(*pairs, passes=passes)], verdicts, complete=True)


def _json(made: Report, of_images: Iterator[Prediction] | None) -> Any:
    stream = io.BytesIO()
    report.write_json(stream, made, of_images)
    return json.loads(stream.getvalue())


def _prediction(path: str) -> Prediction:
    return Prediction("net", "photos", path, "ef" * 32, "cat", ((281, "tabby, tabby cat", 0.93),))


# The document.


def test_the_document_has_the_keys_of_the_contract() -> None:
    """Format 1 has exactly the keys that were promised, and five more in each result."""
    made = _json(_report(_measured(), passes=(_walk("net"),)), iter([_prediction("cat/a.jpg")]))
    assert set(made) == DOCUMENT
    assert set(made["passes"][0]) == PASS
    assert set(made["results"][0]) == RESULT | ALSO_OURS
    assert set(made["results"][0]["verdicts"][0]) == {"check", "status", "message"}
    assert set(made["rejections"][0]) == {"dataset", "path", "reason", "detail"}
    assert set(made["predictions"][0]) == PREDICTION
    assert made["format"] == 1


def test_a_result_says_what_was_measured() -> None:
    """Counts are counts, accuracies per cent of the scored pictures, parameters millions."""
    [found] = _json(_report(_measured(), passes=(_walk("net"),)), None)["results"]
    top1, top5 = stats.wilson(612, 1000), stats.wilson(833, 1000)
    assert found == {
        "model": "net", "dataset": "photos", "runtime": "eager", "precision": "float32", "device": "cpu",
        "input": str(INPUT), "weights_file_sha256": "ab" * 32, "state_sha256": "cd" * 32, "param_count": 1.25,
        "listed": 1003, "scored": 1000, "rejected": 1, "ignored": 2, "unscored": 0, "distinct": 998,
        "top1_count": 612, "top5_count": 833,
        "top1": pytest.approx(61.2), "top1_err": pytest.approx(38.8),
        "top1_low": pytest.approx(100 * top1.low), "top1_high": pytest.approx(100 * top1.high),
        "top5": pytest.approx(83.3), "top5_err": pytest.approx(16.7),
        "top5_low": pytest.approx(100 * top5.low), "top5_high": pytest.approx(100 * top5.high),
        "overall_top5": [[281, "tabby, tabby cat", 0.0125], [7, "cock", 0.01]],
        "img_size": 224, "crop_pct": 0.875, "interpolation": "bilinear",
        "images_per_second": pytest.approx(76.8), "from_store": 40, "ids_ignored": 3, "prediction_key": "key",
        "classes": {"cat": {"scored": 9, "top1_count": 5, "top5_count": 8}}, "failure": None,
        "verdicts": [{"check": VERDICT.check, "status": "pass", "message": VERDICT.message}],
    }  # fmt: skip


def test_a_model_that_failed_has_no_numbers() -> None:
    """Without a loaded model its columns are null, its accuracies too, and its failure is told."""
    failed = PairOutcome(_scores(scored=0, unscored=1000, top1_count=0, top5_count=0), failure=Failure(3, "no file"))
    [found] = _json(_report(failed), None)["results"]
    absent = (*report.DESCRIBED, "top1", "top1_err", "top1_low", "top1_high", "top5", "top5_high", "images_per_second")
    assert {name: found[name] for name in absent} == dict.fromkeys(absent)
    assert found["failure"] == {"exit_code": 3, "message": "no file"}
    assert (found["unscored"], found["overall_top5"]) == (1000, [])


def test_verdicts_belong_to_their_pair() -> None:
    """A model that no gate judged has no verdicts, and not its neighbour's."""
    made = _report(_measured(), PairOutcome(_scores("other"), FACTS))
    assert [result.verdicts for result in made.results] == [(VERDICT,), ()]


def test_images_per_second_is_over_all_walks_with_the_model() -> None:
    """A data set that was walked over twice for a model took the sum; other models' walks do not count."""
    passes = (_walk("net", seconds=6.0), _walk("net", "other", seconds=2.0), _walk("other", seconds=50.0))
    assert _report(_measured(), passes=passes).results[0].images_per_second == pytest.approx((1000 - 40) / 8)


def test_the_environment_has_versions() -> None:
    """Python, the platform and the libraries that change answers are told by version."""
    found = _report().environment
    libraries = ("imgcls", "torch", "torchvision", "timm", "pillow", "numpy")
    assert found == {
        "python": platform.python_version(),
        "platform": platform.platform(),
        **{name: metadata.version(name) for name in libraries},
    }


def test_made_at_is_now_in_utc() -> None:
    """The time of making is an ISO date with its offset, to the second."""
    before = datetime.now(UTC).replace(microsecond=0)
    made_at = datetime.fromisoformat(_report().made_at)
    assert before <= made_at <= datetime.now(UTC)
    assert made_at.tzinfo == UTC


@pytest.mark.parametrize(
    ("whole", "outcomes", "expected"),
    [(True, (True, True), True), (True, (True, False), False), (False, (True, True), False), (True, (), True)],
)
def test_complete_needs_every_data_set(whole: bool, outcomes: tuple[bool, ...], expected: bool) -> None:
    """A report is complete where nothing selected is missing and nothing was cut short."""
    made = report.build([_outcome(complete=complete) for complete in outcomes], {}, whole)
    assert made.complete is expected


def test_predictions_may_be_left_out() -> None:
    """The summary has every other key; no pictures at all are an empty list."""
    assert set(_json(_report(_measured()), None)) == DOCUMENT - {"predictions"}
    assert _json(_report(_measured()), iter(()))["predictions"] == []


def test_predictions_are_streamed() -> None:
    """Each prediction is written, on a line of its own, before the next one is asked for."""
    stream = io.BytesIO()
    seen: list[bytes] = []

    def of_images() -> Iterator[Prediction]:
        for path in ("cat/a.jpg", "cat/ü\n.jpg", "cat/c.jpg"):
            seen.append(stream.getvalue())
            yield _prediction(path)

    report.write_json(stream, _report(), of_images())

    assert seen[0].endswith(b'"predictions":[')
    assert [text.count(b'"path"') - seen[0].count(b'"path"') for text in seen] == [0, 1, 2]
    lines = stream.getvalue().decode().splitlines()
    assert [json.loads(line.rstrip(","))["path"] for line in lines[1:4]] == ["cat/a.jpg", "cat/ü\n.jpg", "cat/c.jpg"]
    assert lines[4:] == ["]}"]


# Predictions from the store.


def _answer(best: int, logit: float) -> Answer:
    return Answer(((best, logit), (1 - best, 0.0)), 2.0, (0.5,) * 12)


@pytest.fixture
def store() -> Iterator[Store]:
    """One run's pictures, in order, the first of them listed twice and the last without an answer."""
    kept = Store(None)
    images = [ImageRef(f"cat/{n}.jpg", Path(f"/d/cat/{n}.jpg"), n * 64, "cat") for n in "babc"]
    kept.put({"net-key": (2, [("a" * 64, _answer(0, 1.0)), ("b" * 64, _answer(1, 2.0))])})
    kept.put({"other-key": (2, [("a" * 64, _answer(1, 2.0))])})
    kept.put_outcome("run", _outcome(), images, [TWO])
    yield kept
    kept.close()


def _pair(model: str, key: str | None, labels: str | None, failure: Failure | None = None) -> PairOutcome:
    return PairOutcome(_scores(model), prediction_key=key, labels=labels, failure=failure)


def test_predictions_come_in_the_order_of_the_listing(store: Store) -> None:
    """Picture by picture and model by model, with names and probabilities; what was not answered is left out."""
    outcome = _outcome(_pair("net", "net-key", list_key(TWO)), _pair("other", "other-key", list_key(TWO)))

    found = list(report.predictions(store, "run", [outcome]))

    assert [(p.model, p.path, p.image_sha256[0], p.label) for p in found] == [
        ("net", "cat/b.jpg", "b", "cat"),
        ("net", "cat/a.jpg", "a", "cat"),
        ("other", "cat/a.jpg", "a", "cat"),
        ("net", "cat/b.jpg", "b", "cat"),
    ]
    assert found[1].top == ((0, "cat", math.exp(-1)), (1, "dog", math.exp(-2)))


def test_a_model_that_failed_predicts_nothing(store: Store) -> None:
    """What was stored before a failure is not reported as an answer."""
    failed = _pair("net", "net-key", list_key(TWO), Failure(1, "NaN"))
    assert list(report.predictions(store, "run", [_outcome(failed, _pair("never loaded", None, None))])) == []


# The tables.


def _cells(text: str, first: str) -> list[str]:
    """The words of the first row that begins with this one."""
    return next(line.split() for line in text.splitlines() if line.split()[:1] == [first])


@pytest.mark.parametrize("width", [20, WIDTH])
def test_the_table_has_counts_intervals_and_costs(width: int) -> None:
    """One line per model and data set says quality with its interval, and what it cost."""
    text = report.text(_report(_measured(), passes=(_walk("net"),)), width)
    assert _cells(text, "net") == [
        "net", "photos", "1000", "61.2", "58.1-64.2", "83.3", "80.9-85.5", "12.5", "76.8", "1.2", "512", "MB",
        "1.25", "M",
    ]  # fmt: skip
    assert "seconds and images/s: " not in text


def test_the_overall_five_are_in_the_table() -> None:
    """Class number, name and mean probability follow each model once."""
    lines = report.text(_report(_measured()), WIDTH).splitlines()
    [at] = [number for number, line in enumerate(lines) if "281" in line]
    assert lines[at].split() == ["net", "photos", "281", "tabby,", "tabby", "cat", "0.0125"]
    assert lines[at + 1].split() == ["7", "cock", "0.0100"]


def test_a_shared_pass_is_explained() -> None:
    """Where models share a walk, the summary says that its seconds are not one model's own."""
    text = report.text(
        _report(_measured(), PairOutcome(_scores("other"), FACTS), passes=(_walk("net", "other"),)), WIDTH
    )
    assert "seconds and images/s: of the pass that the models of a data set share\n" in text


def test_a_failure_is_told_in_words() -> None:
    """A model without numbers has dashes in the table, and its failure below, brackets and all."""
    failed = PairOutcome(_scores(scored=0, top1_count=0, top5_count=0), failure=Failure(3, "[models.net] [/x] no file"))
    text = report.text(_report(failed), WIDTH)
    assert _cells(text, "net") == ["net", "photos", "0", *["-"] * 9]
    assert "net on photos: [models.net] [/x] no file\n" in text


def test_rejected_files_are_listed_and_abridged() -> None:
    """Twenty rejected files are told one by one, with the first line of their details; the rest is a count."""
    rejections = tuple(Rejection("photos", f"cat/{n}.jpg", "corrupt", "bad [/b]\nat byte 7") for n in range(22))
    made = report.build([DatasetOutcome("photos", complete=True, passes=(), pairs=(), rejections=rejections)], {}, True)
    lines = report.text(made, WIDTH).splitlines()
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
    assert text == report.two_sided(per_cent)


@settings(deadline=None)
@given(st.floats(0, 100, exclude_min=True, exclude_max=True))
def test_no_other_number_looks_like_an_end(per_cent: float) -> None:
    """Whatever lies strictly between is printed as such, and within a tenth of what it is."""
    text = report.two_sided(per_cent)
    assert text not in {"0.0", "100.0"}
    assert abs(float(text) - per_cent) <= 0.1


def test_neither_an_accuracy_nor_its_interval_is_rounded_to_an_end() -> None:
    """One wrong picture in ten thousand is seen in the table, and so is one right one."""
    one_wrong = _measured(scored=10_000, top1_count=9_999, top5_count=10_000)
    one_right = PairOutcome(_scores("other", scored=10_000, top1_count=1, top5_count=0), FACTS)
    text = report.text(_report(one_wrong, one_right), WIDTH)
    assert _cells(text, "net")[3:7] == ["99.9", "99.9-99.9", "100.0", "99.9-100.0"]
    assert _cells(text, "other")[3:7] == ["0.1", "0.1-0.1", "0.0", "0.0-0.1"]


def test_five_best_is_a_small_table() -> None:
    """A title, then class number, name and probability; names are shown as they are, brackets too."""
    lines = report.five_best("cat.jpg [1]", [(281, "tabby [/b] [red]cat", 0.93), (7, "cock :cat:", 0.0001)], 80)
    assert [line.split() for line in lines.splitlines() if line.strip() and "─" not in line] == [
        ["cat.jpg", "[1]"],
        ["class", "name", "probability"],
        ["281", "tabby", "[/b]", "[red]cat", "0.9300"],
        ["7", "cock", ":cat:", "0.0001"],
    ]


def test_tables_have_no_spaces_at_the_ends_of_lines() -> None:
    """What is printed can be pasted and compared."""
    text = report.text(_report(_measured(), passes=(_walk("net"),)), WIDTH)
    assert text == "".join(f"{line.rstrip()}\n" for line in text.splitlines())
