"""imgcls.comparison.current_run: what comparisons read of the run that is under way."""

from dataclasses import replace

import pytest

from builders import SPEC, make_outcome
from imgcls.comparison import current_run
from imgcls.errors import StoreError
from imgcls.records.comparison import RunSetup
from imgcls.records.evaluation import Failure, PairOutcome
from imgcls.system import versions
from stored_run import BOTH, LABELS_KEY, NET_KEY, OTHER_KEY, output, pair, stored_run


def test_a_run_is_read_as_a_comparison_needs_it() -> None:
    """Each pair has its setup, the versions of the libraries, and a prediction per image."""
    with stored_run() as store:
        run = current_run.scored(store, "run", [BOTH])

    assert run.name == "this run"
    assert list(run.scored) == [("net", "photos"), ("other", "photos")]
    net = run.scored["net", "photos"]
    assert (net.run, net.environment) == ("this run", versions.environment())
    assert net.setup == RunSetup(
        "net", "photos", "eager", "float32", "cpu", str(SPEC), "ignore", LABELS_KEY, {"cat": (0,)},
        "ab" * 32, "cd" * 32, NET_KEY, "exact",
    )  # fmt: skip
    assert {key: (p.path, p.top[0][0]) for key, p in net.predictions.items()} == {
        ("b" * 64, "cat"): ("cat/b.jpg", 1),
        ("a" * 64, "cat"): ("cat/a.jpg", 0),
    }


def test_a_model_that_failed_is_compared_without_predictions() -> None:
    """It is there with what is known of it, and nothing more."""
    failed = PairOutcome(pair("net", None).scores, failure=Failure(3, "no file"))
    with stored_run() as store:
        net = current_run.scored(store, "run", [make_outcome(failed)]).scored["net", "photos"]
    assert (net.setup.runtime, net.setup.prediction_key, net.predictions) == (None, None, {})


def test_only_images_that_all_models_predicted_are_compared() -> None:
    """One that a model could not decode is no loss of it, and takes no other image's place."""
    with stored_run() as store:
        pairs = (pair("net", NET_KEY), pair("other", OTHER_KEY))
        [contrast] = current_run.pairwise_tests(store, "run", [make_outcome(*pairs)])
    assert (contrast.images, contrast.first_only, contrast.second_only) == (1, 1, 0)


def test_predictions_that_were_counted_and_are_lost_are_refused() -> None:
    """A comparison of fewer images than were scored would look like any other."""
    net, other = pair("net", NET_KEY), pair("other", OTHER_KEY)
    more = replace(other, scores=replace(other.scores, scored=other.scores.scored + 1))
    with stored_run() as store, pytest.raises(StoreError, match="what was predicted on photos is no longer complete"):
        list(current_run.pairwise_tests(store, "run", [make_outcome(net, more)]))


def test_a_list_of_images_that_is_lost_is_refused() -> None:
    """With the words for lost predictions: what was scored is in none of the images that are left."""
    pairs = (pair("net", NET_KEY), pair("other", OTHER_KEY))
    with stored_run() as store, pytest.raises(StoreError, match="what was predicted on photos is no longer complete"):
        list(current_run.pairwise_tests(store, "another run", [make_outcome(*pairs)]))


def test_groups_are_compared_once() -> None:
    """Both images of a group are one, drawn by their bytes."""
    with stored_run() as store:
        store.put({OTHER_KEY: (2, [("b" * 64, output(0, 1.0))])})
        pairs = (pair("net", NET_KEY), pair("other", OTHER_KEY))
        outcome = make_outcome(*pairs, groups={"a" * 64: "burst", "b" * 64: "burst"})
        [contrast] = current_run.pairwise_tests(store, "run", [outcome])
        assert {
            p.group for p in current_run.scored(store, "run", [outcome]).scored["net", "photos"].predictions.values()
        } == {"burst"}
    assert (contrast.images, contrast.of_images, contrast.first_only + contrast.second_only) == (1, 2, 1)


def test_models_of_one_dataset_are_compared_with_each_other() -> None:
    """They are compared pair by pair on the different images, without those that failed or were cut short."""
    cut = pair("cut", NET_KEY)
    cut = replace(cut, scores=replace(cut.scores, unscored=1))
    failed = pair("failed", NET_KEY, failure=Failure(1, "NaN"))
    pairs = (pair("net", NET_KEY), cut, pair("other", OTHER_KEY), failed)
    with stored_run() as store:
        store.put({key: (2, [("c" * 64, output(0, 1.0))]) for key in (NET_KEY, OTHER_KEY)})
        store.put({OTHER_KEY: (2, [("b" * 64, output(0, 1.0))])})
        [contrast] = current_run.pairwise_tests(store, "run", [make_outcome(*pairs)])
        assert list(current_run.pairwise_tests(store, "run", [make_outcome(*pairs[:2])])) == []

    assert (contrast.dataset, contrast.first, contrast.second, contrast.images) == ("photos", "net", "other", 3)
    assert (contrast.first_only, contrast.second_only, contrast.difference) == (1, 1, 0.0)
