"""imgcls.evaluation.results: the predictions of a run, read back from the store."""

import math

from builders import make_outcome
from imgcls.evaluation import results
from imgcls.records.evaluation import Failure
from stored_run import BOTH, NET_KEY, pair, stored_run


def test_predictions_come_in_the_order_of_the_listing() -> None:
    """They come image by image and model by model, with names and probabilities, without images that have no output."""
    with stored_run() as store:
        predictions = list(results.predictions(store, "run", [BOTH]))

    assert [(p.model, p.path, p.image_sha256[0], p.label) for p in predictions] == [
        ("net", "cat/b.jpg", "b", "cat"),
        ("net", "cat/a.jpg", "a", "cat"),
        ("other", "cat/a.jpg", "a", "cat"),
        ("net", "cat/b2.jpg", "b", "cat"),
    ]
    assert predictions[1].top == ((0, "cat", math.exp(-1)), (1, "dog", math.exp(-2)))


def test_a_model_that_failed_predicts_nothing() -> None:
    """What was stored before a failure is not a prediction of the run."""
    failed = pair("net", NET_KEY, failure=Failure(1, "NaN"))
    with stored_run() as store:
        assert list(results.predictions(store, "run", [make_outcome(failed, pair("never loaded", None, None))])) == []
