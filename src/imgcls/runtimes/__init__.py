"""Who computes the logits: one protocol, one lazy table."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module, metadata
from pathlib import Path
from typing import Any, Protocol

from imgcls.errors import DeviceMissing
from imgcls.records import ModelSpec

MODULES = {
    "eager": "imgcls.runtimes.eager",
    "compile": "imgcls.runtimes.compiled",
    "openvino": "imgcls.runtimes.openvino",
    "numpy": "imgcls.runtimes.reference",
}
PLAIN = frozenset({"eager", "numpy"})
"""Runtimes that run a network as it comes; the others compile it, and are held against eager before they are used."""

ON_CPU = frozenset({"openvino", "numpy"})
"""Runtimes that know no other device."""

LIBRARIES = {"openvino": "openvino"}
"""Runtimes with a library of their own, whose version is part of every prediction's key."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a runtime is asked to run.

    ``name``: for messages. ``module``: gives the network in float32, which the runtime may cast and move.
    ``size``: (h, w) of its pictures. ``cores``: to run on; ``askers``: so many threads will ask at once, and share
    them. ``artefacts``: a folder for what compiling this very network leaves. ``strict``: nothing may be recorded of
    a network whose code looks at what it computes.
    """

    name: str
    module: Callable[[], Any]
    precision: str
    device: str
    size: tuple[int, int]
    cores: int
    askers: int
    artefacts: Path | None = None
    strict: bool = False


class Classifier(Protocol):
    """Something that turns batches into logits. It may compile at first use."""

    concurrent: bool
    """Whether several threads may ask at once, and share the cores; otherwise one asks at a time, with all."""

    compile_seconds: float
    """What compiling has taken so far."""

    largest: int | None
    """So many pictures at once fitted into memory where more did not; None where all did."""

    @property
    def module(self) -> Any:
        """The network, in evaluation mode."""

    def logits(self, batch: Any) -> Any:
        """A float32 tensor (n, 3, h, w) to a float32 NumPy array (n, classes): ``placed``, ``forward``, ``fetched``.

        Raises OutOfMemory where so many do not fit, ModelError where the network does not answer.
        """

    def placed(self, batch: Any) -> Any:
        """The batch on the device, as ``forward`` takes it."""

    def forward(self, placed: Any) -> Any:
        """The network's answer, on the device; an asynchronous device may still be at work on it."""

    def fetched(self, output: Any, pictures: int) -> Any:
        """The answer to so many pictures as a float32 NumPy array. Raises ModelError where it is none."""

    def synchronize(self) -> None:
        """Wait until the device has done all that it was told."""

    def device_ns(self, placed: Any) -> int | None:
        """How long ``forward`` keeps the device at work, by its own clock; None where it has none but the host's."""


def of(spec: ModelSpec) -> str:
    """The runtime of a model: NumPy for the reference, and eager where nothing else is asked for."""
    if spec.arch.startswith("reference:"):
        return "numpy"
    return "eager" if spec.runtime == "auto" else spec.runtime


def runs_on(spec: ModelSpec, device: str) -> bool:
    """Whether the runtime of a model knows this device."""
    return device == "cpu" or of(spec) not in ON_CPU


def installed(runtime: str) -> bool:
    """Whether the library of a runtime is there."""
    return runtime not in LIBRARIES or bool(version(runtime))


def version(runtime: str) -> dict[str, str]:
    """The library of a runtime and its version, where it has one of its own, and that is installed."""
    try:
        return {name: metadata.version(name) for name in [LIBRARIES.get(runtime)] if name}
    except metadata.PackageNotFoundError:
        return {}


def classifier(runtime: str, request: Request) -> Classifier:
    """The network behind a runtime of :func:`of`. Raises ModelError, MachineError."""
    ready: Classifier = import_module(MODULES[runtime]).build(request)
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
