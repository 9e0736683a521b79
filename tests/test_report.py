"""imgcls.report: the document that other tools read, and what comparisons read of a run."""

import io
import json
import math
import platform
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from imgcls import report, runtimes, stats
from imgcls.records import (
    Answer,
    Choice,
    ClassScore,
    Comparison,
    Contrast,
    DatasetOutcome,
    Drift,
    Facts,
    Failure,
    Flip,
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
    Setup,
    Verdict,
)
from imgcls.store import Store, list_key

HALF = (0.5, 0.5, 0.5)
INPUT = InputSpec(256, (224, 224), "center", "bilinear", HALF, HALF)
FACTS = Facts("eager", "float32", "cpu", INPUT, "ab" * 32, "cd" * 32, 1_248_424, 0.875, 4_993_696)
TWO = LabelList("two", ("cat", "dog"))
VERDICT = Verdict("top1 >= 0.6", "pass", "net on photos: top1 0.6120 (612 of 1000), wanted 0.6")

DOCUMENT = {
    "format", "made_at", "complete", "environment", "passes", "results", "rejections", "contrasts", "comparisons",
    "latencies", "memories", "profiles", "predictions",
}  # fmt: skip
PASS = {
    "dataset", "models", "seconds", "decode_seconds", "model_seconds", "load_seconds", "compile_seconds",
    "peak_rss_bytes", "device",
}  # fmt: skip
RESULT = {
    "model", "dataset", "runtime", "precision", "device", "input", "weights_file_sha256", "state_sha256",
    "param_count", "listed", "scored", "rejected", "ignored", "unscored", "top1_count", "top5_count",
    "top1", "top1_err", "top1_low", "top1_high", "top5", "top5_err", "top5_low", "top5_high",
    "overall_top5", "img_size", "crop_pct", "interpolation", "images_per_second", "from_store", "verdicts",
}  # fmt: skip
ALSO_OURS = {
    "decode", "distinct", "macro_f1", "ids_ignored", "runtime_note", "drifts",
    "prediction_key", "exif", "labels_sha256", "accepted", "classes", "failure",
}  # fmt: skip
PREDICTION = {"model", "dataset", "path", "image_sha256", "label", "top"}


def _scores(model: str = "net", **counts: Any) -> Scores:
    usual = {"listed": 1003, "scored": 1000, "rejected": 1, "ignored": 2, "distinct": 998, "top1_count": 612}
    return Scores(model, "photos", **{**usual, "top5_count": 833, "classes": {"cat": ClassScore(9, 5, 8, 6)}, **counts})


def _walk(*models: str, seconds: float = 12.5) -> Pass:
    by_model = dict.fromkeys(models, 1.25)
    return Pass("photos", models, seconds, 20.0, by_model, by_model, dict.fromkeys(models, 0.0), 512_000_000)


def _outcome(*pairs: PairOutcome, passes: tuple[Pass, ...] = (), complete: bool = True) -> DatasetOutcome:
    rejections = (Rejection("photos", "cat/bad.jpg", "truncated", "image file is truncated"),)
    return DatasetOutcome("photos", "ignore", complete, passes, pairs, rejections)


