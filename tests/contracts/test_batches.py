"""An image's output does not depend on the batch that it is in, and batches may have any size."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

import contract_networks as nets
from contract_networks import image_file, tried


@pytest.mark.parametrize(
    "fault",
    [nets.BatchStatistics(), nn.BatchNorm2d(8, track_running_stats=False), nets.OverTheBatch()],
    ids=lambda fault: type(fault).__name__,
)
def test_neighbours_that_show_are_named_by_the_layer(fault: nn.Module) -> None:
    """Where the output of one image begins to depend on the others."""
    result = tried("batch-invariant", fault)
    assert result.status == "fail"
    assert "synthetic image 0 has another output alone than first in a batch: logits are" in result.message
    assert result.message.endswith(f"it begins at fault ({type(fault).__name__})")


def test_names_of_files_are_spelled(tmp_path: Path) -> None:
    """A name with a control character is seen, and does nothing to a terminal."""
    image = replace(image_file(tmp_path), path="a\x1b[31m.jpg")
    result = tried("batch-invariant", nets.OverTheBatch(), image)
    assert result.message.startswith("a\\x1b[31m.jpg has another output alone than first in a batch")


def test_only_the_last_of_a_batch() -> None:
    """What only one position changes is seen, too."""

    class Last(nn.Module):
        def forward(self, values: torch.Tensor) -> torch.Tensor:
            return torch.cat([values[:-1], values[-1:] * 1.5]) if len(values) > 1 else values

    result = tried("batch-invariant", Last())
    assert result.status == "fail"
    assert "alone than last in a batch" in result.message
    assert "it begins at fault (Last)" in result.message


def test_only_an_extreme_neighbour() -> None:
    """As where activations are scaled by the largest of a batch, and ordinary images are within a range."""

    class Scaled(nn.Module):
        def forward(self, values: torch.Tensor) -> torch.Tensor:
            return values / max(float(values.abs().max()), 4.0) if len(values) else values

    result = tried("batch-invariant", Scaled())
    assert result.status == "fail"
    assert "alone than next to an image of one extreme value" in result.message
    assert "it begins at fault (Scaled)" in result.message


def test_what_differs_by_itself_is_inconclusive() -> None:
    """Where the same batch gives other outputs each time, neighbours cannot be judged."""
    result = tried("batch-invariant", nets.FunctionalDropout())
    assert (result.status, result.message) == (
        "inconclusive",
        "the same batch gives other outputs each time: see the contract deterministic",
    )


def test_a_chaotic_network_is_inconclusive() -> None:
    """What a millionth of noise does to it could be what neighbours do."""

    class Chaos(nn.Module):
        def forward(self, values: torch.Tensor) -> torch.Tensor:
            return torch.sin(values * 1e6)

    result = tried("batch-invariant", Chaos())
    assert result.status == "inconclusive"
    assert "standard deviations when its input moves by 1e-6" in result.message


def test_a_network_that_refuses_an_image_alone() -> None:
    """Its own words are in the message."""
    result = tried("batch-invariant", nets.Even())
    assert (result.status, result.message) == (
        "fail",
        "Net refuses a batch of shape (1, 3, 32, 32): not enough values to unpack (expected 2, got 1)",
    )


def test_odd_batches_that_are_refused() -> None:
    """All sizes are tried, and all that are refused are named."""
    result = tried("batch-sizes", nets.Even())
    assert result.status == "fail"
    assert "5 images: Net refuses a batch of shape (5, 3, 32, 32): images come in pairs; 1 image: " in result.message


def test_a_batch_of_none_may_be_refused() -> None:
    """That is stated, and nothing fails."""
    result = tried("batch-sizes", nets.NotNone())
    assert result.status == "pass"
    assert "a batch of 0 is refused (Net refuses a batch of shape (0, 3, 32, 32): no images)" in result.message
    assert tried("batch-sizes").message.endswith("and a batch of 0 gives (0, classes) (5 synthetic images)")


def test_a_batch_of_none_must_not_have_rows() -> None:
    """Another shape than (0, classes) fails."""
    result = tried("batch-sizes", nets.OneAtLeast())
    assert (result.status, result.message) == (
        "fail",
        "0 images: Net is not a classifier: for 0 images it returned a tensor of shape (1, 10)",
    )
