"""What can be added: a row for each runtime, which computes logits, and each source, which publishes networks.

A row names a module that is imported only when it is used. An installed package adds rows of its own as entry points
of the groups ``imgcls.runtimes`` and ``imgcls.sources``; ``docs/extending.md`` has an example of each.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint, EntryPoints

RUNTIME_GROUP, SOURCE_GROUP = "imgcls.runtimes", "imgcls.sources"


@dataclass(frozen=True, slots=True)
class RuntimeRow:
    """A runtime. ``module``: has ``build(request)``, see :mod:`imgcls.models.runtimes.base`.

    ``compiles``: must agree with eager on a few images before it is used. ``on_gpu``: runs on a GPU with CUDA, too.
    ``on_mps``: runs on the GPU of an Apple processor, too. ``on_cpu``: runs on a CPU; what does not needs CUDA.
    ``library``: the package whose version its predictions depend on; ``variants``: packages that may be installed in
    its place. ``selectable``: a configuration may name it. ``is_shared``: a pass builds it anew, for all its workers.
    ``providers``: what computes on each device, where the library has a name for it.
    """

    module: str
    compiles: bool = True
    on_gpu: bool = True
    on_mps: bool = False
    on_cpu: bool = True
    library: str | None = None
    selectable: bool = True
    variants: tuple[str, ...] = ()
    is_shared: bool = False
    providers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SourceRow:
    """A source. ``module``: has an object ``SOURCE``, see :class:`imgcls.models.sources.base.Source`.

    ``usage``: how ``arch`` names its networks. ``runtime``: the only one that its networks run on, in float32.
    ``publishes_weights``: whether there is a weights file where a configuration names none. ``is_file``: its networks
    are files, which hold their own weights and run in the types that they have.
    """

    module: str
    usage: str
    runtime: str | None = None
    publishes_weights: bool = True
    is_file: bool = False


RUNTIMES = {
    "eager": RuntimeRow("imgcls.models.runtimes.eager", compiles=False, on_mps=True),
    "compile": RuntimeRow("imgcls.models.runtimes.compiled"),
    "cuda-graph": RuntimeRow("imgcls.models.runtimes.cuda_graph", on_cpu=False),
    "openvino": RuntimeRow("imgcls.models.runtimes.openvino", on_gpu=False, library="openvino"),
    "numpy": RuntimeRow("imgcls.models.runtimes.numpy", compiles=False, on_gpu=False, selectable=False),
    "onnx": RuntimeRow(
        "imgcls.models.runtimes.onnx",
        compiles=False,
        library="onnxruntime",
        selectable=False,
        variants=("onnxruntime-gpu",),
        is_shared=True,
        providers={"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"},
    ),
    "openvino-ir": RuntimeRow(
        "imgcls.models.runtimes.openvino_ir",
        compiles=False,
        on_gpu=False,
        library="openvino",
        selectable=False,
        is_shared=True,
    ),
    "tflite": RuntimeRow(
        "imgcls.models.runtimes.tflite", compiles=False, on_gpu=False, library="ai-edge-litert", selectable=False
    ),
    "tensorrt": RuntimeRow("imgcls.models.runtimes.unavailable", compiles=False, selectable=False),
    "coreml": RuntimeRow("imgcls.models.runtimes.unavailable", compiles=False, on_gpu=False, selectable=False),
}


SOURCES = {
    "torchvision": SourceRow("imgcls.models.sources.torchvision", "torchvision:NAME"),
    "timm": SourceRow("imgcls.models.sources.timm", "timm:NAME"),
    "python": SourceRow("imgcls.models.sources.python", "python:package.module:factory", publishes_weights=False),
    "torchhub": SourceRow("imgcls.models.sources.torchhub", "torchhub:REPO:NAME", publishes_weights=False),
    "transformers": SourceRow("imgcls.models.sources.transformers", "transformers:PATH_OR_ID"),
    "reference": SourceRow("imgcls.models.sources.reference", "reference:NAME", runtime="numpy"),
    "onnx": SourceRow("imgcls.models.sources.onnx", "onnx:FILE", runtime="onnx", is_file=True),
    "openvino": SourceRow(
        "imgcls.models.sources.openvino_ir", "openvino:FILE.xml", runtime="openvino-ir", is_file=True
    ),
    "exported": SourceRow("imgcls.models.sources.exported", "exported:FILE.pt2", runtime="eager", is_file=True),
    "torchscript": SourceRow("imgcls.models.sources.torchscript", "torchscript:FILE", runtime="eager", is_file=True),
    "tflite": SourceRow("imgcls.models.sources.tflite", "tflite:FILE", runtime="tflite", is_file=True),
    "tensorrt": SourceRow(
        "imgcls.models.sources.unavailable", "tensorrt:FILE.engine", runtime="tensorrt", is_file=True
    ),
    "coreml": SourceRow("imgcls.models.sources.unavailable", "coreml:FILE.mlpackage", runtime="coreml", is_file=True),
}


def runtime(name: str) -> RuntimeRow | None:
    """The row of a runtime, ours or an installed package's; None where there is none of this name."""
    row = RUNTIMES.get(name)
    if row and not _is_open(row):
        return row
    entry = _installed(RUNTIME_GROUP, name)
    if entry is None:
        return row
    library = entry.dist.name if entry.dist else None
    return replace(row, module=entry.module, library=library) if row else RuntimeRow(entry.module, library=library)


def source(name: str) -> SourceRow | None:
    """The row of a source, ours or an installed package's; None where there is none of this name."""
    row = SOURCES.get(name)
    if row and not _is_open(row):
        return row
    entry = _installed(SOURCE_GROUP, name)
    if entry is None:
        return row
    return replace(row, module=entry.module) if row else SourceRow(entry.module, f"{name}:NAME")


def _is_open(row: RuntimeRow | SourceRow) -> bool:
    """Whether a row has no module of ours, so that an installed package may have one."""
    return row.module.endswith(".unavailable")


def selectable_runtimes() -> tuple[str, ...]:
    """The names of all runtimes that a configuration may name."""
    ours = [name for name, row in RUNTIMES.items() if row.selectable]
    return (*ours, *sorted(_entry_points(RUNTIME_GROUP).names - RUNTIMES.keys()))


def usages() -> tuple[str, ...]:
    """How ``arch`` names the networks of every source that is available."""
    ours = [row.usage for row in SOURCES.values() if not _is_open(row)]
    added = _entry_points(SOURCE_GROUP).names - {name for name, row in SOURCES.items() if not _is_open(row)}
    return (*ours, *(SOURCES[name].usage if name in SOURCES else f"{name}:NAME" for name in sorted(added)))


def _installed(group: str, name: str) -> EntryPoint | None:
    return next(iter(_entry_points(group).select(name=name)), None)


def _entry_points(group: str) -> EntryPoints:
    from importlib.metadata import entry_points  # nearly every command imports this module, and few look further

    return entry_points(group=group)
