"""Numbers stay finite in float32, bfloat16 and float16."""

import pytest
import torch
from torch import nn

import contract_networks as nets
from contract_networks import tried
from imgcls.contracts.check import check
from imgcls.models import loader
from networks import INPUT


def test_what_overflows_float16_is_named_with_its_value() -> None:
    """The first layer, although the next one brings the values back."""
    result = tried("finite", nets.Large(5e4))
    assert result.status == "fail"
    assert result.message == (
        "in float16, fault.up (Conv2d) returns what is not finite: in float32 it reaches 1.28e+05, and the largest "
        "value of float16 is 6.55e+04"
    )


def test_what_overflows_bfloat16() -> None:
    """Its largest value is a little below that of float32."""

    class Nearly(nn.Module):
        def forward(self, values: torch.Tensor) -> torch.Tensor:
            return values * 0 + 3.4e38

    class Scaled(nn.Module):
        def forward(self, values: torch.Tensor) -> torch.Tensor:
            return values * 1e-38

    result = tried("finite", nn.Sequential(Nearly(), Scaled()))
    assert result.status == "fail"
    assert result.message.startswith(
        "in bfloat16, fault.0 (Nearly) returns what is not finite: in float32 it reaches 3.4e+38, and the largest "
        "value of bfloat16 is 3.39e+38; in float16, fault.0 (Nearly)"
    )


def test_a_weight_beyond_the_type_is_named() -> None:
    """Where not the values but a parameter is too large."""
    result = tried("finite", nets.Large(1e5))
    assert "in float16, fault.up (Conv2d) returns what is not finite: its weight reaches 1e+05" in result.message


def test_what_is_not_finite_in_float32_is_the_message() -> None:
    """Narrower types show nothing more."""
    result = tried("finite", nets.Broken())
    assert result.status == "fail"
    assert result.message == (
        "in float32, fault (Broken) returns what is not finite: all that it takes is finite, and its largest finite "
        "value is 0"
    )


@pytest.mark.parametrize("fault", [None, nets.Counter()])
def test_the_network_itself_stays_in_its_precision(fault: nn.Module | None) -> None:
    """Other precisions are tried on copies."""
    model = loader.from_module(nets.Net(fault), "net", INPUT, "digits", "cpu")
    result = check("finite", model, [])
    assert result.status == "pass"
    assert {str(each.dtype) for each in model.classifier.module.parameters()} == {"torch.float32"}
    for precision in ("float32", "bfloat16", "float16"):
        assert f"{precision} up to 2" in result.message
