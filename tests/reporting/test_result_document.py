"""imgcls.reporting.result_document: the document that other tools read."""

import io
import json
import platform
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import metadata
from typing import Any

import pytest

from builders import INFO, SPEC, make_pass, make_scores
from imgcls.evaluation import results
from imgcls.records.comparison import Comparison, Flip, PairwiseTest, Prediction
from imgcls.records.data import Rejection
from imgcls.records.evaluation import (
    ClassProbability,
    ClassScore,
    DatasetOutcome,
    Failure,
    PairOutcome,
    Pass,
    Scores,
    Verdict,
)
from imgcls.records.report import Report
from imgcls.records.runtime import PredictionChange, RuntimeChoice
from imgcls.reporting import result_document
from imgcls.stats import proportions
from imgcls.system import versions

VERDICT = Verdict("top1", 0.6, "top1 >= 0.6", "pass", "net on photos: top1 0.6120 (612 of 1000), wanted 0.6")

DOCUMENT = {
    "format", "made_at", "complete", "environment", "passes", "results", "rejections", "contrasts", "comparisons",
    "latencies", "memories", "profiles", "datasets", "selection", "predictions", "seal",
    "parities", "servings", "contracts", "limits", "shard",
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
    "prediction_key", "exif", "labels_sha256", "accepted", "classes", "failure", "input_sources",
    "notes", "untrained", "class_count", "set_seconds", "units", "screened",
}  # fmt: skip
PREDICTION = {"model", "dataset", "path", "image_sha256", "label", "top", "group", "precision"}


def _outcome(*pairs: PairOutcome, passes: tuple[Pass, ...] = (), complete: bool = True) -> DatasetOutcome:
    rejections = (Rejection("photos", "cat/bad.jpg", "truncated", "image file is truncated"),)
    return DatasetOutcome("photos", "ignore", complete, passes, pairs, rejections)


def _scores(model: str = "net", **counts: Any) -> Scores:
    usual = {"listed": 1003, "rejected": 1, "ignored": 2, "classes": {"cat": ClassScore(9, 5, 8, 6)}}
    return make_scores(model, **{**usual, **counts})


def _measured(**counts: Any) -> PairOutcome:
    overall = (ClassProbability(281, "tabby, tabby cat", 0.0125), ClassProbability(7, "cock", 0.01))
    return PairOutcome(
        _scores(**counts), INFO, None, "key", "ab12", {"cat": (281, 282)}, overall, from_store=40, ids_ignored=3,
        choice=RuntimeChoice("eager", 1003, "slow", {"precision": PredictionChange(64, 1, 2)}),
    )  # fmt: skip


def _report(*pairs: PairOutcome, passes: tuple[Pass, ...] = ()) -> Report:
    verdicts = {("net", "photos"): [VERDICT]}
    return result_document.build([_outcome(*pairs, passes=passes)], verdicts, complete=True)


def _json(made: Report, of_images: Iterator[Prediction] | None) -> Any:
    stream = io.BytesIO()
    result_document.write_json(stream, made, of_images)
    return json.loads(stream.getvalue())


def _prediction(path: str) -> Prediction:
    return Prediction("net", "photos", path, "ef" * 32, "cat", (ClassProbability(281, "tabby, tabby cat", 0.93),))


# The document.


def test_the_document_has_the_keys_of_the_contract() -> None:
    """Format 1 has exactly the keys that were promised, and some more in each result."""
    made = _json(_report(_measured(), passes=(make_pass("net"),)), iter([_prediction("cat/a.jpg")]))
    assert set(made) == DOCUMENT
    assert set(made["passes"][0]) == PASS
    assert set(made["results"][0]) == RESULT | ALSO_OURS
    assert set(made["results"][0]["verdicts"][0]) == {"metric", "threshold", "check", "status", "message"}
    assert set(made["rejections"][0]) == {"dataset", "path", "reason", "detail", "models"}
    assert set(made["predictions"][0]) == PREDICTION
    assert made["format"] == 1


def test_a_result_has_what_was_measured() -> None:
    """Counts are counts, accuracies per cent of the scored images, parameters millions."""
    [result] = _json(_report(_measured(), passes=(make_pass("net"),)), None)["results"]
    top1, top5 = proportions.wilson(612, 1000), proportions.wilson(833, 1000)
    assert result == {
        "model": "net", "dataset": "photos", "runtime": "eager", "precision": "float32", "decode": "exact",
        "device": "cpu", "input": str(SPEC), "weights_file_sha256": "ab" * 32, "state_sha256": "cd" * 32,
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
        "input_sources": {}, "notes": [], "untrained": False, "class_count": None, "set_seconds": None,
        "units": None, "screened": None,
        "verdicts": [
            {"metric": "top1", "threshold": 0.6, "check": "top1 >= 0.6", "status": "pass", "message": VERDICT.message}
        ],
    }  # fmt: skip


