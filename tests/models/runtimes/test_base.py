"""imgcls.models.runtimes.base: which runtime runs a model, and on which device."""

import pytest
import torch
from torch import nn

from imgcls.errors import ConfigError, DeviceMissing
from imgcls.models.runtimes import base as runtimes
from imgcls.models.runtimes.base import Request
from imgcls.models.runtimes.eager import EagerClassifier
from imgcls.records.config import ModelSpec
from imgcls.system import versions


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
    ("arch", "runtime", "on_gpu"),
    [
        ("timm:resnet18", "auto", True),
        ("timm:resnet18", "compile", True),
        ("timm:resnet18", "openvino", False),
        ("reference:efficientnet_b0", "auto", False),
    ],
)
def test_the_devices_of_a_runtime(arch: str, runtime: str, *, on_gpu: bool) -> None:
    """Every runtime runs on a CPU, and some of them on a GPU."""
    spec = ModelSpec("net", arch, runtime=runtime)
    assert (runtimes.runs_on(spec, "cpu"), runtimes.runs_on(spec, "cuda")) == (True, on_gpu)


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
    with pytest.raises(ConfigError, match=r"runtime: 'tvm' is not one of auto, eager, compile, openvino\Z"):
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
