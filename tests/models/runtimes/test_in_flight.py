"""Batches in flight: launched by one thread, waited for by another, with the device's own seconds."""

from typing import Any

import numpy as np
import pytest
import torch

from imgcls.errors import ModelError
from imgcls.models.runtimes import in_flight
from imgcls.models.runtimes.eager import EagerClassifier
from imgcls.models.runtimes.in_flight import InFlight

BATCH = torch.rand(4, 3, 8, 8, generator=torch.Generator().manual_seed(0))


class Device:
    """What is recorded on its one stream, and the error that waiting raises."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.recorded: list[Any] = []
        self.waited: list[Any] = []

    def event(self, *, enable_timing: bool) -> Any:
        device = self

        class Event:
            timing = enable_timing

            def record(self, stream: str) -> None:
                assert stream == "the stream of cpu"
                device.recorded.append(self)

            def synchronize(self) -> None:
                device.waited.append(self)
                if device.error:
                    raise device.error

            def elapsed_time(self, end: Any) -> float:
                assert device.waited
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
