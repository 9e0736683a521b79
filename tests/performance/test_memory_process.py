"""imgcls.performance.memory_process: growth from call to call, and errors that reach the waiting process."""

import contextlib
import io
import pickle
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from builders import make_memory
from imgcls.errors import DeviceMissing, ImgclsError, ModelError
from imgcls.gates import cost
from imgcls.models import loader
from imgcls.performance import memory, memory_process
from imgcls.records.config import ModelSpec
from imgcls.records.performance import Growth
from memory_nets import model_spec

MB = 1_000_000

Run = Callable[..., object]


@pytest.fixture
def outcome(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """``outcome(spec, device, batch)``: what the process writes, without a process and without memray."""
    monkeypatch.setattr(memory_process, "_tracked", lambda _: contextlib.nullcontext())

    def run(spec: ModelSpec, device: str = "cpu", batch: int = 1) -> object:
        request = (spec, device, batch, {phase: tmp_path / phase for phase in memory.CAPTURES})
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(pickle.dumps(request))))
        monkeypatch.setattr(sys, "argv", ["memory_process", str(tmp_path / "outcome")])
        memory_process.main()
        return pickle.loads((tmp_path / "outcome").read_bytes())  # noqa: S301 - written by our own code

    return run


# Errors.


@pytest.mark.parametrize(
    "spec",
    [
        model_spec("broken"),
        model_spec("absent"),
        ModelSpec("net", "timm:test_resnett", weights="random:1"),
        ModelSpec("net", "timm:test_resnet", weights=Path("absent.safetensors")),
    ],
    ids=lambda spec: f"{spec.arch} {spec.weights}",
)
def test_errors_are_those_of_loading(outcome: Run, spec: ModelSpec) -> None:
    """What goes wrong when a model is loaded goes wrong alike when it is measured."""
    with pytest.raises(ImgclsError) as loading:
        loader.load(spec, "cpu")
    error = outcome(spec)
    assert (type(error), str(error)) == (type(loading.value), str(loading.value))


@pytest.mark.skipif(torch.cuda.is_available(), reason="cuda: there is a CUDA device here")
def test_absent_devices(outcome: Run) -> None:
    """A device that is not there is the same error as when a model is loaded."""
    error = outcome(model_spec("keeper"), "cuda")
    assert isinstance(error, DeviceMissing)
    assert str(error).startswith("device 'cuda' was ")


def test_errors_of_the_first_call(outcome: Run) -> None:
    """A network that does not take the images raises as it does elsewhere."""
    error = outcome(model_spec("keeper", where="refuses"), batch=2)
    assert isinstance(error, ModelError)
    assert str(error) == "Keeper refuses a batch of shape (2, 3, 32, 32): no such images"


# Growth.


@pytest.mark.parametrize(
    ("resident", "leaks"),
    [
        ([500 * MB] * 40, False),
        ([500 * MB + call * MB for call in range(40)], True),
        ([500 * MB + call * MB + (call % 3) * 400_000 for call in range(20)], True),
        ([500 * MB + (call >= 9) * 30 * MB for call in range(40)], False),
        ([500 * MB + (call % 7) * 4096 for call in range(40)], False),
        ([500 * MB + call * 4096 for call in range(40)], False),
        ([500 * MB - call * MB for call in range(40)], False),
    ],
    ids=["still", "leak", "unsteady leak", "one step", "to and fro", "pages", "shrinking"],
)
def test_only_steady_growth_is_a_leak(resident: list[int], leaks: bool) -> None:
    """Memory that rises with every call is a leak; one step, noise and single pages are not."""
    growth = memory_process.growth(resident)
    assert growth.calls == len(resident)
    assert growth.low <= growth.bytes_per_call <= growth.high
    assert (cost.growth(replace(make_memory(), growth=growth)).status == "fail") == leaks


def test_growth_is_a_slope() -> None:
    """The slope is in bytes per call."""
    assert memory_process.growth([7 * call for call in range(20)]) == Growth(20, 7.0, 7.0, 7.0)


def test_slow_calls_are_fewer() -> None:
    """Calls that take long are made less often, down to the minimum."""
    ticks = iter(range(0, 10_000, 20))
    resident = memory_process._resident(lambda: None, "cpu", clock=lambda: float(next(ticks)))
    assert len(resident) == memory_process.MIN_CALLS
    assert len(memory_process._resident(lambda: None, "cpu")) == memory_process.CALLS
