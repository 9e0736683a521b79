"""Every contract by its name: kept by clean networks, each broken by a network with the fault that it is about."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import contract_networks as nets
from imgcls.contracts.check import NAMES, check
from imgcls.data import dataset
from imgcls.errors import ConfigError
from imgcls.models import loader
from imgcls.records.config import DatasetSpec, ModelSpec
from networks import INPUT

QUICK = [name for name in NAMES if name not in {"export", "compile"}]


@pytest.mark.parametrize("name", [name for name in NAMES if name not in {"export", "compile", "reload"}])
def test_a_clean_network_keeps_it(name: str) -> None:
    """And the message states that the images were synthetic."""
    result = nets.tried(name)
    assert (result.model, result.contract, result.status) == ("net", name, "pass")
    assert "synthetic" in result.message


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
@pytest.mark.parametrize("name", QUICK)
def test_a_clean_network_in_reduced_precision_keeps_it(name: str, precision: Any) -> None:
    """What rounding explains is then another."""
    spec = ModelSpec("net", "timm:test_resnet", weights="random:0", precision=precision, input=INPUT)
    assert check(name, loader.load(spec, "cpu"), []).status == "pass"


@pytest.mark.parametrize("name", QUICK)
def test_a_clean_network_by_another_runtime_keeps_it(name: str) -> None:
    """NumPy has no modules to look into, and no state of its own but that of the module that holds its weights."""
    spec = ModelSpec("net", "reference:efficientnet_b0", weights="random:0", input=INPUT)
    result = check(name, loader.load(spec, "cpu"), [])
    assert result.status == ("skipped" if name == "eval-mode" else "pass")


class _File:
    """What computes the logits of a file: no module, only logits."""

    max_batch_size = None
    concurrent = False

    def logits(self, batch: torch.Tensor) -> Any:
        return np.asarray(batch.mean(dim=(2, 3)).numpy())

    def to_device(self, batch: torch.Tensor) -> torch.Tensor:
        return batch

    def forward(self, batch: torch.Tensor) -> Any:
        return self.logits(batch)

    def to_numpy(self, output: Any, _images: int) -> Any:
        return output


@pytest.mark.parametrize("name", NAMES)
def test_what_needs_modules_is_skipped_for_a_file(name: str) -> None:
    """By name, with the reason; all others are tried."""
    model = loader.from_module(nets.Net(), "net", INPUT, "digits", "cpu")
    result = check(name, replace(model, load=_File), [])  # type: ignore[arg-type]  # half of one is enough
    needs_module = name in {"eval-mode", "state-unchanged", "reload", "export", "compile"}
    assert result.status == ("skipped" if needs_module else "pass")
    assert "modules" in result.message or "module of this process" in result.message or not needs_module


@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.parametrize("name", NAMES)
def test_squeezenet_keeps_it_on_photographs(name: str, shared_data: Path) -> None:
    """All contracts, with its published weights, from a file."""
    weights = shared_data / "weights" / "squeezenet1_0.deep_compression_in1k.safetensors"
    model = loader.load(ModelSpec("squeezenet", "torchvision:squeezenet1_0", weights=weights), "cpu")
    images = dataset.list_images(DatasetSpec("photos10", shared_data / "photos10")).images[::10]
    result = check(name, model, images)
    assert result.status == "pass"
    assert "synthetic" not in result.message or name == "deterministic"


@pytest.mark.parametrize("name", NAMES)
def test_a_network_that_fails_is_an_error(name: str) -> None:
    """Whatever it raises, in one line; what that shows of a contract is its failure."""

    class Failing(torch.nn.Module):
        def forward(self, values: torch.Tensor) -> torch.Tensor:
            raise RuntimeError(f"{len(values)} images break it\nin two lines")

    result = nets.tried(name, Failing())
    assert result.status in {"error", "fail", "skipped"}
    assert "\n" not in result.message


def test_an_unknown_contract_is_refused() -> None:
    """By the name that it resembles."""
    with pytest.raises(ConfigError, match=r"^contract 'finit' does not exist; did you mean 'finite'\?$"):
        nets.tried("finit")


def test_the_names_are_light() -> None:
    """To collect the tests, neither torch nor NumPy is imported."""
    code = "import sys, imgcls.contracts.check; print({'torch', 'numpy', 'PIL'} & sys.modules.keys())"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"
