"""What is tried on an input."""

import torch

import planted
from imgcls.parity.diagnosis import input_variants
from imgcls.records.config import InputSpec

SPEC = InputSpec(36, (32, 32), "center", "bilinear", planted.MEAN, planted.STD)
GREY = InputSpec(36, (32, 32), "center", "bilinear", (0.5,), (0.5,))


def test_every_variant_keeps_the_shape() -> None:
    """A variant is a batch that the network takes, and another one than it was."""
    for variant in input_variants.variants(SPEC):
        changed = variant.undo(planted.BATCH)
        assert changed.shape == planted.BATCH.shape
        assert not torch.equal(changed, planted.BATCH)


def test_one_channel() -> None:
    """Colours and values of three channels are not tried on one."""
    groups = {variant.group for variant in input_variants.variants(GREY)}
    assert groups == {"layout", "place"}
    for variant in input_variants.variants(GREY):
        assert variant.undo(torch.rand(2, 1, 8, 8)).shape == (2, 1, 8, 8)


def test_the_own_family_is_not_tried() -> None:
    """A mean and standard deviation that the export has already explain nothing."""
    whats = " ".join(variant.what for variant in input_variants.variants(SPEC))
    assert "CLIP" in whats
    assert "pixels as ImageNet" not in whats


def test_inputs_that_differ() -> None:
    """Each part of an input by its name, with both values; mean and std are one fault."""
    other = InputSpec(40, (32, 32), "squash", "bicubic", (0.5,) * 3, (0.5,) * 3)
    faults = {fault.name: fault.what for fault in input_variants.other_input(SPEC, other)}
    assert list(faults) == ["resize", "crop mode", "interpolation", "mean and std"]
    assert faults["interpolation"] == "interpolation is bicubic for the export and bilinear for the reference"
    assert "std is 0.5, 0.5, 0.5 for the export and 0.229, 0.224, 0.225 for the reference" in faults["mean and std"]
    assert input_variants.other_input(SPEC, SPEC) == ()
