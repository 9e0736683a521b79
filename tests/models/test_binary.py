"""imgcls.models.binary: one logit is two classes, and a probability is not taken for a logit."""

from typing import Any

import pytest
import torch
from torch import nn

from imgcls.errors import ModelError
from imgcls.models import binary
from imgcls.records.config import InputSpec, ModelSpec
from imgcls.records.data import LabelList

SPEC = ModelSpec("net", "python:nets:net")
INPUT = InputSpec(8, (8, 8), "center", "bilinear", (0.5,) * 3, (0.5,) * 3)
CATS = LabelList("classes.txt", ("cat", "dog"))


class Probability(nn.Module):
    """Takes the sigmoid without a layer of its own, of a network without parameters, and removes the last dimension."""

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        return torch.sigmoid(batch.mean(dim=(1, 2, 3), keepdim=False)[:, None]).squeeze(1)


class Numpy(nn.Module):
    """Takes no tensor with a gradient."""

    def __init__(self, last: nn.Module) -> None:
        super().__init__()
        self.last = last

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        logit: torch.Tensor = self.last(torch.from_numpy(batch.numpy().mean((1, 2, 3))))
        return logit


def _network(outputs: int, *after: nn.Module) -> nn.Module:
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, outputs), *after)


def _notes(network: nn.Module, labels: LabelList = CATS) -> tuple[str, ...]:
    return binary.notes(SPEC, network, INPUT, labels)


@pytest.mark.parametrize("after", [(), (nn.Flatten(0),)])
def test_one_logit_is_stated(after: tuple[nn.Module, ...]) -> None:
    """The note names both classes and the threshold."""
    assert _notes(_network(1, *after)) == ("one logit for each image: dog where its sigmoid is above 0.5, else cat",)


def test_classes_without_names() -> None:
    """Where the names come later, from folders, the two classes have numbers."""
    [note] = _notes(_network(1), LabelList("folders", ()))
    assert note == "one logit for each image: class 1 where its sigmoid is above 0.5, else class 0"


@pytest.mark.parametrize(
    ("network", "names"), [(_network(2), ("cat", "dog")), (_network(1), ("cat", "dog", "owl")), (_network(1), ("cat",))]
)
def test_other_networks_have_no_note(network: nn.Module, names: tuple[str, ...]) -> None:
    """Two outputs are two logits, and no other number of names goes with one."""
    assert _notes(network, LabelList("classes.txt", names)) == ()


def _frozen() -> nn.Module:
    network = _network(1, nn.Sigmoid())
    return network.requires_grad_(requires_grad=False)


@pytest.mark.parametrize("network", [_network(1, nn.Sigmoid()), Probability(), _frozen(), Numpy(nn.Sigmoid())])
def test_a_probability_is_refused(network: nn.Module) -> None:
    """All probabilities are above 0 and would be the second class: a sigmoid at the end is recognised and named."""
    with pytest.raises(
        ModelError, match=r"\[models\.net\] python:nets:net has one output .*a probability after a sigmoid: return the"
    ):
        _notes(network)


def test_a_sigmoid_elsewhere_does_no_harm() -> None:
    """Only the last step counts."""
    assert len(_notes(nn.Sequential(nn.Sigmoid(), _network(1)))) == 1
    assert len(_notes(Numpy(nn.Identity()))) == 1


def test_a_network_that_fails_has_no_note() -> None:
    """What it raises is reported where it is scored."""

    class Failing(nn.Module):
        def forward(self, _: Any) -> torch.Tensor:
            raise SystemExit

    assert _notes(Failing()) == ()
