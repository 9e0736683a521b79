"""What is known of a model without loading it, and the hash of everything that this depends on.

A description is made only where every file, library and trait of the machine that it depends on is known, and is used
only where all of them are the same. Of a network that is somebody's own code, nothing is remembered.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec

from imgcls import extensions, hashing
from imgcls.errors import ImgclsError
from imgcls.models import identity
from imgcls.models.model import Model
from imgcls.models.runtimes import base as runtimes
from imgcls.models.sources import statement
from imgcls.models.weights import caches, hashes, publications
from imgcls.records.config import ModelSpec, PublishedWeights
from imgcls.records.description import ModelDescription
from imgcls.records.weights import PublishedFile, WeightsAccess
from imgcls.system import devices, machine, versions

# docs/decisions.md#descriptions-of-models
SOURCES = (
    "*.py",
    "config/*.py",
    "data/*.py",
    "models/*.py",
    "models/files/*.py",
    "models/runtimes/*.py",
    "models/sources/*.py",
    "models/weights/*.py",
    "preprocessing/*.py",
    "records/*.py",
    "reference/*.py",
    "system/*.py",
)
"""Our own source by which a model is loaded: after a change of it, no older description is used."""


def key(spec: ModelSpec, device: str) -> str | None:
    """The hash of everything that the description of a model depends on; None where that is not known, or not here."""
    if not _is_known(spec) or spec.access.gathering:
        return None
    try:
        devices.require(device)
        weights = _weights_file(spec)
        if weights is None and isinstance(spec.weights_source, PublishedWeights):
            return None
        files = {str(file): _sha256(file) for file in _files(spec, weights)}
    except (ImgclsError, OSError):  # loading the model states it
        return None
    return hashing.of_json({"spec": _plain(spec), "weights": str(weights), "files": files, **_circumstances(device)})


def _is_known(spec: ModelSpec) -> bool:
    """Whether neither the network nor what runs it is somebody's own code, which may be edited."""
    runtime = extensions.runtime(runtimes.requested(spec))
    return statement.is_published(spec.architecture) and (runtime is None or runtime.module.startswith("imgcls."))


def _circumstances(device: str) -> dict[str, Any]:
    return {
        "device": device,
        "gpu": machine.gpu(device),
        "cpu": machine.vectors(),
        "versions": {**versions.environment(), **versions.readers()},
        "torch": versions.torch(),
        "imgcls_sha256": identity.source_sha256(*SOURCES),
    }


def _plain(spec: ModelSpec) -> Any:
    """All that is configured, as JSON has it; a path is not the text of the same letters."""
    access = {"model": spec.access.model, "lock": spec.access.lock}
    fields = {**{name: getattr(spec, name) for name in spec.__slots__}, "access": access}
    return msgspec.to_builtins(fields, enc_hook=lambda value: {type(value).__name__: str(value)})


def _weights_file(spec: ModelSpec) -> Path | None:
    """The file that the weights are read from, as far as that is known without the library that publishes them."""
    if not isinstance(spec.weights_source, PublishedWeights):
        return statement.weights_file(spec)
    paths = (_here(file, spec.access) for file in publications.of(spec))
    return next((path for path in paths if path), None)


def _here(file: PublishedFile, access: WeightsAccess) -> Path | None:
    """Where a published file lies that may be loaded; None where it would be fetched, or refused."""
    if access.lock is None:
        return caches.find(file)
    entry = access.lock.entry(file)
    if entry is None:
        return None
    return entry.path if entry.path and entry.path.is_file() else caches.find(entry.as_published())


def _files(spec: ModelSpec, weights: Path | None) -> Iterator[Path]:
    """What is read while the model is loaded, or would be if it were there."""
    if weights:
        yield from (weights, weights.with_name(statement.CONFIG), weights.with_name(statement.PROCESSOR))
    if spec.labels is not None:
        yield Path(spec.labels)


def _sha256(file: Path) -> str | None:
    return hashes.file_sha256(file) if file.is_file() else None


def of(model: Model) -> ModelDescription | None:
    """The description of a loaded model as it comes back from JSON; None where something would be lost on the way."""
    if model.own:
        return None
    description = ModelDescription(model.info, model.labels, model.spec.options, model.identity, model.outputs)
    try:
        again = msgspec.json.decode(msgspec.json.encode(description), type=ModelDescription)
        is_same = hashing.canonical(asdict(again)) == hashing.canonical(asdict(description))
    except (TypeError, ValueError, msgspec.MsgspecError):  # of an option that JSON does not have
        return None
    return again if is_same else None
