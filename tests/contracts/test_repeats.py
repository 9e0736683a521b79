"""A network is in evaluation mode, and returns the same bits each time."""

import random

import pytest
import torch
from torch import nn

import contract_networks as nets
from contract_networks import tried
from imgcls.contracts.check import check
from imgcls.models import loader
from networks import INPUT


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (nets.DropoutLeftOn(), "1 of 10 modules are in training mode: fault (DropoutLeftOn)"),
        (
            nets.FunctionalDropout(),
            "the same input gives other outputs each time from fault (FunctionalDropout) on: it d",
        ),
        (nets.Noisy(), "the same input gives other outputs each time from fault (Noisy) on: it draws random numbers"),
        (
            nets.BatchStatistics(),
            "batch norms that normalise with the statistics of each batch: fault (BatchStatistics)",
        ),
        (nn.BatchNorm2d(8, track_running_stats=False), "statistics of each batch: fault (BatchNorm2d)"),
        (nets.Running(), "statistics of each batch: fault (Running)"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else "",
)
def test_what_is_on_in_evaluation_mode_is_named(fault: nn.Module, message: str) -> None:
    """With its module and its kind."""
    result = tried("eval-mode", fault)
    assert result.status == "fail"
    assert message in result.message


def test_training_mode_within_a_run_is_named() -> None:
    """A network that puts a part of itself into training mode, as for dropout at inference, is not in evaluation."""

    class Switching(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm = nn.Dropout(0.0)

        def forward(self, values: torch.Tensor) -> torch.Tensor:
            self.norm.train()
            return values

    result = tried("eval-mode", Switching())
    assert (result.status, result.message) == (
        "fail",
        "when it runs, 1 of 11 modules are in training mode: fault.norm (Dropout)",
    )


def test_random_numbers_without_an_effect_are_stated() -> None:
    """They are drawn, and it is run more often before it passes."""
    result = tried("eval-mode", nets.RareDropout())
    assert result.status == "pass"
    assert "random numbers are drawn and changed nothing in 16 runs" in result.message


def test_the_process_draws_as_before() -> None:
    """What a network draws within the contract is not taken from the process."""
    model = loader.from_module(nets.Net(nets.Noisy()), "net", INPUT, "digits", "cpu")
    before = torch.get_rng_state()
    assert check("eval-mode", model, []).status == "fail"
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("fault", [nets.FunctionalDropout(), nets.Noisy(), nets.Remembering()])
def test_other_bits_begin_at_a_module(fault: nn.Module) -> None:
    """The innermost that took the same and returned something else, also where the images before it show."""
    result = tried("deterministic", fault)
    assert result.status == "fail"
    assert "4 of 4 images have other logits when they are run again" in result.message
    assert f"it begins at fault ({type(fault).__name__})" in result.message


def test_only_other_images_show() -> None:
    """What was computed for other images remains, and the same images twice in a row would not show it."""

    class Older(nn.Module):
        last = older = 0.0

        def forward(self, values: torch.Tensor) -> torch.Tensor:
            if (mean := float(values.mean())) != self.last:
                self.last, self.older = mean, self.last
            return values + self.older

    result = tried("deterministic", Older())
    assert result.status == "fail"
    assert result.message.endswith("it did not show again when modules were watched")


def test_what_lies_between_two_modules_is_named_by_both() -> None:
    """Noise in the code of a network itself, which no module of its own stands for."""

    class Between(nets.Net):
        def forward(self, batch: torch.Tensor) -> torch.Tensor:
            return self.head(self.stem(batch) + random.random())  # type: ignore[no-any-return]  # noqa: S311 - noise

    model = loader.from_module(Between(), "net", INPUT, "digits", "cpu")
    message = "it begins at the network itself (Between), after stem (Sequential) and before head (Sequential)"
    assert message in check("deterministic", model, []).message
    assert "it draws random numbers" not in check("eval-mode", model, []).message  # Python's own are not torch's
