"""Inference changes no tensor, and a checkpoint gives the same network again."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

import contract_networks as nets
from contract_networks import tried
from imgcls.contracts.check import check
from imgcls.models import loader
from imgcls.records.config import ModelSpec
from imgcls.system import versions
from network_files import make_spec, write_onnx
from networks import INPUT

FACTORIES = """
import torch

def seeded():
    torch.manual_seed(0)
    return random()

def random():
    return torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(2), torch.nn.Flatten(), torch.nn.Linear(12, 10))

class Drawn(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.shift = torch.rand(())

    def forward(self, batch):
        return batch.mean(dim=(2, 3)) + self.shift

def drawn():
    return Drawn()
"""


def test_a_counter_is_named_with_its_values() -> None:
    """Before and after three batches of 5, 1 and 2 images."""
    result = tried("state-unchanged", nets.Counter())
    assert result.status == "fail"
    before, after = result.message.partition("fault.count (")[2].rstrip(")").split(" -> ")
    assert int(after) - int(before) == 8


@pytest.mark.parametrize(
    ("fault", "names"),
    [
        (nets.Drifting(), "1 of 10 tensors: fault.weight"),
        (nets.Running(), "2 of 14 tensors: fault.running_mean, fault.running_var"),
    ],
)
def test_tensors_that_change_are_named(fault: nn.Module, names: str) -> None:
    """Weights, and statistics of the images that went through."""
    result = tried("state-unchanged", fault)
    assert (result.status, result.message) == ("fail", f"inference changes {names}")


def test_a_buffer_that_is_not_saved_counts() -> None:
    """And one that a run adds or takes away."""

    class Hidden(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("shift", torch.zeros(2), persistent=False)
            self.register_buffer("gone", torch.zeros(2))

        def forward(self, values: torch.Tensor) -> torch.Tensor:
            self.shift = torch.ones(2)
            if "gone" in self._buffers:
                del self.gone
                self.register_buffer("new", torch.zeros(1))
            return values

    model = loader.from_module(nets.Net(Hidden()), "net", INPUT, "digits", "cpu")
    message = check("state-unchanged", model, []).message
    assert "inference changes" in message
    assert "fault.shift" in message


@pytest.fixture
def factories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Networks of one's own, to be loaded by name."""
    (tmp_path / "contract_factories.py").write_text(FACTORIES)
    monkeypatch.syspath_prepend(str(tmp_path))


def _reloaded(factory: str) -> tuple[str, str]:
    spec = ModelSpec("net", f"python:contract_factories:{factory}", input=INPUT, labels="digits")
    result = check("reload", loader.load(spec, "cpu"), [])
    return result.status, result.message


@pytest.mark.usefixtures("factories")
def test_weights_that_come_from_nowhere() -> None:
    """A factory without a checkpoint gives other weights each time, and their names are given."""
    status, message = _reloaded("random")
    assert status == "fail"
    assert "loaded again, the network has other tensors: 2.weight, 2.bias; what its checkpoint does not hold" in message
    assert _reloaded("seeded")[0] == "pass"


@pytest.mark.usefixtures("factories")
def test_what_is_in_no_tensor_of_the_state() -> None:
    """The same state, and other logits."""
    status, message = _reloaded("drawn")
    assert status == "fail"
    assert "loaded again, the same tensors give logits that differ by up to" in message


@pytest.mark.usefixtures("factories")
def test_a_checkpoint_that_was_changed(tmp_path: Path) -> None:
    """The file is another one since it was loaded, and the tensor that differs is named."""
    tensors = {"2.weight": torch.ones(10, 12), "2.bias": torch.zeros(10)}
    save_file(tensors, tmp_path / "net.safetensors")
    arch, weights = "python:contract_factories:random", tmp_path / "net.safetensors"
    model = loader.load(ModelSpec("net", arch, weights=weights, input=INPUT, labels="digits"), "cpu")
    assert check("reload", model, []).status == "pass"
    save_file({**tensors, "2.bias": torch.ones(10)}, weights)
    result = check("reload", model, [])
    assert result.status == "fail"
    assert "other tensors: 2.bias; " in result.message
    weights.unlink()
    assert check("reload", model, []).status == "error"


def test_a_module_of_the_process_has_no_checkpoint() -> None:
    """It is skipped."""
    result = tried("reload")
    assert (result.status, result.message) == ("skipped", "a module of this process has no checkpoint to load again")


@pytest.mark.skipif(not versions.has_library("onnx"), reason="onnxruntime: not installed")
def test_a_network_without_tensors_of_its_own_is_not_tried(tmp_path: Path) -> None:
    """A file that another library runs keeps its weights where nothing can be seen of them: that is no pass."""
    model = loader.load(make_spec(f"onnx:{write_onnx(tmp_path / 'net.onnx')}"), "cpu")
    result = check("state-unchanged", model, [], exif="ignore")
    assert result.status == "skipped"
    assert "has no tensors that can be read" in result.message