def _measured(**counts: Any) -> PairOutcome:
    overall = (Guess(281, "tabby, tabby cat", 0.0125), Guess(7, "cock", 0.01))
    return PairOutcome(
        _scores(**counts), FACTS, None, "key", "ab12", {"cat": (281, 282)}, overall, from_store=40, ids_ignored=3,
        choice=Choice("eager", 1003, "slow", {"precision": Drift(64, 1, 2)}),
    )  # fmt: skip


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
    """Format 1 has exactly the keys that were promised, and some more in each result."""
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
        "model": "net", "dataset": "photos", "runtime": "eager", "precision": "float32", "decode": "exact",
        "device": "cpu", "input": str(INPUT), "weights_file_sha256": "ab" * 32, "state_sha256": "cd" * 32,
        "param_count": 1.25,
        "listed": 1003, "scored": 1000, "rejected": 1, "ignored": 2, "unscored": 0, "distinct": 998,
        "top1_count": 612, "top5_count": 833,
        "top1": pytest.approx(61.2), "top1_err": pytest.approx(38.8),
        "top1_low": pytest.approx(100 * top1.low), "top1_high": pytest.approx(100 * top1.high),
        "top5": pytest.approx(83.3), "top5_err": pytest.approx(16.7),
        "top5_low": pytest.approx(100 * top5.low), "top5_high": pytest.approx(100 * top5.high),
        "macro_f1": pytest.approx(100 * 2 * 5 / (9 + 6)), "exif": "ignore", "labels_sha256": "ab12",
        "accepted": {"cat": [281, 282]}, "overall_top5": [[281, "tabby, tabby cat", 0.0125], [7, "cock", 0.01]],
        "img_size": 224, "crop_pct": 0.875, "interpolation": "bilinear",
        "images_per_second": pytest.approx(76.8), "from_store": 40, "ids_ignored": 3, "prediction_key": "key",
        "runtime_note": "slow", "drifts": {"precision": {"images": 64, "top1": 1, "top5": 2}},
        "classes": {"cat": {"scored": 9, "top1_count": 5, "top5_count": 8, "answered": 6}}, "failure": None,
        "verdicts": [{"check": VERDICT.check, "status": "pass", "message": VERDICT.message}],
    }  # fmt: skip


def test_a_model_that_failed_has_no_numbers() -> None:
    """Without a loaded model its columns are null, its accuracies too, and its failure is told."""
    scores = _scores(scored=0, unscored=1000, top1_count=0, top5_count=0, classes={})
    failed = PairOutcome(scores, failure=Failure(3, "no file", "model"))
    [found] = _json(_report(failed), None)["results"]
    absent = (*report.DESCRIBED, "top1", "top1_err", "top1_low", "top1_high", "top5", "macro_f1", "images_per_second")
    assert {name: found[name] for name in absent} == dict.fromkeys(absent)
    assert found["failure"] == {"exit_code": 3, "message": "no file", "stage": "model"}
    assert (found["unscored"], found["overall_top5"], found["accepted"]) == (1000, [], {})


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
        **runtimes.version("openvino"),
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


def test_differences_are_in_the_document() -> None:
    """Contrasts and comparisons are written as they are, key by key."""
    contrast = Contrast("photos", "net", "other", 10, 2, 1, -0.1, 1.0, 1.0, real=False, images_needed=1_000)
    flip = Flip("right to wrong", "cat/a.jpg", "ef" * 32, "cat", (0, "cat", 0.75), (1, "dog", 0.5))
    comparison = Comparison("photos", "net", "net", "main.json", "this run", flips=(flip,), changed=("state",))
    made = _json(report.build([], {}, True, [contrast], [comparison]), None)
    assert made["contrasts"] == [
        {
            "dataset": "photos", "first": "net", "second": "other", "images": 10, "first_only": 2, "second_only": 1,
            "difference": -0.1, "p_value": 1.0, "p_holm": 1.0, "real": False, "images_needed": 1_000,
        }
    ]  # fmt: skip
    assert made["comparisons"] == [
        {
            "dataset": "photos", "before": "net", "after": "net", "before_run": "main.json", "after_run": "this run",
            "refusals": [], "same": False, "changed": ["state"], "only_before": [], "only_after": [],
            "differences": [],
            "flips": [
                {
                    "change": "right to wrong", "path": "cat/a.jpg", "image_sha256": "ef" * 32, "label": "cat",
                    "before": [0, "cat", 0.75], "after": [1, "dog", 0.5],
                }
            ],
        }
    ]  # fmt: skip


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
    images = [ImageRef(f"cat/{n}.jpg", Path(f"/d/cat/{n}.jpg"), n[0] * 64, "cat") for n in ("b", "a", "b2", "c")]
    kept.put({"net-key": (2, [("a" * 64, _answer(0, 1.0)), ("b" * 64, _answer(1, 2.0))])})
    kept.put({"other-key": (2, [("a" * 64, _answer(1, 2.0))])})
    kept.put_outcome("run", _outcome(), images, [TWO])
    yield kept
    kept.close()


