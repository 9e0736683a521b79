"""imgcls.models.runtimes.base: which runtime runs a model, and on which device."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from imgcls.errors import ConfigError, DeviceMissing, MachineError
from imgcls.models.runtimes import base as runtimes
from imgcls.models.runtimes.base import Request
from imgcls.models.runtimes.eager import EagerClassifier
from imgcls.records.config import ModelSpec
from imgcls.system import machine, versions


def _request() -> Request:
    return Request("net", nn.Flatten, "float32", "cpu", (8, 8), cores=1, workers=1)


@pytest.mark.parametrize(
    ("arch", "configured", "requested", "is_automatic"),
    [
        ("timm:resnet18", "auto", "eager", True),
        ("timm:resnet18", "eager", "eager", False),
        ("python:nets:net", "openvino", "openvino", False),
        ("reference:efficientnet_b0", "auto", "numpy", False),
    ],
)
def test_the_runtime_of_a_model(arch: str, configured: str, requested: str, *, is_automatic: bool) -> None:
    """It is the source's only one, else the configured one; by default it is eager, until another is chosen."""
    spec = ModelSpec("net", arch, runtime=configured)
    assert (runtimes.requested(spec), runtimes.is_automatic(spec)) == (requested, is_automatic)


@pytest.mark.parametrize(
    ("arch", "runtime", "where"),
    [
        ("timm:resnet18", "auto", ["cpu", "cuda", "cuda:1", "mps"]),
        ("timm:resnet18", "compile", ["cpu", "cuda", "cuda:1"]),
        ("timm:resnet18", "cuda-graph", ["cuda", "cuda:1"]),
        ("timm:resnet18", "openvino", ["cpu"]),
        ("reference:efficientnet_b0", "auto", ["cpu"]),
    ],
)
def test_the_devices_of_a_runtime(arch: str, runtime: str, where: list[str]) -> None:
    """Every runtime but that of CUDA graphs runs on a CPU, and some of them on a GPU."""
    spec = ModelSpec("net", arch, runtime=runtime)
    assert [device for device in ("cpu", "cuda", "cuda:1", "mps") if runtimes.runs_on(spec, device)] == where


@pytest.mark.parametrize(
    ("here", "requested", "expected"),
    [
        (["cpu", "cuda"], None, {"cpu": ["any", "cpu only"], "cuda": ["any", "cuda only"]}),
        (["cpu"], None, {"cpu": ["any", "cpu only", "cuda only"]}),
        (["cuda"], "cuda", {"cuda": ["any", "cpu only", "cuda only"]}),
    ],
)
def test_models_are_scored_where_they_run_or_are_refused(
    monkeypatch: pytest.MonkeyPatch, here: list[str], requested: str | None, expected: dict[str, list[str]]
) -> None:
    """On every device that is here, or on the requested one; no model is left out without a word."""
    monkeypatch.setattr(machine, "devices", lambda given: here if given == requested else [])
    how = {"any": "eager", "cpu only": "openvino", "cuda only": "cuda-graph"}
    models = {name: ModelSpec(name, "timm:resnet18", runtime=runtime) for name, runtime in how.items()}
    assert {device: [*those] for device, those in runtimes.by_device(models, requested)} == expected
    del models["any"], models["cpu only"]
    assert {*dict(runtimes.by_device(models, requested))} == {
        device for device in expected if "cuda only" in expected[device]
    }


@pytest.mark.parametrize("device", ["cpu", "mps"])
def test_what_needs_cuda_is_refused_elsewhere(device: str) -> None:
    """In one line with both ways out, before a network is built."""
    message = (
        rf'\[models\.net\] runtime = "cuda-graph" runs on the device cuda, not on {device}: '
        r'request that device, or use runtime = "eager"\Z'
    )
    with pytest.raises(MachineError, match=message):
        runtimes.build("cuda-graph", replace(_request(), device=device, module=lambda: pytest.fail("it was built")))
    runtimes.check_runtime("cuda-graph", "net", "cuda:1")


def test_networks_that_nothing_compiles() -> None:
    """Eager, NumPy and those of files run a network as it comes; all others must agree with eager first."""
    files = {"onnx", "openvino-ir", "tflite", "tensorrt", "coreml"}
    assert files | {"eager", "numpy"} == runtimes.UNCOMPILED
    assert frozenset({"onnx", "openvino-ir"}) == runtimes.SHARED


def test_what_computes_on_a_device_is_named() -> None:
    """Where the library of a runtime has a name for it, a note states it, with the library's version."""
    assert runtimes.notes("eager", "cpu") == ()
    if versions.has_library("onnx"):
        [note] = runtimes.notes("onnx", "cuda:0")
        assert note == f"run by {' '.join(*versions.of_runtime('onnx').items())}, CUDAExecutionProvider"


def test_a_runtime_is_built_by_its_name() -> None:
    """The name leads to the module, and that to a classifier."""
    classifier = runtimes.build("eager", _request())
    assert isinstance(classifier, EagerClassifier)
    assert classifier.logits(torch.ones(2, 3, 8, 8)).shape == (2, 192)


def test_an_unknown_runtime_is_refused() -> None:
    """A name without a row is a wrong configuration, with the names that there are."""
    with pytest.raises(ConfigError, match=r"runtime: 'tvm' is not one of auto, eager, compile, cuda-graph, openvino\Z"):
        runtimes.build("tvm", _request())


def test_a_cpu_is_always_there() -> None:
    """The device cpu raises nothing."""
    runtimes.check_device("cpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="cuda: there is a CUDA device here")
def test_an_absent_device_is_reported() -> None:
    """The device cuda where there is none is an error with how to check and what to use instead."""
    with pytest.raises(DeviceMissing, match=r"sees no CUDA device here: check the driver with nvidia-smi, or use"):
        runtimes.check_device("cuda")


def test_a_device_that_is_there(cuda: str) -> None:
    """A CUDA device raises nothing."""
    runtimes.check_device(cuda)
