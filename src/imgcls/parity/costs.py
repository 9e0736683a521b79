"""What an export costs next to its reference: time, memory and the size of its files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from imgcls import hashing
from imgcls.errors import ImgclsError
from imgcls.models.model import Model
from imgcls.models.sources import base as sources
from imgcls.models.sources import statement
from imgcls.models.sources.file_network import FileSource
from imgcls.performance import latency, memory
from imgcls.records.parity import ExportCost


class Costs:
    """What is measured of each network once, however many datasets it is compared on."""

    def __init__(self) -> None:
        self._measured: dict[str, tuple[ExportCost, tuple[str, ...]]] = {}

    def of(self, model: Model) -> tuple[ExportCost, tuple[str, ...]]:
        """See :func:`measured`."""
        key = hashing.of_json(model.identity)
        if key not in self._measured:
            self._measured[key] = measured(model)
        return self._measured[key]


def measured(model: Model) -> tuple[ExportCost, tuple[str, ...]]:
    """The cost of one image at a time, and a sentence for each figure that could not be measured, with the reason."""
    files, notes = _files(model), []
    cost = ExportCost(file_bytes=sum(file.stat().st_size for file in files) if files else None)
    for measure in (_with_latency, _with_memory):
        try:
            cost = measure(cost, model)
        except ImgclsError as error:
            notes.append(f"not measured: {error}")
    return cost, tuple(notes)


def _files(model: Model) -> tuple[Path, ...]:
    """The files that hold the network: all of an export, of another model the weights that its configuration names."""
    source = sources.of(model.spec)
    if isinstance(source, FileSource):
        return source.contents(model.spec).files
    weights = statement.weights_file(model.spec)
    return (weights,) if weights else ()


def _with_latency(cost: ExportCost, model: Model) -> ExportCost:
    timed = latency.measure(model, "SingleStream")
    return replace(cost, p50_ns=timed.p50_ns, p95_ns=timed.p95_ns)


def _with_memory(cost: ExportCost, model: Model) -> ExportCost:
    used = memory.measure(model.spec, model.info.device)
    return replace(cost, peak_bytes=max(used.loading.heap_bytes, used.inference.heap_bytes))
