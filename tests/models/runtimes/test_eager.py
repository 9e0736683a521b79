"""imgcls.models.runtimes.eager: a module becomes logits, exactly and in one form, or one line that states why not."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from imgcls.errors import ModelError, OutOfMemory
from imgcls.models.runtimes.base import FLAGS
from imgcls.models.runtimes.eager import EagerClassifier

BATCH = torch.linspace(-1, 1, 4 * 3 * 8 * 8).reshape(4, 3, 8, 8)


class Calling(nn.Module):
    """Its output is what a function returns for the batch."""

    def __init__(self, function: Callable[[torch.Tensor], Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, batch: torch.Tensor) -> Any:
        return self.function(batch)


class Noting(nn.Module):
    """Passes a batch on and notes something of it."""

    def __init__(self, note: Callable[[torch.Tensor], object]) -> None:
        super().__init__()
        self.note = note
        self.notes: list[object] = []

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        self.notes.append(self.note(batch))
        return batch


def _linear(classes: int = 5) -> nn.Module:
    linear = nn.Linear(3 * 8 * 8, classes)
    with torch.no_grad():
        linear.weight.copy_(torch.linspace(-0.1, 0.1, linear.weight.numel()).reshape(linear.weight.shape))
        linear.bias.zero_()
    return nn.Sequential(nn.Flatten(), linear)


def _calling(function: Callable[[torch.Tensor], Any]) -> EagerClassifier:
    return EagerClassifier(Calling(function), "float32", "cpu")


# What comes out.


def test_logits_are_the_networks_own() -> None:
    """They are the network's outputs as float32 NumPy, one row per image, without a gradient."""
    network = _linear()
    logits = EagerClassifier(network, "float32", "cpu").logits(BATCH)
    assert (logits.dtype, logits.shape) == (np.float32, (4, 5))
    assert np.array_equal(network(BATCH).detach().numpy(), logits)


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_lower_precisions(precision: str) -> None:
    """The network and its input are in the requested precision; the logits are float32, and near."""
    exact = _linear()(BATCH).detach().numpy()
    noting = Noting(lambda batch: batch.dtype)
    logits = EagerClassifier(nn.Sequential(noting, _linear()), precision, "cpu").logits(BATCH)
    assert (noting.notes, logits.dtype) == ([getattr(torch, precision)], np.float32)
    assert np.allclose(exact, logits, rtol=0.02, atol=0.02)
    assert not np.array_equal(exact, logits)


def test_modules_are_put_into_evaluation_mode() -> None:
    """A network that comes in training mode runs without dropout, and its batch norms learn nothing."""
    norm = nn.BatchNorm2d(3)
    network = nn.Sequential(norm, nn.Dropout(0.9), _linear()).train()
    classifier = EagerClassifier(network, "float32", "cpu")
    assert np.array_equal(classifier.logits(BATCH), classifier.logits(BATCH))
    assert (network.training, int(norm.num_batches_tracked or 0)) == (False, 0)


def test_the_batch_is_left_as_it_was() -> None:
    """A batch that was run can be used for the next network."""
    before = BATCH.clone()
    EagerClassifier(_linear(), "bfloat16", "cpu").logits(BATCH)
    assert torch.equal(before, BATCH)


# The process's own settings.


def _settings() -> dict[str, object]:
    backends: Any = torch.backends
    operators = {
        "cuda.matmul": backends.cuda.matmul,
        "cudnn.conv": backends.cudnn.conv,
        "cudnn.rnn": backends.cudnn.rnn,
        "mkldnn.matmul": backends.mkldnn.matmul,
        "mkldnn.conv": backends.mkldnn.conv,
        "mkldnn.rnn": backends.mkldnn.rnn,
    }
    flags = {name: getattr(backends.cudnn, name) for name in ("enabled", "benchmark", "deterministic")}
    return {**{name: operator.fp32_precision for name, operator in operators.items()}, **flags}


def _set_nothing() -> None:
    pass


def _set_older() -> None:
    torch.set_float32_matmul_precision("medium")
    torch.backends.cudnn.allow_tf32 = True


def _set_all() -> None:
    setattr(torch.backends, "fp32_precision", "tf32")  # noqa: B010 - torch has no type for it


def _set_one() -> None:
    torch.backends.cuda.matmul.fp32_precision = "tf32"


def _set_convolutions() -> None:
    backends: Any = torch.backends
    backends.cudnn.conv.fp32_precision = "ieee"
    backends.mkldnn.conv.fp32_precision = "bf16"


@pytest.fixture(params=[_set_nothing, _set_older, _set_all, _set_one, _set_convolutions])
def process(request: pytest.FixtureRequest) -> Iterator[None]:
    """A process that has chosen speed over exactness, in one of the ways that torch offers."""
    before, cudnn = _settings(), torch.backends.cudnn
    request.param()
    cudnn.benchmark, cudnn.deterministic = True, True
    yield
    torch.set_float32_matmul_precision("highest")
    torch.backends.cudnn.allow_tf32 = True
    setattr(torch.backends, "fp32_precision", "none")  # noqa: B010 - torch has no type for it
    for name, value in before.items():
        place, _, operator = name.rpartition(".")
        if place:
            getattr(getattr(torch.backends, place), operator).fp32_precision = value
        else:
            setattr(cudnn, name, value)
    assert before == _settings()