def _pair(model: str, key: str | None, labels: str | None, failure: Failure | None = None) -> PairOutcome:
    return PairOutcome(_scores(model), FACTS, failure, key, labels, {"cat": (0,)})


def test_predictions_come_in_the_order_of_the_listing(store: Store) -> None:
    """Picture by picture and model by model, with names and probabilities; what was not answered is left out."""
    outcome = _outcome(_pair("net", "net-key", list_key(TWO)), _pair("other", "other-key", list_key(TWO)))

    found = list(report.predictions(store, "run", [outcome]))

    assert [(p.model, p.path, p.image_sha256[0], p.label) for p in found] == [
        ("net", "cat/b.jpg", "b", "cat"),
        ("net", "cat/a.jpg", "a", "cat"),
        ("other", "cat/a.jpg", "a", "cat"),
        ("net", "cat/b2.jpg", "b", "cat"),
    ]
    assert found[1].top == ((0, "cat", math.exp(-1)), (1, "dog", math.exp(-2)))


def test_a_model_that_failed_predicts_nothing(store: Store) -> None:
    """What was stored before a failure is not reported as an answer."""
    failed = _pair("net", "net-key", list_key(TWO), Failure(1, "NaN"))
    assert list(report.predictions(store, "run", [_outcome(failed, _pair("never loaded", None, None))])) == []


# What comparisons read.


def test_a_run_is_read_as_a_comparison_needs_it(store: Store) -> None:
    """Each pair has what its result says of itself, the versions of the libraries, and a prediction per picture."""
    outcome = _outcome(_pair("net", "net-key", list_key(TWO)), _pair("other", "other-key", list_key(TWO)))

    found = report.scored(store, "run", [outcome])

    assert found.name == "this run"
    assert list(found.scored) == [("net", "photos"), ("other", "photos")]
    net = found.scored["net", "photos"]
    assert (net.run, net.environment) == ("this run", report.environment())
    assert net.setup == Setup(
        "net", "photos", "eager", "float32", "cpu", str(INPUT), "ignore", list_key(TWO), {"cat": (0,)},
        "ab" * 32, "cd" * 32, "net-key", "exact",
    )  # fmt: skip
    assert {key: (p.path, p.top[0][0]) for key, p in net.predictions.items()} == {
        ("b" * 64, "cat"): ("cat/b.jpg", 1),
        ("a" * 64, "cat"): ("cat/a.jpg", 0),
    }


def test_a_model_that_failed_is_compared_without_predictions(store: Store) -> None:
    """It is there with what is known of it, and nothing more."""
    failed = PairOutcome(_scores(), failure=Failure(3, "no file"))
    found = report.scored(store, "run", [_outcome(failed)]).scored["net", "photos"]
    assert (found.setup.runtime, found.setup.prediction_key, found.predictions) == (None, None, {})


def test_models_of_one_data_set_are_held_against_each_other(store: Store) -> None:
    """Pair by pair on the different pictures; one that failed or was cut short is left out."""
    store.put({key: (2, [("c" * 64, _answer(0, 1.0))]) for key in ("net-key", "other-key")})
    store.put({"other-key": (2, [("b" * 64, _answer(0, 1.0))])})
    key = list_key(TWO)
    cut = replace(_pair("cut", "net-key", key), scores=_scores("cut", unscored=1))
    failed = _pair("failed", "net-key", key, Failure(1, "NaN"))
    whole = (_pair("net", "net-key", key), cut, _pair("other", "other-key", key), failed)

    [found] = report.contrasts(store, "run", [_outcome(*whole)])

    assert (found.dataset, found.first, found.second, found.images) == ("photos", "net", "other", 3)
    assert (found.first_only, found.second_only, found.difference) == (1, 1, 0.0)
    assert list(report.contrasts(store, "run", [_outcome(*whole[:2])])) == []
