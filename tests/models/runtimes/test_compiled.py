"""imgcls.models.runtimes.compiled: the logits are eager's, and each batch size is compiled once."""

import shutil
import subprocess
import warnings
from typing import Any
from unittest import mock

import numpy as np
import pytest
import torch
from torch import nn
from torch._dynamo.utils import counters
from torch._inductor.exc import InvalidCxxCompiler

from imgcls.errors import MachineError, ModelError, OutOfMemory
from imgcls.models.runtimes.compiled import CompiledClassifier
from imgcls.models.runtimes.eager import EagerClassifier

IMAGES = torch.randn(13, 3, 8, 8, generator=torch.Generator().manual_seed(0))

needs_compiler = pytest.mark.skipif(not shutil.which("g++"), reason="compiler: no g++ here")


class Tiny(nn.Module):
    """One layer."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(192, 5)

    def forward(self, batch: torch.Tensor) -> Any:
        return self.head(batch.flatten(1))


def _network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(288, 5))


@pytest.mark.slow
@needs_compiler
@pytest.mark.filterwarnings("ignore")  # torch's own, while it compiles
def test_logits_are_eagers_and_it_compiles_once() -> None:
    """A last, smaller batch is filled up, and its output cut again: it is not compiled for."""
    torch.compiler.reset()
    counters.clear()
    compiled, eager = CompiledClassifier(_network(), "float32", "cpu"), EagerClassifier(_network(), "float32", "cpu")
    for count in (8, 5, 8, 1):
        logits = compiled.logits(IMAGES[:count])
        assert np.allclose(eager.logits(IMAGES[:count]), logits, rtol=0, atol=1e-5)
    assert compiled.sizes == {8}
    assert counters["stats"]["unique_graphs"] == 1
    taken = compiled.compile_seconds
    assert taken > 0
    compiled.logits(IMAGES[:8])
    assert compiled.compile_seconds == taken


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("out of memory"), RuntimeError("CUBLAS_STATUS_ALLOC_FAILED")])
def test_memory_that_runs_out_forgets_the_size(error: Exception) -> None:
    """Smaller batches are not filled up to a size that did not fit."""
    classifier = CompiledClassifier(_network(), "float32", "cpu")
    sizes: list[int] = []

    def narrow(batch: torch.Tensor) -> torch.Tensor:
        sizes.append(len(batch))
        if len(batch) > 4:
            raise error
        return torch.zeros(len(batch), 5)

    classifier.compiled, classifier.sizes = narrow, {8}
    with pytest.raises(OutOfMemory):
        classifier.logits(IMAGES[:8])
    assert classifier.logits(IMAGES[:4]).shape == (4, 5)
    assert (sizes, classifier.sizes) == ([8, 4], {4})


def test_torchs_advice_to_be_less_exact_is_no_warning() -> None:
    """torch 2.11 gives it for a float32 network on a GPU, which fails of it where warnings are errors."""
    classifier = CompiledClassifier(_network(), "float32", "cpu")

    def compiled(batch: torch.Tensor) -> torch.Tensor:
        warnings.warn("TensorFloat32 tensor cores for float32 matrix multiplication available but ...", stacklevel=1)
        return torch.zeros(len(batch), 5)

    classifier.compiled = compiled
    assert classifier.logits(IMAGES).shape == (13, 5)


def test_a_compiler_that_lacks_pythons_headers() -> None:
    """Triton calls it for the code that starts kernels, and states nothing but the call."""
    classifier = CompiledClassifier(_network(), "float32", "cpu")
    command = ["/usr/bin/gcc", "cuda_utils.c", "-I/usr/include/python3.12"]
    classifier.compiled = mock.Mock(side_effect=subprocess.CalledProcessError(1, command))
    with pytest.raises(MachineError, match=r"on a GPU Python's headers, too, .* install g\+\+ and python3-dev"):
        classifier.logits(IMAGES)


@pytest.mark.slow
@needs_compiler
@pytest.mark.filterwarnings("ignore")  # torch's own, while it compiles
def test_every_network_of_a_class_has_code_of_its_own() -> None:
    """The tenth is compiled as the first was: weights are constants, and torch's limit of eight is lifted."""
    torch.compiler.reset()
    counters.clear()
    for seed in range(10):
        torch.manual_seed(seed)
        network = Tiny()
        compiled = CompiledClassifier(network, "float32", "cpu")
        expected = EagerClassifier(network, "float32", "cpu").logits(IMAGES[:2])
        assert np.allclose(expected, compiled.logits(IMAGES[:2]), rtol=0, atol=1e-5)
    assert counters["stats"]["unique_graphs"] == 10


@pytest.mark.filterwarnings("ignore")  # torch's own, while it compiles
@pytest.mark.parametrize("error", [InvalidCxxCompiler(), RuntimeError("Failed to find C compiler. Please specify")])
def test_an_absent_compiler_is_reported(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """Where torch, or Triton for a GPU, finds no compiler, the message states that, and what else there is."""

    def compiled(*_: Any) -> None:
        raise error

    classifier = CompiledClassifier(_network(), "float32", "cpu")
    monkeypatch.setattr(classifier, "compiled", compiled)
    with pytest.raises(MachineError, match=r'needs a C\+\+ compiler.* finds none: install g\+\+.*"eager"'):
        classifier.logits(IMAGES)


def test_what_the_network_raises_is_its_own_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception of the network is a ModelError, as where nothing is compiled."""

    def refuses(*_: Any) -> None:
        raise ValueError("no way")

    classifier = CompiledClassifier(_network(), "float32", "cpu")
    monkeypatch.setattr(classifier, "compiled", refuses)
    with pytest.raises(ModelError, match=r"Sequential refuses a batch of shape \(13, 3, 8, 8\): no way"):
        classifier.logits(IMAGES)
