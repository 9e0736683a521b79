"""Who computes the logits: one protocol, one lazy table."""

from importlib import import_module
from typing import Any, Protocol

from imgcls.errors import DeviceMissing
from imgcls.records import ModelSpec

MODULES = {"eager": "imgcls.runtimes.eager", "numpy": "imgcls.runtimes.reference"}


class Classifier(Protocol):
    """Something that turns batches into logits."""

    module: Any
    """The network, on its device and in its precision, in evaluation mode."""

    def logits(self, batch: Any) -> Any:
        """A float32 tensor (n, 3, h, w) to a float32 NumPy array (n, classes): ``placed``, ``forward``, and back."""

    def placed(self, batch: Any) -> Any:
        """The batch on the device, as ``forward`` takes it."""

    def forward(self, placed: Any) -> Any:
        """The network's answer, on the device; an asynchronous device may still be at work on it."""

    def synchronize(self) -> None:
        """Wait until the device has done all that it was told."""

    def device_ns(self, placed: Any) -> int | None:
        """How long ``forward`` keeps the device at work, by its own clock; None where it has none but the host's."""


def of(spec: ModelSpec) -> str:
    """The runtime of a model: NumPy for the reference, and eager where nothing else is asked for."""
    if spec.arch.startswith("reference:"):
        return "numpy"
    return "eager" if spec.runtime == "auto" else spec.runtime


def classifier(runtime: str, module: Any, precision: str, device: str) -> Classifier:
    """The network behind a runtime of :func:`of`."""
    ready: Classifier = import_module(MODULES[runtime]).build(module, precision, device)
    return ready


def check_device(device: str) -> None:
    """Raise DeviceMissing where the device asked for is absent."""
    if device == "cpu":
        return
    import torch

    if not torch.cuda.is_available():
        raise DeviceMissing(
            f"device '{device}' was asked for and torch {torch.__version__} sees no CUDA device here: "
            "check the driver with nvidia-smi, or ask for the device cpu"
        )
