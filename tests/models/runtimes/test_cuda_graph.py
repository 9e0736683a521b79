"""imgcls.models.runtimes.cuda_graph: each batch size is recorded once, and replays are eager's logits."""

import gc
import threading
import weakref
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from builders import INFO
from gpu_parts import pretended_graph
from imgcls.errors import ModelError, OutOfMemory
from imgcls.models import inference
from imgcls.models.runtimes.cuda_graph import WARM_UP, GraphClassifier
from imgcls.models.runtimes.eager import EagerClassifier

IMAGES = torch.randn(13, 3, 8, 8, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def graphs() -> Iterator[None]:
    """Graphs that the CPU records, with torch's own signatures."""
    with pretended_graph.graphs():
        yield


class Net(nn.Module):
    """A few layers; ``calls``: how often its code ran, and on images in which form."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(288, 5))
        self.calls: list[tuple[int, torch.dtype, bool]] = []

    def forward(self, batch: torch.Tensor) -> Any:
        self.calls.append((len(batch), batch.dtype, batch.is_contiguous(memory_format=torch.channels_last)))
        return self.layers(batch)


class Named(Net):
    """Its logits are part of what it returns."""

    def forward(self, batch: torch.Tensor) -> Any:
        return {"features": batch, "logits": super().forward(batch)}


class Waiting(Net):
    """The host waits for a value, which decides what is computed."""

    def forward(self, batch: torch.Tensor) -> Any:
        output = super().forward(batch)
        return output if output.sum().item() > 0 else -output


class Narrow(Net):
    """It has memory for three images, and for more in ``calls`` calls."""

    def __init__(self, error: Exception, calls: int = 0) -> None:
        super().__init__()
        self.error, self.left = error, calls
        self.given: list[weakref.ref[torch.Tensor]] = []

    def forward(self, batch: torch.Tensor) -> Any:
        self.given.append(weakref.ref(batch))
        self.left -= len(batch) > 3
        if self.left < 0:
            raise type(self.error)(*self.error.args)  # one that is kept would keep its frames
        return super().forward(batch)


def _graph(network: nn.Module, precision: str = "float32", device: str = "cpu") -> GraphClassifier:
    return GraphClassifier(network, precision, device)


def _eager(images: torch.Tensor, network: nn.Module | None = None, precision: str = "float32") -> NDArray[np.float32]:
    return np.asarray(EagerClassifier(network or Net(), precision, "cpu").logits(images))


@pytest.mark.usefixtures("graphs")
@pytest.mark.parametrize(("network", "precision"), [(Net, "float32"), (Named, "float32"), (Net, "bfloat16")])
def test_logits_are_eagers_and_each_size_is_recorded_once(network: type[Net], precision: str) -> None:
    """The network's own code runs for a recording, on images as eager has them, and not for a replay."""
    recorded = network()
    classifier = _graph(recorded, precision)
    for size in (8, 5, 8, 5):
        for start in (0, 3):
            images = IMAGES[start : start + size]
            np.testing.assert_array_equal(classifier.logits(images), _eager(images, network(), precision))
    first, later = WARM_UP + 2, WARM_UP + 1
    form = getattr(torch, precision), True
    assert recorded.calls == [(8, *form)] * first + [(5, *form)] * later


@pytest.mark.usefixtures("graphs")
def test_a_batch_of_none_is_not_recorded() -> None:
    """Nothing may have to be computed for it."""
    assert _graph(Net()).logits(IMAGES[:0]).shape == (0, 5)
    assert not vars(torch.cuda)["graph"].called


@pytest.mark.usefixtures("graphs")
def test_recording_is_compiling() -> None:
    """Its seconds are those of compiling; a replay has none."""
    classifier = _graph(Net())
    assert classifier.compile_seconds == 0
    classifier.logits(IMAGES[:4])
    taken = classifier.compile_seconds
    assert taken > 0
    classifier.logits(IMAGES[4:8])
    assert classifier.compile_seconds == taken


@pytest.mark.usefixtures("graphs")
def test_an_output_outlives_the_next_replay() -> None:
    """It is in memory of its own, for whoever reads it later than the next batch is launched."""
    classifier = _graph(Net())
    outputs = [classifier.forward(classifier.to_device(IMAGES[start : start + 4])) for start in (0, 4)]
    for output, start in zip(outputs, (0, 4), strict=True):
        np.testing.assert_array_equal(output.numpy(), _eager(IMAGES[start : start + 4]))


@pytest.mark.usefixtures("graphs")
def test_one_thread_records_and_another_replays() -> None:
    """A warm-up runs in the main thread, a pass in a thread of its pool."""
    classifier, found = _graph(Net()), list[Any]()
    classifier.logits(IMAGES[:4])
    thread = threading.Thread(target=lambda: found.append(classifier.logits(IMAGES[4:8])))
    thread.start()
    thread.join()
    np.testing.assert_array_equal(found, [_eager(IMAGES[4:8])])


@pytest.mark.usefixtures("graphs")
def test_what_is_not_a_classifier_is_refused_as_by_eager() -> None:
    """The shape of a recorded output is looked at as eager's is."""
    with pytest.raises(ModelError, match="Identity is not a classifier: for 2 images it returned a tensor of shape"):
        _graph(nn.Identity()).logits(IMAGES[:2])


@pytest.mark.usefixtures("graphs")
def test_a_network_that_waits_is_refused_in_one_line() -> None:
    """With what it did, where, and what to write, before anything is recorded; the next network is not concerned."""
    with pytest.raises(ModelError) as caught:
        _graph(Waiting()).logits(IMAGES[:2])
    text = str(caught.value)
    assert text.startswith("Waiting cannot be recorded as a CUDA graph: called a synchronizing CUDA operation (")
    assert text.endswith('); use runtime = "eager"')
    assert "\n" not in text
    assert not vars(torch.cuda)["graph"].called
    np.testing.assert_array_equal(_graph(Net()).logits(IMAGES[:2]), _eager(IMAGES[:2]))


@pytest.mark.usefixtures("graphs")
def test_waiting_is_an_error_for_one_batch_only() -> None:
    """torch's switch concerns every thread: it is used once for a network, while no images are scored yet."""
    classifier, switch = _graph(Net()), vars(torch.cuda)["set_sync_debug_mode"]
    for size in (4, 2, 3):
        classifier.logits(IMAGES[:size])
    assert [call.args for call in switch.call_args_list] == [("error",), (0,)]


@pytest.mark.usefixtures("graphs")
def test_a_recording_that_fails() -> None:
    """What torch's switch misses is named by its first error, not by the last, and another network is recorded."""
    vars(torch.cuda)["set_sync_debug_mode"].side_effect = None
    with pytest.raises(ModelError, match=r"graph: CUDA error: operation not permitted when stream is capturing \(\w+"):
        _graph(Waiting()).logits(IMAGES[:2])
    np.testing.assert_array_equal(_graph(Net()).logits(IMAGES[:2]), _eager(IMAGES[:2]))


@pytest.mark.usefixtures("graphs")
@pytest.mark.parametrize("calls", range(WARM_UP + 2))
@pytest.mark.parametrize("error", [torch.OutOfMemoryError("CUDA out of memory"), RuntimeError("CUBLAS_ALLOC_FAILED")])
def test_memory_may_run_out_at_every_step(error: Exception, calls: int) -> None:
    """While kernels are loaded, tried or recorded: it is OutOfMemory, and half of the batch is recorded."""
    network = Narrow(error, calls)
    classifier = _graph(network)
    with pytest.raises(OutOfMemory, match="Narrow does not fit into memory with 4 images"):
        classifier.logits(IMAGES[:4])
    network.left = 0
    np.testing.assert_array_equal(classifier.logits(IMAGES[:2]), _eager(IMAGES[:2]))


@pytest.mark.usefixtures("graphs", "uncollected")
@pytest.mark.parametrize("calls", range(WARM_UP + 1))
def test_what_did_not_fit_is_freed_at_once(calls: int) -> None:
    """Nothing holds the memory of a recording that failed until Python happens to collect it."""
    network = Narrow(torch.OutOfMemoryError("CUDA out of memory"))
    classifier = _graph(network)
    classifier.logits(IMAGES[:2])
    network.given.clear()
    network.left = calls
    with suppress(OutOfMemory):
        classifier.logits(IMAGES[:4])
    assert len(network.given) == calls + 1
    assert not any(batch() is not None for batch in network.given)


@pytest.fixture
def uncollected() -> Iterator[None]:
    """Cycles stay."""
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("graphs")
def test_a_smaller_batch_frees_what_larger_ones_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where memory runs out after a recording, that is given up before half of the batch is recorded."""
    classifier, held = _graph(Net()), list[list[int]]()
    monkeypatch.setattr(inference, "batch_size", lambda _: 8)
    inference.logits(classifier, INFO, IMAGES[:8])
    to_device = classifier.to_device

    def narrow(batch: torch.Tensor) -> torch.Tensor:
        held.append([shape[0] for shape in classifier._recordings])
        if len(batch) > 4:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return to_device(batch)

    monkeypatch.setattr(classifier, "to_device", narrow)
    np.testing.assert_array_equal(inference.logits(classifier, INFO, IMAGES[:8]), _eager(IMAGES[:8]))
    assert held == [[8], [], [4]]
    assert classifier.max_batch_size == 4


@pytest.mark.parametrize(("precision", "rounding"), [("float32", 1e-5), ("float16", 2e-3)])
def test_a_gpus_graph_is_its_eager(cuda: str, precision: str, rounding: float) -> None:
    """On a real device: the same logits for every size, while another thread uses the device."""
    network = Net()
    eager, classifier, stop = EagerClassifier(network, precision, cuda), _graph(network, precision, cuda), False

    def busy() -> None:
        while not stop:
            torch.zeros(1000).pin_memory().to(cuda, non_blocking=True).sum().cpu()

    other = threading.Thread(target=busy)
    other.start()
    try:
        classifier._is_tried = True  # its switch concerns every thread
        for size in (8, 5, 8):
            expected = eager.logits(IMAGES[:size])
            np.testing.assert_allclose(classifier.logits(IMAGES[:size]), expected, rtol=0, atol=rounding)
        assert classifier.device_ns(classifier.to_device(IMAGES[:8]))
    finally:
        stop = True
        other.join()


def test_a_gpu_goes_on_after_a_network_that_waits(cuda: str) -> None:
    """On a real device: random numbers, memory and other networks are as they were."""
    before = torch.cuda.current_stream()
    with pytest.raises(ModelError, match=r'test_cuda_graph\.py, line \d+\); use runtime = "eager"'):
        _graph(Waiting(), device=cuda).logits(IMAGES[:4])
    assert torch.cuda.current_stream() == before
    assert torch.randn(4, device=cuda).isfinite().all()
    torch.cuda.empty_cache()
    network = Net()
    expected = EagerClassifier(network, "float32", cuda).logits(IMAGES[:4])
    np.testing.assert_array_equal(_graph(network, device=cuda).logits(IMAGES[:4]), expected)
