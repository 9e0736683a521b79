"""What distinguishes the predictions of one network from those of every other: the model's part of their key."""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict
from fnmatch import fnmatch
from importlib import metadata, resources, util
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from imgcls import extensions, hashing
from imgcls.errors import MachineError
from imgcls.models.runtimes import base as runtimes
from imgcls.models.sources import base as sources
from imgcls.records.config import ModelSpec
from imgcls.records.evaluation import ModelInfo
from imgcls.system import devices, machine, versions

PACKAGE = resources.files("imgcls")


# docs/decisions.md#prediction-keys
PREDICTION_SOURCES = (
    "preprocessing/*.py",
    "evaluation/metrics.py",
    "evaluation/decoder_process.py",
    "evaluation/decoders.py",
    "evaluation/inputs.py",
    "evaluation/pipeline.py",
    "models/inference.py",
    "models/outputs.py",
    "models/files/*.py",
    "models/runtimes/*.py",
)
"""Our own source in which a prediction is computed: after a change of it, no older prediction is served."""


def identity_of(spec: ModelSpec, info: ModelInfo, own_sources: Mapping[str, str]) -> dict[str, Any]:
    """Everything but image and decoder that a prediction depends on. ``own_sources``: hashes of a user's own code.

    Raises MachineError where files of imgcls are missing.
    """
    source = sources.of(spec)
    return {
        "imgcls_sha256": source_sha256(*PREDICTION_SOURCES, *source.own_files),
        "arch": spec.arch,
        "options": spec.options,
        "state_sha256": info.state_sha256,
        "input": asdict(info.input),
        "decode": spec.decode,
        "output": spec.output,
        "runtime": info.runtime,
        "precision": info.precision,
        "device": devices.kind(info.device),
        "flags": runtimes.FLAGS,
        "torch": versions.torch(),
        **{library: metadata.version(library) for library in source.libraries},
        **versions.of_runtime(info.runtime),
        **({"cpu": machine.vectors()} if spec.decode == "fast" or info.precision != "float32" else {}),
        **_gpu(info),
        "own_sources": own_sources,
        **{key: value for key, value in (("layout", spec.layout), ("returns", spec.returns)) if value},
        **_added_modules(spec, info),
    }


def _gpu(info: ModelInfo) -> Mapping[str, str | None]:
    """The GPU where the bits of predictions depend on it: of reduced precision, and of kernels that come with it."""
    is_exact = info.precision == "float32" and devices.kind(info.device) != "mps"
    return {} if info.device == "cpu" or is_exact else {"gpu": machine.gpu(info.device)}


def source_sha256(*patterns: str) -> str:
    """The sha256 of all files of this package that match. Raises MachineError for a pattern that matches none."""
    return hashing.of_json({name: _sha256(file) for pattern in patterns for name, file in _matching(pattern)})


def _matching(pattern: str) -> list[tuple[str, Traversable]]:
    """The files of a pattern in one folder, with their paths; without any, old predictions would be served."""
    folder, _, name = pattern.rpartition("/")
    files = sorted((f for f in PACKAGE.joinpath(folder).iterdir() if fnmatch(f.name, name)), key=lambda f: f.name)
    if not files:
        raise MachineError(
            f"this installation of imgcls has no file {pattern}, on which stored predictions depend: "
            "pip install --force-reinstall imgcls"
        )
    return [(f"{folder}/{file.name}", file) for file in files]


def _added_modules(spec: ModelSpec, info: ModelInfo) -> dict[str, str]:
    """The files of a runtime and a source that another package adds: while they are edited, its version stays."""
    rows = (extensions.runtime(info.runtime), extensions.source(spec.architecture.source))
    added = (row.module for row in rows if row and row.module.partition(".")[0] != "imgcls")
    module_specs = ((name, util.find_spec(name)) for name in added)
    return {name: _sha256(Path(module.origin)) for name, module in module_specs if module and module.origin}


def _sha256(file: Traversable) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
