"""Batches in flight: launched by one thread, waited for by another, with the device's own seconds."""

import time
from typing import Any
from unittest import mock

import numpy as np
import pytest
import torch

from fake_device import fake_cuda
from imgcls.errors import ModelError
from imgcls.models.runtimes import in_flight
from imgcls.models.runtimes.eager import EagerClassifier
from imgcls.models.runtimes.in_flight import Fetched, InFlight

BATCH = torch.rand(4, 3, 8, 8, generator=torch.Generator().manual_seed(0))


class Device:
    """What is recorded on its one stream, and the error that waiting raises."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.recorded: list[Any] = []
        self.waited: list[Any] = []

    def event(self, enable_timing: bool = False, blocking: bool = False) -> Any:
        device = self

        class Event:
            timing, sleeps = enable_timing, blocking

            def record(self, stream: str) -> None:
                assert stream == "the stream of cpu"
                device.recorded.append(self)

            def synchronize(self) -> None:
                device.waited.append(self)
                if device.error:
                    raise device.error

            def elapsed_time(self, end: Any) -> float:
                assert device.waited
                assert self.timing
                assert end.timing
                return 100.0 * (device.recorded.index(end) - device.recorded.index(self))

        return Event()


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> Device:
    """A device in place of CUDA's, on the CPU."""
    planted = Device()
    monkeypatch.setattr(torch.cuda, "Event", planted.event)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: f"the stream of {device}")
    return planted


def _classifier(module: torch.nn.Module) -> EagerClassifier:
    return EagerClassifier(torch.nn.Sequential(module), "float32", "cpu")


def _flat() -> EagerClassifier:
    return _classifier(torch.nn.Flatten())


def test_its_logits_are_the_classifiers(device: Device) -> None:
    """The same bits, after waiting for the copy only, and the time between the two events around the network."""
    launched = InFlight(_flat(), BATCH)
    assert (len(device.recorded), device.waited, launched.seconds) == (3, [], 0.0)
    np.testing.assert_array_equal(launched.logits(), _flat().logits(BATCH))
    assert device.waited == [device.recorded[2]]
    assert launched.seconds == 0.1


def test_who_waits_sleeps(device: Device) -> None:
    """By itself CUDA lets a thread that waits look again and again, on a core that another thread could decode on."""
    InFlight(_flat(), BATCH).logits()
    assert [event.sleeps for event in device.waited] == [True]


def test_a_tensor_is_copied_behind_what_its_stream_has_to_do(device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    """To pinned memory, which another thread reads when the event behind the copy has come."""
    copies: list[object] = []

    def copied(tensor: torch.Tensor, *to: object, **how: object) -> torch.Tensor:
        copies.append((to, how))
        return tensor

    monkeypatch.setattr(torch.Tensor, "to", copied)
    fetched = Fetched(BATCH, torch.device("cpu"))
    assert copies == [(("cpu",), {"non_blocking": True})]  # torch's own memory for it is then pinned
    assert (len(device.recorded), device.waited) == (1, [])
    assert fetched.wait().equal(BATCH)
    assert device.waited == device.recorded


def test_a_tensor_is_waited_for_on_its_own_device(monkeypatch: pytest.MonkeyPatch) -> None:
    """A network may return one of another GPU, or of the host."""
    streams: list[str] = []
    monkeypatch.setattr(torch.cuda, "Event", mock.Mock())
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: streams.append(str(device)))
    with fake_cuda():
        for at in ("cuda:1", "cpu"):
            Fetched(torch.zeros(2, device=at), torch.device("cuda:0"))
    assert streams == ["cuda:1", "cuda:0"]


def test_a_thread_that_waits_for_a_gpu_sleeps(cuda: str) -> None:
    """It takes no time of a core, and what it waited for is in pinned memory."""
    matrix = torch.eye(8192, device=cuda)
    for _ in range(30):
        matrix = matrix @ matrix
    fetched = Fetched(matrix[0, :3], matrix.device)
    started, used = time.perf_counter(), time.thread_time()
    row = fetched.wait()
    waited, used = time.perf_counter() - started, time.thread_time() - used
    assert (row.tolist(), row.is_pinned()) == ([1.0, 0.0, 0.0], True)
    assert waited > 0.02
    assert used < waited / 4


@pytest.mark.usefixtures("device")
def test_outputs_of_another_shape_are_refused() -> None:
    """As without it: not one row per image, with the shape in words."""
    with pytest.raises(ModelError, match="Sequential"):
        InFlight(_classifier(torch.nn.Identity()), BATCH).logits()


def test_a_late_error_names_the_network_and_its_images(device: Device) -> None:
    """What a device reports when it is waited for is an error of this batch."""
    device.error = torch.AcceleratorError("CUDA error: device-side assert triggered\nCompile with ...")
    launched = InFlight(_flat(), BATCH)
    with pytest.raises(ModelError, match=r"\ASequential failed on cpu with 4 images: CUDA error: device-side assert"):
        launched.logits()


def test_only_cuda_has_batches_in_flight(monkeypatch: pytest.MonkeyPatch) -> None:
    """On the CPU nothing is launched, and other runtimes are waited for as before."""
    classifier = _flat()
    assert not in_flight.is_possible(classifier)
    assert not in_flight.is_possible(object())
    monkeypatch.setattr(classifier, "device", torch.device("cuda:1"))
    assert in_flight.is_possible(classifier)
