"""What can be added: a row for each runtime, which computes logits, and each source, which publishes networks.

A row names a module that is imported only when it is used. An installed package adds rows of its own as entry points
of the groups ``imgcls.runtimes`` and ``imgcls.sources``; ``docs/extending.md`` has an example of each.
"""

from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points

RUNTIME_GROUP, SOURCE_GROUP = "imgcls.runtimes", "imgcls.sources"


@dataclass(frozen=True, slots=True)
class RuntimeRow:
    """A runtime. ``module``: has ``build(request)``, see :mod:`imgcls.models.runtimes.base`.

    ``compiles``: must agree with eager on a few images before it is used. ``on_gpu``: runs on a GPU, too.
    ``library``: the package whose version its predictions depend on. ``selectable``: a configuration may name it.
    """

    module: str
    compiles: bool = True
    on_gpu: bool = True
    library: str | None = None
    selectable: bool = True


@dataclass(frozen=True, slots=True)
class SourceRow:
    """A source. ``module``: has an object ``SOURCE``, see :class:`imgcls.models.sources.base.Source`.

    ``usage``: how ``arch`` names its networks. ``runtime``: the only one that its networks run on, in float32.
    ``publishes_weights``: whether there is a weights file where a configuration names none.
    """

    module: str
    usage: str
    runtime: str | None = None
    publishes_weights: bool = True


RUNTIMES = {
    "eager": RuntimeRow("imgcls.models.runtimes.eager", compiles=False),
    "compile": RuntimeRow("imgcls.models.runtimes.compiled"),
    "openvino": RuntimeRow("imgcls.models.runtimes.openvino", on_gpu=False, library="openvino"),
    "numpy": RuntimeRow("imgcls.models.runtimes.numpy", compiles=False, on_gpu=False, selectable=False),
}


SOURCES = {
    "torchvision": SourceRow("imgcls.models.sources.torchvision", "torchvision:NAME"),
    "timm": SourceRow("imgcls.models.sources.timm", "timm:NAME"),
    "python": SourceRow("imgcls.models.sources.python", "python:package.module:factory", publishes_weights=False),
    "torchhub": SourceRow("imgcls.models.sources.torchhub", "torchhub:REPO:NAME", publishes_weights=False),
    "transformers": SourceRow("imgcls.models.sources.transformers", "transformers:PATH_OR_ID"),
    "reference": SourceRow("imgcls.models.sources.reference", "reference:NAME", runtime="numpy"),
}


def runtime(name: str) -> RuntimeRow | None:
    """The row of a runtime, ours or an installed package's; None where there is none of this name."""
    if name in RUNTIMES:
        return RUNTIMES[name]
    entry = _installed(RUNTIME_GROUP, name)
    return RuntimeRow(entry.module, library=entry.dist.name if entry.dist else None) if entry else None


def source(name: str) -> SourceRow | None:
    """The row of a source, ours or an installed package's; None where there is none of this name."""
    if name in SOURCES:
        return SOURCES[name]
    entry = _installed(SOURCE_GROUP, name)
    return SourceRow(entry.module, f"{name}:NAME") if entry else None


def selectable_runtimes() -> tuple[str, ...]:
    """The names of all runtimes that a configuration may name."""
    ours = [name for name, row in RUNTIMES.items() if row.selectable]
    return (*ours, *sorted(entry_points(group=RUNTIME_GROUP).names - RUNTIMES.keys()))


def usages() -> tuple[str, ...]:
    """How ``arch`` names the networks of every source."""
    others = sorted(entry_points(group=SOURCE_GROUP).names - SOURCES.keys())
    return (*(row.usage for row in SOURCES.values()), *(f"{name}:NAME" for name in others))


def _installed(group: str, name: str) -> EntryPoint | None:
    return next(iter(entry_points(group=group, name=name)), None)
