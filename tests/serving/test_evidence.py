"""How far what was served is from the reference, and from when on it is not the same."""

from dataclasses import replace

import numpy as np
import pytest

from imgcls.serving.evidence import FunctionEvidence, Network, Served, ServiceEvidence
from imgcls.serving.steps import Steps
from serving_models import network, reference


@pytest.fixture(scope="module")
def of() -> Network:
    """The network."""
    return network()


@pytest.fixture(scope="module")
def usual(of: Network) -> Steps:
    """Its own steps."""
    return reference(of)


def _function(of: Network, change: np.ndarray | float) -> FunctionEvidence:
    usual = reference(of)
    return FunctionEvidence(of, usual, {0: (of.tensor(usual, 0) + change).astype(np.float32)})


def test_equal_bits_are_no_distance(of: Network, usual: Steps) -> None:
    """And the same."""
    evidence = _function(of, 0.0)
    assert (evidence.distance(usual, 0), evidence.is_same(usual, [0])) == (0.0, True)


@pytest.mark.parametrize(("levels", "same"), [(0.5, True), (1.0, True), (1.5, False)])
def test_a_level_of_eight_bits_is_rounding(of: Network, usual: Steps, levels: float, same: bool) -> None:
    """In every value; more is a difference."""
    change = levels * (np.float32(1 / 255) / np.array(usual.std, np.float32)).reshape(3, 1, 1)
    evidence = _function(of, change)
    assert evidence.is_same(usual, [0]) == same
    assert evidence.distance(usual, 0) == pytest.approx(
        float(np.broadcast_to(change, (3, 56, 56)).mean() / of.tensor(usual, 0).std()), rel=1e-3
    )


def test_a_few_values_further_apart_are_rounding_too(of: Network, usual: Steps) -> None:
    """One in a thousand, as where bicubic overshoots; not one in a hundred."""
    for part, same in ((0.0005, True), (0.01, False)):
        change = np.zeros((3, 56, 56), np.float32)
        change.flat[: int(part * change.size)] = 1.0
        assert _function(of, change).is_same(usual, [0]) == same


def _service(of: Network, factor: float, *, scores: bool = True) -> ServiceEvidence:
    usual = reference(of)
    row = of.probabilities(usual, [0])[0]
    best = np.argsort(-row)[:3]
    served = Served(tuple(map(int, best)), tuple(float(row[index]) * factor for index in best) if scores else None)
    return ServiceEvidence(of, usual, {0: served})


def test_scores_are_read_as_what_they_are_nearest_to(of: Network, usual: Steps) -> None:
    """Probabilities, or percent; logits are compared after a softmax."""
    assert _service(of, 1.0).scale == "probabilities"
    assert _service(of, 100.0).scale == "percent"
    row = of.logits(usual, [0])[0]
    best = tuple(int(index) for index in np.argsort(-row)[:4])
    evidence = ServiceEvidence(of, usual, {0: Served(best, tuple(float(row[index]) * 1 - 200 for index in best))})
    assert evidence.scale == "logits"
    assert evidence.is_same(usual, [0])


def test_a_service_is_the_same_up_to_its_digits(of: Network, usual: Steps) -> None:
    """A tenth more is not."""
    assert _service(of, 1.0).is_same(usual, [0])
    assert _service(of, 1.0, scores=False).is_same(usual, [0])
    assert not _service(of, 0.8).is_same(usual, [0])


def test_another_best_class_is_not_the_same(of: Network, usual: Steps) -> None:
    """Though no probability was returned."""
    worst = int(np.argmin(of.probabilities(usual, [0])[0]))
    assert not ServiceEvidence(of, usual, {0: Served((worst,), None)}).is_same(usual, [0])


def test_outputs_are_what_their_names_say(of: Network, usual: Steps) -> None:
    """Of the same logits: two softmaxes, sigmoids, and shifted classes."""
    once = of.probabilities(usual, [0])[0]
    twice = of.probabilities(replace(usual, output="softmax twice"), [0])[0]
    assert np.allclose(twice, np.exp(once) / np.exp(once).sum())
    assert np.array_equal(of.probabilities(replace(usual, label_shift=1), [0])[0], np.roll(once, 1))
    sigmoids = of.probabilities(replace(usual, output="sigmoid"), [0])[0]
    assert np.allclose(sigmoids, 1 / (1 + np.exp(-of.logits(usual, [0])[0].astype(float))))
