"""How far what was served is from the reference, and from when on it is not the same."""

from dataclasses import replace

import numpy as np
import pytest

from imgcls.serving.evidence import FunctionEvidence, Served, ServiceEvidence
from serving_models import network, reference

OF = network()
USUAL = reference(OF)
LEVEL = (np.float32(1 / 255) / np.array(USUAL.std, np.float32)).reshape(3, 1, 1)


def _function(change: np.ndarray | float) -> FunctionEvidence:
    return FunctionEvidence(OF, USUAL, {0: (OF.tensor(USUAL, 0) + change).astype(np.float32)})


def test_equal_bits_are_no_distance() -> None:
    """And the same."""
    evidence = _function(0.0)
    assert (evidence.distance(USUAL, 0), evidence.is_same(USUAL, [0])) == (0.0, True)


@pytest.mark.parametrize(("levels", "same"), [(0.5, True), (1.0, True), (1.5, False)])
def test_a_level_of_eight_bits_is_rounding(levels: float, same: bool) -> None:
    """In every value; more is a difference."""
    evidence = _function(levels * LEVEL)
    assert evidence.is_same(USUAL, [0]) == same
    assert evidence.distance(USUAL, 0) == pytest.approx(
        float(np.broadcast_to(levels * LEVEL, (3, 56, 56)).mean() / OF.tensor(USUAL, 0).std()), rel=1e-3
    )


def test_a_few_values_further_apart_are_rounding_too() -> None:
    """One in a thousand, as where bicubic overshoots; not one in a hundred."""
    for part, same in ((0.0005, True), (0.01, False)):
        change = np.zeros((3, 56, 56), np.float32)
        change.flat[: int(part * change.size)] = 1.0
        assert _function(change).is_same(USUAL, [0]) == same


def _service(factor: float, *, scores: bool = True) -> ServiceEvidence:
    row = OF.probabilities(USUAL, [0])[0]
    best = np.argsort(-row)[:3]
    served = Served(tuple(map(int, best)), tuple(float(row[index]) * factor for index in best) if scores else None)
    return ServiceEvidence(OF, USUAL, {0: served})


def test_scores_are_read_as_what_they_are_nearest_to() -> None:
    """Probabilities, or percent; logits are compared after a softmax."""
    assert _service(1.0).scale == "probabilities"
    assert _service(100.0).scale == "percent"
    row = OF.logits(USUAL, [0])[0]
    best = tuple(int(index) for index in np.argsort(-row)[:4])
    evidence = ServiceEvidence(OF, USUAL, {0: Served(best, tuple(float(row[index]) * 1 - 200 for index in best))})
    assert evidence.scale == "logits"
    assert evidence.is_same(USUAL, [0])


def test_a_service_is_the_same_up_to_its_digits() -> None:
    """A tenth more is not."""
    assert _service(1.0).is_same(USUAL, [0])
    assert _service(1.0, scores=False).is_same(USUAL, [0])
    assert not _service(0.8).is_same(USUAL, [0])


def test_another_best_class_is_not_the_same() -> None:
    """Though no probability was returned."""
    worst = int(np.argmin(OF.probabilities(USUAL, [0])[0]))
    assert not ServiceEvidence(OF, USUAL, {0: Served((worst,), None)}).is_same(USUAL, [0])


def test_outputs_are_what_their_names_say() -> None:
    """Of the same logits: two softmaxes, sigmoids, and shifted classes."""
    usual = OF.probabilities(USUAL, [0])[0]
    twice = OF.probabilities(replace(USUAL, output="softmax twice"), [0])[0]
    assert np.allclose(twice, np.exp(usual) / np.exp(usual).sum())
    assert np.array_equal(OF.probabilities(replace(USUAL, label_shift=1), [0])[0], np.roll(usual, 1))
    sigmoids = OF.probabilities(replace(USUAL, output="sigmoid"), [0])[0]
    assert np.allclose(sigmoids, 1 / (1 + np.exp(-OF.logits(USUAL, [0])[0].astype(float))))
