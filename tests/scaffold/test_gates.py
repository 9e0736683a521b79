"""First gates: what so many images show, and that such a gate can be red and green."""

import pytest
from scipy.stats import binom

from builders import make_pair, make_scores
from imgcls.gates import accuracy
from imgcls.records.thresholds import Gate, ProvenThreshold
from imgcls.scaffold import gates
from imgcls.scaffold.gates import FirstGate


def _gate(images: int, guessing: float = 0.001, published: float | None = None) -> FirstGate:
    gate = gates.proposed(images, guessing, published)
    assert gate is not None
    return gate


def _status(gate: FirstGate, right: int) -> str:
    """The verdict of the gates themselves."""
    scores = make_scores(
        listed=gate.images, scored=gate.images, distinct=gate.images, top1_count=right, top5_count=gate.images
    )
    threshold = Gate(top1=ProvenThreshold(gate.top1, gates.CONFIDENCE))
    [verdict] = [v for v in accuracy.evaluate(threshold, make_pair(scores=scores)) if v.metric == "top1"]
    return verdict.status


@pytest.mark.parametrize(("images", "expected"), [(1, 0.05), (5, 0.5493), (50, 0.9418), (1000, 0.9970)])
def test_the_most_that_images_show_is_known_before_any_run(images: int, expected: float) -> None:
    """With n of n right, the bound is the n-th root of 0.05."""
    assert gates.most_shown(images) == pytest.approx(expected, abs=5e-5)


@pytest.mark.parametrize(
    ("images", "published", "top1", "right"),
    [
        (50, None, 0.5, 32),
        (1000, None, 0.5, 527),
        (50, 0.753, 0.55, 34),
        (1000, 0.753, 0.7, 725),
        (20, None, 0.45, 14),
        (12, None, 0.35, 8),
        (5, None, 0.15, 3),
    ],
)
def test_thresholds_follow_from_the_number_of_images(
    images: int, published: float | None, top1: float, right: int
) -> None:
    """No model is run for them."""
    gate = _gate(images, published=published)
    assert (gate.top1, gate.right) == (top1, right)
    assert gate.reason.startswith(f"{right} of {images} right show it; ")


@pytest.mark.parametrize("images", [1, 2, 3, 4, 5, 7, 10, 50, 333, 5000])
@pytest.mark.parametrize("published", [None, 0.05, 0.42, 0.753, 0.999])
def test_a_first_gate_can_be_red_and_green(images: int, published: float | None) -> None:
    """All right passes, exactly ``right`` passes, one less does not."""
    gate = _gate(images, published=published)
    assert _status(gate, images) == "pass"
    assert _status(gate, gate.right) == "pass"
    assert _status(gate, gate.right - 1) != "pass"
    assert 0 < gate.top1 < 1


@pytest.mark.parametrize("images", [5, 12, 20, 50, 200, 1000])
@pytest.mark.parametrize("published", [None, 0.753])
def test_a_good_model_passes_nine_times_of_ten(images: int, published: float | None) -> None:
    """Exactly counted, for one as good as published or right four times of five; and one that guesses never does."""
    gate = _gate(images, published=published)
    assert binom.sf(gate.right - 1, images, published or 0.8) >= 0.9
    assert binom.sf(gate.right - 1, images, 0.02) < 0.01


@pytest.mark.parametrize("guessing", [0.5, 1 / 3, 0.1])
@pytest.mark.parametrize("images", [5, 7, 20, 50, 1000])
def test_guessing_passes_one_time_of_twenty(images: int, guessing: float) -> None:
    """However few the classes are."""
    gate = _gate(images, guessing)
    assert gate.top1 >= guessing
    assert binom.sf(gate.right - 1, images, guessing) <= 0.05


def test_half_way_is_above_guessing_however_few_classes() -> None:
    """Half right of two classes would be what a coin gets."""
    assert _gate(1000, guessing=0.5).top1 == 0.75
    assert _gate(1000, guessing=1 / 3).top1 == 0.65


def test_what_cannot_fail_has_no_gate() -> None:
    """One class, or every class right; nor has a dataset without an image."""
    assert gates.proposed(50, 1.0) is None
    assert gates.proposed(0, 0.001) is None


def test_each_threshold_says_where_it_is_from() -> None:
    """In words, with the number of images that must be right."""
    assert "published 0.753, which is of ImageNet's validation images" in _gate(50, published=0.753).reason
    assert "half way between guessing, 0.019, and being always right" in _gate(50, guessing=0.0188).reason
    assert "a model that is right 4 times of 5 passes 9 times of 10" in _gate(12).reason
    assert "more than guessing, 0.5" in _gate(7, guessing=0.5).reason
    assert "no more can be shown by 3 images" in _gate(3, guessing=0.5).reason
