"""imgcls.golden.diff: how far an image is from its record, and how far it may be."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import GOLDEN, SOUND, TENSOR, make_current, make_golden_image, make_output
from imgcls.golden import diff
from imgcls.golden.records import CurrentImage, Tolerance

ALLOWED = Tolerance(0.1, 1e-4, "the same")


def _moved(logits: dict[int, float]) -> bool:
    distances = diff.image_changes(GOLDEN, make_current(make_output(logits)), ALLOWED)
    return bool(diff.beyond(distances, ALLOWED))


@given(st.lists(st.floats(-0.049, 0.049), min_size=10, max_size=10))
def test_noise_below_the_tolerance_never_moves_an_image(noise: list[float]) -> None:
    """Every logit may move by what is allowed."""
    assert not _moved({index: logit + n for (index, logit), n in zip(SOUND.items(), noise, strict=True)})


@given(st.integers(0, 4), st.floats(0.11, 100), st.booleans())
def test_a_recorded_logit_beyond_the_tolerance_always_moves_its_image(rank: int, by: float, up: bool) -> None:
    """Whichever of the five moves, in whichever direction."""
    assert _moved({**SOUND, rank: SOUND[rank] + (by if up else -by)})


@given(st.integers(0, 3), st.floats(0.001, 0.3))
def test_neighbours_swap_where_they_are_closer_than_the_tolerance_and_nowhere_else(rank: int, gap: float) -> None:
    """Two classes in the other order are the same prediction only where the recorded logits do not distinguish them."""
    close = {**SOUND, rank + 1: SOUND[rank] - gap}
    swapped = {**close, rank: close[rank + 1], rank + 1: close[rank]}
    golden = replace(GOLDEN, images=(make_golden_image("cat/1.jpg", make_output(close)),))
    changes = diff.image_changes(golden, make_current(make_output(swapped)), ALLOWED)
    assert bool(diff.beyond(changes, ALLOWED)) == (gap > ALLOWED.logits)


def test_farther_classes_do_not_swap_though_each_moves_by_less_than_the_tolerance() -> None:
    """The recorded distance counts."""
    golden = replace(GOLDEN, images=(make_golden_image("cat/1.jpg", make_output({**SOUND, 1: 8.0, 2: 7.85})),))
    changes = diff.image_changes(golden, make_current(make_output({**SOUND, 1: 7.92, 2: 7.93})), ALLOWED)
    assert diff.beyond(changes, ALLOWED)


def test_a_sixth_class_may_take_the_fifth_place_only_from_nearby() -> None:
    """The record does not hold the sixth; the class that takes the place must be as near as a neighbour."""
    assert not _moved({**SOUND, 5: 5.05})
    assert _moved({**SOUND, 5: 5.2})
    assert _moved({**SOUND, 5: 5.05, 4: 4.8})


def test_a_class_that_left_the_ten_best_moved() -> None:
    """How far is not known, and at least to the tenth."""
    gone = {**{index: logit + 0.01 for index, logit in SOUND.items()}, 4: -5.0, 10: 0.005}
    [first, _] = diff.image_changes(GOLDEN, make_current(make_output(gone)), ALLOWED)
    assert first.logits == pytest.approx(5.0 - 0.005)
    assert any(rank.startswith("5: 4 class 4") for rank in first.ranks)


def test_what_moved_farthest_comes_first() -> None:
    """Changes are sorted, so that of many images the farthest are shown."""
    current = make_current(make_output(SOUND))
    outputs = {"cat/1.jpg": make_output({**SOUND, 0: 9.5}), "cat/2.jpg": make_output({**SOUND, 0: 12.0})}
    current = replace(current, images={path: CurrentImage(path, "cat", output) for path, output in outputs.items()})
    beyond = diff.beyond(diff.image_changes(GOLDEN, current, ALLOWED), ALLOWED)
    assert [change.path for change in beyond] == ["cat/2.jpg", "cat/1.jpg"]


@given(st.floats(1e-7, 100))
def test_rounded_logits_of_any_size_are_as_recorded(std: float) -> None:
    """The digits that a record leaves out move no image."""
    output = make_output({index: logit * std / 3 for index, logit in SOUND.items()})
    probability = float(f"{math.exp(output.top[0][1] - output.logsumexp):.9g}")
    golden = replace(
        GOLDEN, logit_std=std, images=(replace(make_golden_image("cat/1.jpg", output), probability=probability),)
    )
    assert not diff.beyond(diff.image_changes(golden, make_current(output), Tolerance(1e-4, 1e-4, "")), ALLOWED)


@pytest.mark.parametrize(
    ("other", "allowed"),
    [
        ({}, 1e-3),
        ({"device": "cuda"}, 1e-2),
        ({"decoder": "pillow 12.0.0 (libjpeg_turbo 3.2.0, webp 1.6.0)"}, 1e-1),
    ],
)
def test_the_tolerance_is_a_hundred_sensitivities_and_wider_elsewhere(other: dict[str, object], allowed: float) -> None:
    """Ten times as wide on another kind of device, a hundred times with another decoder."""
    now = make_current(make_output(SOUND), **other).context
    assert diff.tolerance(GOLDEN, now).logits == pytest.approx(allowed)
    insensitive = replace(GOLDEN, sensitivity=0.0)
    assert diff.tolerance(insensitive, now).logits == pytest.approx(allowed / 10)


def test_a_record_that_holds_states_how_far_it_is() -> None:
    """The number of images, other tensors, the farthest logit, and what is allowed why."""
    output = make_output({**SOUND, 0: 9.05}, tensor=(0.1, *(0.1004,) * 11))
    allowed = Tolerance(0.1, 0.02, "another decoder")
    changes = diff.image_changes(GOLDEN, make_current(output), allowed)
    assert diff.within_tolerance(changes, allowed) == (
        "2 images as recorded; 2 tensors changed; logits moved by at most 0.05 of their standard deviation, "
        "allowed 0.1 (another decoder)"
    )


def test_a_tensor_of_other_channels_moved() -> None:
    """Where an image had three channels and has one now, no mean of its tensor is what it was."""
    [change, *_] = diff.image_changes(GOLDEN, make_current(make_output(SOUND, TENSOR[:4])), ALLOWED)
    assert change.tensor == math.inf
