"""imgcls.models.runtimes.eager: a module becomes logits, exactly and in one form, or one line that states why not."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from fake_device import fake_cuda
from imgcls.errors import MachineError, ModelError, OutOfMemory
from imgcls.models import inference
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
        self.notes: list[Any] = []

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


PRODUCTS = (
    "allow_fp16_accumulation",
    "allow_fp16_reduced_precision_reduction",
    "allow_fp16_reduced_precision_reduction_split_k",
    "allow_bf16_reduced_precision_reduction",
    "allow_bf16_reduced_precision_reduction_split_k",
)
"""Settings of matrix products in float16 and bfloat16."""


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
    products = {name: getattr(backends.cuda.matmul, name) for name in PRODUCTS}
    older = {"older matmul": _older(torch.get_float32_matmul_precision)}
    older["older cudnn"] = _older(lambda: backends.cudnn.allow_tf32)
    return {**{name: operator.fp32_precision for name, operator in operators.items()}, **flags, **products, **older}


def _older(read: Callable[[], object]) -> object:
    """An older setting, which torch refuses to read where the newer ones differ from it."""
    try:
        return read()
    except RuntimeError:
        return "refused"


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


def _set_products() -> None:
    matmul: Any = torch.backends.cuda.matmul
    matmul.allow_fp16_accumulation = True
    matmul.allow_fp16_reduced_precision_reduction = (False, False)
    matmul.allow_bf16_reduced_precision_reduction = (False, True)


@pytest.fixture(params=[_set_nothing, _set_older, _set_all, _set_one, _set_convolutions, _set_products])
def process(request: pytest.FixtureRequest) -> Iterator[None]:
    """A process that has chosen speed over exactness, in one of the ways that torch offers."""
    before, cudnn = _settings(), torch.backends.cudnn
    request.param()
    cudnn.benchmark, cudnn.deterministic = True, False
    yield
    matmul: Any = torch.backends.cuda.matmul
    matmul.allow_fp16_accumulation = False
    matmul.allow_fp16_reduced_precision_reduction = matmul.allow_bf16_reduced_precision_reduction = True
    torch.set_float32_matmul_precision("highest")
    torch.backends.cudnn.allow_tf32 = True
    setattr(torch.backends, "fp32_precision", "none")  # noqa: B010 - torch has no type for it
    setattr(cudnn, "fp32_precision", "none")  # noqa: B010 - cudnn.flags() leaves in it what it inherited
    for name, value in before.items():
        place, _, operator = name.rpartition(".")
        if name in PRODUCTS or name.startswith("older"):
            continue
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
    flags = {"enabled": True, "benchmark": FLAGS["cudnn_benchmark"], "deterministic": FLAGS["cudnn_deterministic"]}
    products = {**dict.fromkeys(PRODUCTS, True), "allow_fp16_accumulation": FLAGS["float16_accumulation"]}
    assert noting.notes == [{**exact, **flags, **products, "older matmul": "highest", "older cudnn": False}]
    assert before == _settings()


@pytest.mark.usefixtures("process")
def test_a_network_may_read_the_older_settings() -> None:
    """As torch's own cudnn.flags() does, with which networks turn cuDNN off for a layer, and its compiler."""

    def function(batch: torch.Tensor) -> torch.Tensor:
        assert not torch.backends.cuda.matmul.allow_tf32
        with torch.backends.cudnn.flags(enabled=False):
            return batch.flatten(1)

    before = _settings()
    assert _calling(function).logits(BATCH).shape == (4, 192)
    assert before == _settings()


@pytest.mark.usefixtures("process")
def test_settings_hold_until_the_last_network_is_done() -> None:
    """They are those of all threads: one that is done first must not take them from another one."""
    before, first_is_in, second_is_in = _settings(), threading.Event(), threading.Event()
    noting = Noting(lambda _: _settings())

    def first(batch: torch.Tensor) -> torch.Tensor:
        first_is_in.set()
        assert second_is_in.wait(10)
        return batch.flatten(1)

    def second(batch: torch.Tensor) -> torch.Tensor:
        assert first_is_in.wait(10)
        second_is_in.set()
        earlier.result(10)
        noting(batch)
        return batch.flatten(1)

    with ThreadPoolExecutor(2) as pool:
        earlier = pool.submit(_calling(first).logits, BATCH)
        pool.submit(_calling(second).logits, BATCH).result(10)
    assert [note["cudnn.conv"] for note in noting.notes] == ["ieee"]
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


@pytest.mark.parametrize("error", [torch.OutOfMemoryError, torch.AcceleratorError, RuntimeError])
def test_a_network_that_does_not_fit(monkeypatch: pytest.MonkeyPatch, error: type[Exception]) -> None:
    """A device that has no memory for the network itself is reported as such, whichever part of CUDA reports it."""
    monkeypatch.setattr(nn.Module, "to", lambda *_: _raising(error("CUDA error: out of memory"))(BATCH))
    with pytest.raises(ModelError, match=r"\ASequential does not fit into the memory of cpu: CUDA error: out of"):
        EagerClassifier(_linear(), "float32", "cpu")


def test_a_gpu_that_cannot_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """torch sees it, and another process has it to itself: that is not the network's fault."""
    busy = torch.AcceleratorError("CUDA error: CUDA-capable device(s) is/are busy or unavailable\nSearch for ...")
    monkeypatch.setattr(nn.Module, "to", lambda *_: _raising(busy)(BATCH))
    with pytest.raises(MachineError, match=r"the device cuda cannot be used: CUDA error: .* busy .*: check the driver"):
        EagerClassifier(_linear(), "float32", "cuda")


@pytest.mark.parametrize("precision", ["float32", "float16"])
@pytest.mark.parametrize("at", ["cpu", "cuda"])
def test_a_batch_comes_to_a_gpu_as_the_network_takes_it(precision: str, at: str) -> None:
    """Channels last, in its precision, a copy; one that is there already, or filled up, too."""
    with fake_cuda():
        classifier = EagerClassifier(nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()), precision, "cuda")
        batch = torch.zeros(3, 3, 8, 8, device=at)
        for images in (batch, batch.to(memory_format=torch.channels_last), inference._filled(batch, 4)):
            there = classifier.to_device(images)
            assert (there.device.type, there.dtype) == ("cuda", getattr(torch, precision))
            assert there.is_contiguous(memory_format=torch.channels_last)
            assert there is not images
            output = classifier.forward(there)
            assert (output.device.type, output.shape) == ("cuda", (len(images), 3))


def test_a_gpu_gives_the_cpus_logits(cuda: str) -> None:
    """On a CUDA device they are the CPU's but for rounding, as float32 NumPy in the host's memory."""
    expected = EagerClassifier(_linear(), "float32", "cpu").logits(BATCH)
    logits = EagerClassifier(_linear(), "float32", cuda).logits(BATCH)
    assert (logits.dtype, logits.shape) == (np.float32, (4, 5))
    assert np.allclose(expected, logits, rtol=1e-5, atol=1e-5)
