"""imgcls.parity.distance: how far logits are apart, in the reference's own standard deviations."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from conftest import Project
from imgcls.evaluation import agreement
from imgcls.models import loader
from imgcls.parity import distance
from imgcls.parity.sample import Sample
from imgcls.records.data import ImageRef
from shipped import colour_spec

REFERENCE = np.array([[1, -1, 0], [2, 0, 1]], np.float32)
"""Both rows have the same logits but for a constant; their standard deviation is that of (1, -1, 0)."""

STD = (2 / 3) ** 0.5


def _sample(export: Any, reference: Any = REFERENCE) -> Sample:
    images = tuple(ImageRef(f"{n}.png", Path(), f"{n}", None) for n in range(len(reference)))
    batch = torch.rand(len(reference), 3, 8, 8, generator=torch.Generator().manual_seed(0))
    sides = (np.asarray(side, np.float32) for side in (reference, export))
    return Sample(images, (frozenset(),) * len(reference), batch, batch, *sides)


def test_the_largest_and_the_median_of_the_images() -> None:
    """Of each image the largest difference counts, after its mean was taken away."""
    apart = distance.of(_sample(REFERENCE + np.array([[0, 0, 0], [0.9, 0, 0]])), 1e-9, "float32")
    assert apart is not None
    assert apart.images == 2
    assert apart.std == pytest.approx(STD)
    assert apart.largest == pytest.approx(0.6 / STD, rel=1e-6)
    assert apart.median == pytest.approx(0.3 / STD, rel=1e-6)
    assert apart.sensitivity == pytest.approx(1e-9 / STD)


def test_logarithms_of_probabilities_are_no_further_than_logits() -> None:
    """They differ from logits by a constant of each image."""
    logarithms = REFERENCE - np.log(np.exp(REFERENCE).sum(axis=1, keepdims=True))
    apart = distance.of(_sample(logarithms), 1e-9, "float32")
    assert apart is not None
    assert apart.largest < 1e-6


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_logits_that_are_not_finite_have_no_distance(wrong: float) -> None:
    """Neither where the export's are not, nor where the reference's are not."""
    broken = REFERENCE.copy()
    broken[1, 2] = wrong
    assert distance.of(_sample(broken), 1e-9, "float32") is None
    assert distance.of(_sample(REFERENCE, broken), 1e-9, "float32") is None


def test_logits_of_other_classes_have_no_distance() -> None:
    """A background class more makes no two logits the same class's."""
    assert distance.of(_sample(np.zeros((2, 4))), 1e-9, "float32") is None


def test_equal_logits_are_their_own_unit() -> None:
    """Where the reference does not tell images apart, distances are those of the logits themselves."""
    apart = distance.of(_sample(np.array([[0.5, 0, -0.5]]), np.zeros((1, 3))), 0.0, "float32")
    assert apart is not None
    assert (apart.std, apart.largest) == (0.0, 0.5)


@pytest.mark.parametrize(
    ("moved", "precision", "tolerance"),
    [
        (0.0, "float32", 1e-4),
        (1e-5 * STD, "float32", 1e-3),
        (0.0, "float16", 1e-2),
        (0.0, "int8", 1e-4),
        (STD, "float32", agreement.MAX_TOLERANCE),
    ],
)
def test_the_tolerance_is_what_rounding_explains(moved: float, precision: str, tolerance: float) -> None:
    """By the network's own sensitivity and the precision; what int8 changes is not rounding, and chaos is no excuse."""
    apart = distance.of(_sample(REFERENCE), moved, precision)
    assert apart is not None
    assert apart.tolerance == pytest.approx(tolerance)


def test_noise_moves_a_logit(importable: Project) -> None:
    """By about a millionth of a mean of 64 pixels."""
    assert importable
    moved = distance.moved_by_noise(loader.load(colour_spec(), "cpu"), _sample(REFERENCE))
    assert 1e-9 < moved < 1e-6
