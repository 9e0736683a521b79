"""PyTorch's exporter and compiler take a network, and compute the same."""

import pytest
import torch
from torch import nn

import contract_networks as nets
from contract_networks import tried

pytestmark = pytest.mark.slow


def test_export_takes_a_clean_network() -> None:
    """Its program gives the same bits."""
    result = tried("export")
    assert (result.status, result.message) == (
        "pass",
        "torch.export takes the network and gives the same bits (2 synthetic images)",
    )


def test_compile_takes_a_clean_network() -> None:
    """Its code gives the same logits within rounding."""
    result = tried("compile")
    assert result.status == "pass"
    assert result.message.startswith("torch.compile takes the network and gives ")


@pytest.mark.parametrize("name", ["export", "compile"])
def test_code_that_depends_on_values_is_refused(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    """The line of code is named, and nothing is printed."""
    result = tried(name, nets.Choosing())
    assert result.status == "fail"
    assert f"torch.{name} refuses the network" in result.message
    assert "return values * 2 if values.sum() > 1e9 else values" in result.message
    assert (name == "compile") or "at fault (Choosing)" in result.message
    assert "\n" not in result.message
    assert capfd.readouterr() == ("", "")


def test_a_graph_break() -> None:
    """What the compiler would run by itself in two pieces."""

    class Breaking(nn.Module):
        def forward(self, values: torch.Tensor) -> torch.Tensor:
            torch._dynamo.graph_break()
            return values

    result = tried("compile", Breaking())
    assert result.status == "fail"
    assert "torch._dynamo.graph_break()" in result.message


@pytest.mark.parametrize("name", ["export", "compile"])
def test_other_logits_are_a_failure(name: str) -> None:
    """That it is taken is not enough."""
    result = tried(name, nets.ElseWhere())
    assert result.status == "fail"
    assert f"torch.{name} takes the network, and computes something else: its logits are" in result.message


def test_logits_that_are_not_finite_are_inconclusive() -> None:
    """There is nothing to compare."""
    result = tried("export", nets.Broken())
    assert (result.status, result.message) == (
        "inconclusive",
        "its own logits are not finite: see the contract finite",
    )


def test_without_a_compiler_it_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    """With what to install."""

    def compiler(*_: object, **__: object) -> None:
        raise RuntimeError("InvalidCxxCompiler: No working C++ compiler found")

    monkeypatch.setattr(torch, "compile", compiler)
    result = tried("compile")
    assert (result.status, result.message) == (
        "skipped",
        "torch.compile needs a C++ compiler, and finds none: install g++, or name one in CXX",
    )