@pytest.mark.usefixtures("process")
def test_float32_is_exact_whatever_the_process_has_set() -> None:
    """While a network runs no operator may round its inputs and nothing is tried out; afterwards all is as before."""
    before, noting = _settings(), Noting(lambda _: _settings())
    EagerClassifier(nn.Sequential(noting, _linear()), "float32", "cpu").logits(BATCH)
    exact = dict.fromkeys((name for name in before if "." in name), "ieee")
    assert noting.notes == [{**exact, "enabled": True, "benchmark": FLAGS["cudnn_benchmark"], "deterministic": True}]
    assert before == _settings()


@pytest.mark.usefixtures("process")
def test_settings_come_back_after_an_error() -> None:
    """A network that fails changes nothing for the process either."""
    before = _settings()
    with pytest.raises(ModelError, match="Calling refuses a batch"):
        _calling(lambda batch: batch @ batch).logits(BATCH[:, :, :, :5])
    assert before == _settings()


# What is not a classifier.


@pytest.mark.parametrize(
    ("function", "what"),
    [
        (lambda batch: batch, r"a tensor of shape \(4, 3, 8, 8\)"),
        (lambda batch: batch.flatten(1)[:3], r"a tensor of shape \(3, 192\)"),
        (lambda batch: batch.sum(), r"a tensor of shape \(\)"),
        (lambda batch: {"classes": batch.flatten(1)}, "a dict of classes"),
        (lambda batch: ([batch.flatten(1)],), "a tuple of 0"),
        (lambda _: None, "a NoneType, not logits"),
    ],
)
def test_other_outputs_are_refused(function: Callable[[torch.Tensor], Any], what: str) -> None:
    """An output that is not one row of logits per image is refused with its type or shape."""
    with pytest.raises(ModelError, match=rf"\ACalling is not a classifier: for 4 images it returned {what}; "):
        _calling(function).logits(BATCH)


def _raising(error: BaseException) -> Callable[[torch.Tensor], Any]:
    def function(_: torch.Tensor) -> Any:
        raise error

    return function


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (RuntimeError("\nexpected 16 channels\nwhere: here\n"), "expected 16 channels"),
        (KeyError("mask"), "'mask'"),
        (NotImplementedError(), "NotImplementedError"),
    ],
)
def test_networks_that_raise(error: Exception, text: str) -> None:
    """Whatever a network raises is reported in one line with the shape of the batch."""
    with pytest.raises(ModelError, match=rf"\ACalling refuses a batch of shape \(4, 3, 8, 8\): {text}\Z") as caught:
        _calling(_raising(error)).logits(BATCH)
    assert caught.value.__cause__ is error


def test_interrupts_pass() -> None:
    """An interrupt is not an error of the network."""
    with pytest.raises(KeyboardInterrupt, match="enough"):
        _calling(_raising(KeyboardInterrupt("enough"))).logits(BATCH)


@pytest.mark.parametrize(
    "full",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        torch.AcceleratorError("CUDA error: out of memory"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("backend='inductor' raised:\nOutOfMemoryError: CUDA out of memory."),
    ],
)
def test_a_batch_that_does_not_fit(full: Exception) -> None:
    """Full memory is reported as such, with the number of images, whichever library reports it."""
    with pytest.raises(OutOfMemory, match=r"does not fit into memory with 4 images: .+"):
        _calling(_raising(full)).logits(BATCH)


def test_errors_that_a_gpu_reports_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error that comes with the output, since nothing waited for it before, is the network's."""
    classifier = EagerClassifier(_linear(), "float32", "cpu")
    late = torch.AcceleratorError("CUDA error: device-side assert triggered\nCompile with ...")
    monkeypatch.setattr(torch.Tensor, "cpu", _raising(late))
    with pytest.raises(ModelError, match=r"\ASequential failed on cpu with 4 images: CUDA error: device-side assert"):
        classifier.logits(BATCH)


def test_a_network_that_does_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    """A device that has no memory for the network itself is reported as such."""
    monkeypatch.setattr(nn.Module, "to", lambda *_: _raising(torch.OutOfMemoryError("CUDA out of memory"))(BATCH))
    with pytest.raises(ModelError, match=r"\ASequential does not fit into the memory of cpu: CUDA out of memory\Z"):
        EagerClassifier(_linear(), "float32", "cpu")


def test_a_gpu_gives_the_cpus_logits(cuda: str) -> None:
    """On a CUDA device they are the CPU's but for rounding, as float32 NumPy in the host's memory."""
    expected = EagerClassifier(_linear(), "float32", "cpu").logits(BATCH)
    logits = EagerClassifier(_linear(), "float32", cuda).logits(BATCH)
    assert (logits.dtype, logits.shape) == (np.float32, (4, 5))
    assert np.allclose(expected, logits, rtol=1e-5, atol=1e-5)
