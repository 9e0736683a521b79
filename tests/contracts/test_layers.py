"""The calls of a network's modules, and where two runs part."""

from typing import Any

import torch
from torch import nn

import contract_networks as nets
from imgcls.contracts import layers
from imgcls.models.runtimes.eager import EagerClassifier

BATCH = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def _calls(network: nn.Module) -> list[layers.Call]:
    return layers.calls(EagerClassifier(network, "float32", "cpu"), BATCH, layers.bits)


def test_calls_are_in_the_order_in_which_they_end() -> None:
    """What lies inside of a module comes before it; the network itself is the last."""
    calls = _calls(nets.Net())
    assert [call.name for call in calls] == [
        "stem.0", "stem.1", "stem.2", "stem", "fault", "head.0", "head.1", "head.2", "head", "",
    ]  # fmt: skip
    assert [call.inside for call in calls] == [0, 1, 2, 0, 4, 5, 6, 7, 5, 0]


def test_no_hook_remains() -> None:
    """Also where the network failed."""
    network = nets.Net()
    _calls(network)
    assert [module for module in network.modules() if module._forward_hooks or module._forward_pre_hooks] == []


def test_the_same_runs_do_not_part() -> None:
    """A clean network has the same bits at every module."""
    network = nets.Net()
    assert layers.origin(_calls(network), _calls(network)) is None


def test_the_innermost_module_is_named() -> None:
    """Not the one that it lies in, nor those after it."""
    network = nets.Net(nn.Sequential(nn.Identity(), nn.Sequential(nets.Noisy(), nn.Identity())))
    assert layers.origin(_calls(network), _calls(network)) == "fault.1.0 (Noisy)"


def test_a_layer_that_is_left_out_at_random() -> None:
    """Another number of calls is another run."""

    class Skipping(nn.Module):
        runs = 0

        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Identity()

        def forward(self, values: torch.Tensor) -> Any:
            self.runs += 1
            return self.inner(values) if self.runs % 2 else values

    network = nets.Net(Skipping())
    assert layers.origin(_calls(network), _calls(network)) == "fault.inner (Identity), which is not run each time"


def test_tensors_by_keyword_and_in_mappings_count() -> None:
    """Whatever a module takes and returns."""

    class Named(nn.Module):
        def forward(self, *, values: dict[str, list[torch.Tensor]]) -> Any:
            return {"values": tuple(values["x"])}

    class Outer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = Named()

        def forward(self, values: torch.Tensor) -> Any:
            return self.inner(values={"x": [values, values]})["values"][0]

    inner = next(call for call in _calls(nets.Net(Outer())) if call.name == "fault.inner")
    assert (len(inner.before), len(inner.after)) == (2, 2)