def test_a_model_that_failed_has_no_numbers() -> None:
    """Without a loaded model its columns are null, its accuracies too, and its failure is there."""
    scores = _scores(scored=0, unscored=1000, top1_count=0, top5_count=0, classes={})
    failed = PairOutcome(scores, failure=Failure(3, "no file", "model"))
    [result] = _json(_report(failed), None)["results"]
    absent = (
        *results.MODEL_COLUMNS,
        "top1",
        "top1_err",
        "top1_low",
        "top1_high",
        "top5",
        "macro_f1",
        "images_per_second",
    )
    assert {name: result[name] for name in absent} == dict.fromkeys(absent)
    assert result["failure"] == {"exit_code": 3, "message": "no file", "stage": "model"}
    assert (result["unscored"], result["overall_top5"], result["accepted"]) == (1000, [], {})


def test_verdicts_belong_to_their_pair() -> None:
    """A model without a gate has no verdicts, and not those of the next model."""
    made = _report(_measured(), PairOutcome(_scores("other"), INFO))
    assert [result.verdicts for result in made.results] == [(VERDICT,), ()]


def test_images_per_second_is_over_all_walks_with_the_model() -> None:
    """A dataset with two passes for a model took their sum; other models' passes do not count."""
    passes = (make_pass("net", seconds=6.0), make_pass("net", "other", seconds=2.0), make_pass("other", seconds=50.0))
    assert _report(_measured(), passes=passes).results[0].images_per_second == pytest.approx((1000 - 40) / 8)


def test_the_environment_has_versions() -> None:
    """Python, the platform and the libraries that change predictions are named with their versions."""
    environment = _report().environment
    libraries = ("imgcls", "torch", "torchvision", "timm", "pillow", "numpy")
    assert environment == {
        "python": platform.python_version(),
        "platform": platform.platform(),
        **{name: metadata.version(name) for name in libraries},
        **versions.of_runtime("openvino"),
        **versions.of_runtime("onnx"),
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
def test_complete_needs_every_dataset(whole: bool, outcomes: tuple[bool, ...], expected: bool) -> None:
    """A report is complete where nothing selected is missing and nothing was cut short."""
    made = result_document.build([_outcome(complete=complete) for complete in outcomes], {}, whole)
    assert made.complete is expected


def test_differences_are_in_the_document() -> None:
    """Contrasts and comparisons are written as they are, key by key."""
    contrast = PairwiseTest("photos", "net", "other", 10, 2, 1, -0.1, 1.0, 1.0, real=False, images_needed=1_000)
    flip = Flip("right to wrong", "cat/a.jpg", "ef" * 32, "cat", (0, "cat", 0.75), (1, "dog", 0.5))
    comparison = Comparison("photos", "net", "net", "main.json", "this run", flips=(flip,), changed=("state",))
    made = _json(result_document.build([], {}, True, [contrast], [comparison]), None)
    assert made["contrasts"] == [
        {
            "dataset": "photos", "first": "net", "second": "other", "images": 10, "first_only": 2, "second_only": 1,
            "difference": -0.1, "p_value": 1.0, "p_holm": 1.0, "real": False, "images_needed": 1_000,
                "of_images": None,
        }
    ]  # fmt: skip
    assert made["comparisons"] == [
        {
            "dataset": "photos", "before": "net", "after": "net", "before_run": "main.json", "after_run": "this run",
            "refusals": [], "same": False, "changed": ["state"], "only_before": [], "only_after": [], "certain": [],
            "differences": [], "classes": [],
            "flips": [
                {
                    "change": "right to wrong", "path": "cat/a.jpg", "image_sha256": "ef" * 32, "label": "cat",
                    "before": [0, "cat", 0.75], "after": [1, "dog", 0.5],
                }
            ],
        }
    ]  # fmt: skip


def test_predictions_may_be_left_out() -> None:
    """The summary has every other key; a run without images has an empty list."""
    assert set(_json(_report(_measured()), None)) == DOCUMENT - {"predictions"}
    assert _json(_report(_measured()), iter(()))["predictions"] == []


def test_predictions_are_streamed() -> None:
    """Each prediction is written, on a line of its own, before the next one is requested."""
    stream = io.BytesIO()
    written: list[bytes] = []

    def of_images() -> Iterator[Prediction]:
        for path in ("cat/a.jpg", "cat/ü\n.jpg", "cat/c.jpg"):
            written.append(stream.getvalue())
            yield _prediction(path)

    result_document.write_json(stream, _report(), of_images())

    assert written[0].endswith(b'"predictions":[')
    assert [text.count(b'"path"') - written[0].count(b'"path"') for text in written] == [0, 1, 2]
    lines = stream.getvalue().decode().splitlines()
    assert [json.loads(line.rstrip(","))["path"] for line in lines[1:4]] == ["cat/a.jpg", "cat/ü\n.jpg", "cat/c.jpg"]
    assert [line.partition(":")[0] for line in lines[4:]] == ['],"seal"']
