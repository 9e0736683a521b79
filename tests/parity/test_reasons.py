"""imgcls.parity.reasons: on which images the reason of a difference is sought, and what becomes of it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from imgcls.errors import StoreError
from imgcls.parity import reasons
from imgcls.parity.diagnosis import diagnose
from imgcls.parity.reasons import Sought
from imgcls.parity.sample import Sample
from imgcls.records.data import ImageRef
from imgcls.records.parity import Parity

PARITY = Parity("net", "onnx", "photos", "onnx", "net.onnx")


def _sample(flips: int, others: int) -> Sample:
    """First the images that do not flip, then those that do; the number of an image is its path."""
    n = flips + others
    images = tuple(ImageRef(f"{place}", Path(), f"{place}", None) for place in range(n))
    reference = np.tile(np.array([1, 0], np.float32), (n, 1))
    export = reference.copy()
    export[others:] = (0, 1)
    batch = torch.zeros(n, 1, 1, 1)
    return Sample(images, (frozenset(),) * n, batch, batch, reference, export)


@pytest.mark.parametrize(
    ("flips", "others", "tried"),
    [(0, 64, (0, 64)), (3, 64, (3, 61)), (64, 64, (32, 32)), (60, 10, (54, 10)), (5, 5, (5, 5)), (64, 0, (64, 0))],
)
def test_half_of_the_images_may_be_flips(
    monkeypatch: pytest.MonkeyPatch, flips: int, others: int, tried: tuple[int, int]
) -> None:
    """Up to 64 images are tried, flips among them where there are any, in the order of the sample."""
    given: list[Sample] = []

    def faults(_: object, __: object, sample: Sample) -> tuple[()]:
        given.append(sample)
        return ()

    monkeypatch.setattr(diagnose, "faults", faults)
    network: Any = None
    reasons.added(PARITY, network, network, _sample(flips, others), Sought())
    places = [int(image.path) for image in given[0].images]
    assert (sum(place >= others for place in places), sum(place < others for place in places)) == tried
    assert places == sorted(places)


def test_without_a_sample_there_is_no_reason() -> None:
    """Nothing is tried on no image."""
    network: Any = None
    assert reasons.added(PARITY, network, network, None, Sought(localize=True)) == PARITY


def test_a_broken_store_is_no_note(monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends the comparison, as everywhere."""

    def broken(*_: object) -> None:
        raise StoreError("the disk is full")

    monkeypatch.setattr(diagnose, "faults", broken)
    network: Any = None
    with pytest.raises(StoreError, match="the disk is full"):
        reasons.added(PARITY, network, network, _sample(1, 1), Sought())


@pytest.mark.parametrize(("precision", "notes"), [("float16", 1), ("bfloat16", 1), ("float32", 0), ("int8", 0)])
def test_rounding_to_a_narrow_type_is_stated(monkeypatch: pytest.MonkeyPatch, precision: str, notes: int) -> None:
    """An export that is different without a fault has a reason, too."""
    monkeypatch.setattr(diagnose, "faults", lambda *_: ())
    network: Any = None
    result = reasons.added(replace(PARITY, precision=precision), network, network, _sample(1, 1), Sought())
    assert len(result.notes) == notes
    assert all(f"no fault was found: rounding to {precision}" in note for note in result.notes)
