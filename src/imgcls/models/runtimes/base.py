"""What a runtime is, which one runs a model, and where each of them runs."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from imgcls import extensions
from imgcls.errors import ConfigError, MachineError
from imgcls.records.config import ModelSpec
from imgcls.system import devices, machine, versions

FLAGS = {  # docs/decisions.md#flags-that-change-bits
    "tf32": False,
    "cudnn_benchmark": False,
    "cudnn_deterministic": True,
    "float16_accumulation": False,
    "reduced_precision_reduction": True,
}
"""PyTorch's flags that change predictions, with their values; part of every prediction's key."""

UNCOMPILED = frozenset(name for name, row in extensions.RUNTIMES.items() if not row.compiles)
"""Runtimes that run a network as it comes; the others compile it, and must agree with eager before they are used."""

SHARED = frozenset(name for name, row in extensions.RUNTIMES.items() if row.is_shared)
"""Of these, those that a pass builds anew for all its workers."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a runtime is to run.

    ``name``: for messages. ``module``: returns the network in float32, which the runtime may cast and move.
    ``size``: (h, w) of its images, and ``channels``. ``output``: which part of what the network returns its logits are,
    see :mod:`imgcls.models.outputs`. ``cores``: to run on; ``workers``: the number of threads that run it at once and
    share the cores. ``artefacts``: a folder for what compiling this very network leaves. ``strict``: a network whose
    code depends on the values that it computes must not be recorded.
    """

    name: str
    module: Callable[[], Any]
    precision: str
    device: str
    size: tuple[int, int]
    cores: int
    workers: int
    artefacts: Path | None = None
    strict: bool = False
    channels: int = 3
    output: str | None = None


class Classifier(Protocol):
    """Something that turns batches into logits. It may compile at first use."""

    concurrent: bool
    """Whether several threads may run it at once and share the cores; otherwise one at a time has all of them."""

    compile_seconds: float
    """The time spent compiling so far."""

    max_batch_size: int | None
    """The number of images at once that fitted into memory where more did not; None where all did."""

    @property
    def module(self) -> Any:
        """The network, in evaluation mode."""

    def logits(self, batch: Any) -> Any:
        """A float32 tensor (n, channels, h, w) to a float32 NumPy array (n, classes): the three steps below.

        Raises OutOfMemory where n images do not fit, ModelError where the network fails.
        """

    def to_device(self, batch: Any) -> Any:
        """The batch on the device, in the form that ``forward`` takes."""

    def forward(self, batch: Any) -> Any:
        """The network's output, on the device; an asynchronous device may still be computing it."""

    def to_numpy(self, output: Any, images: int) -> Any:
        """The output for N images as a float32 NumPy array. Raises ModelError where it is not (N, classes)."""

    def synchronize(self) -> None:
        """Wait until the device has done all that was started."""

    def device_ns(self, batch: Any) -> int | None:
        """The time that ``forward`` takes on the device's own clock, in ns; None where only the host has a clock."""


def requested(spec: ModelSpec) -> str:
    """The runtime of a model: its source's, else the configured one, else eager."""
    row = extensions.source(spec.architecture.source)
    if row and row.runtime:
        return row.runtime
    return "eager" if spec.runtime == "auto" else spec.runtime


def is_automatic(spec: ModelSpec) -> bool:
    """Whether neither the configuration nor the source of a model determines its runtime."""
    row = extensions.source(spec.architecture.source)
    return spec.runtime == "auto" and not (row and row.runtime)


def runs_on(spec: ModelSpec, device: str) -> bool:
    """Whether the runtime of a model runs on this device."""
    row = extensions.runtime(requested(spec))
    known = {"cpu": row.on_cpu, "mps": row.on_mps} if row else {}
    return known.get(devices.kind(device), row is None or row.on_gpu)


def by_device(models: Mapping[str, ModelSpec], requested: str | None) -> Iterator[tuple[str, dict[str, ModelSpec]]]:
    """The requested device with all models, or each that is here with those that run on it, where there are any.

    The first device has those that run on none as well: it refuses them by name.
    """
    here = machine.devices(requested)
    where = {name: [each for each in here if requested or runs_on(spec, each)] for name, spec in models.items()}
    for device in here:
        on_device = {name: spec for name, spec in models.items() if device in (where[name] or here[:1])}
        if on_device:
            yield device, on_device


def notes(runtime: str, device: str) -> tuple[str, ...]:
    """What computes on this device, where the library of a runtime has a name for it."""
    row = extensions.runtime(runtime)
    provider = row.providers.get(device.partition(":")[0]) if row else None
    library = " ".join(*versions.of_runtime(runtime).items()) if provider else ""
    return (f"run by {library}, {provider}",) if provider else ()


def build(runtime: str, request: Request) -> Classifier:
    """The network, ready to run. Raises ConfigError for an unknown runtime, ModelError, MachineError."""
    row = extensions.runtime(runtime)
    if row is None:
        known = ", ".join(("auto", *extensions.selectable_runtimes()))
        raise ConfigError(f"[models.{request.name}] runtime: '{runtime}' is not one of {known}")
    check_runtime(runtime, request.name, request.device)
    classifier: Classifier = import_module(row.module).build(request)
    return classifier


def check_device(device: str) -> None:
    """Raise DeviceMissing where the device is absent."""
    devices.require(device)


def check_runtime(runtime: str, name: str, device: str) -> None:
    """Raise MachineError where the runtime of a model of this name needs CUDA, and the device has none."""
    row = extensions.runtime(runtime)
    if row and not row.on_cpu and devices.kind(device) != "cuda":
        raise MachineError(
            f'[models.{name}] runtime = "{runtime}" runs on the device cuda, not on {device}: '
            'request that device, or use runtime = "eager"'
        )
