"""Connects to where weights come from before the libraries are imported that know which files they are.

Importing them takes as long as it takes to learn that there is no network. What is decided here is only whether that is
worth a connection: a guess that is wrong costs one, or the time of one.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

from imgcls.errors import ImgclsError, WeightsMissing
from imgcls.models.weights import caches, publications
from imgcls.models.weights.lock import NotListed
from imgcls.records.config import ModelSpec, PublishedWeights
from imgcls.records.weights import PublishedFile

_TORCH = "https://download.pytorch.org/models/"
_GITHUB = "https://github.com"
_HUBS = {"timm", "transformers"}


def connect(specs: Iterable[ModelSpec]) -> None:
    """Begin to connect to where the published weights of these models come from, if they seem not to be here."""
    for spec in specs:
        url = _site(spec)
        if url and not _is_refused(spec) and not _seems_here(spec):
            from imgcls.models.weights import hosts, network  # which import what requests files

            hosts.begin(network.mirrored(url) or url)


def require(specs: Iterable[ModelSpec]) -> None:
    """Raise WeightsMissing, a line for each model, where the weights of all of these are absent for sure.

    Raises NotListed where it is the lock that forbids one of them.
    """
    reasons = {spec.name: absence(spec) for spec in specs}
    if not (reasons and all(reasons.values())):
        return
    is_forbidden = any(isinstance(reason, NotListed) for reason in reasons.values())
    raise (NotListed if is_forbidden else WeightsMissing)(*(f"{name}: {why}" for name, why in reasons.items()))


def absence(spec: ModelSpec) -> ImgclsError | None:
    """Why the published weights of a model cannot be loaded here, as loading it would state it, within 2 seconds.

    None where they are here or can be fetched, and where only the library knows which they are.
    """
    files = publications.of(spec)
    if not files:
        return None
    from imgcls.models.weights import download  # which imports what requests files

    try:
        download.require_reachable(files, spec.access)
    except ImgclsError as error:
        return error
    return None


def _site(spec: ModelSpec) -> str | None:
    source = spec.architecture.source
    if not isinstance(spec.weights_source, PublishedWeights) or _is_path(spec):
        return None
    if source == "torchhub":
        return _GITHUB if spec.options.get("trust_repo") is True else None
    if source in _HUBS:
        return os.environ.get("HF_ENDPOINT") or "https://huggingface.co"
    return _TORCH if source in {"torchvision", "reference"} else None


def _is_path(spec: ModelSpec) -> bool:
    name = spec.architecture.name
    places = (spec.folder / name, spec.folder / name.partition(":")[0])  # the second of a clone for torch.hub
    return name.startswith("local-dir:") or any(map(os.path.exists, places))


def _is_refused(spec: ModelSpec) -> bool:
    """Whether nothing may be requested."""
    from imgcls.models.weights import network  # which imports what requests files

    lock = spec.access.lock
    is_unlisted = lock is not None and not any(spec.access.model in entry.models for entry in lock.files)
    return spec.access.offline or network.is_forbidden() or is_unlisted


def _seems_here(spec: ModelSpec) -> bool:
    """Whether the lock's folder has a file of this model, or a cache one with such a name."""
    listed = spec.access.lock.files if spec.access.lock else ()
    if any(entry.path and entry.path.is_file() for entry in listed if spec.access.model in entry.models):
        return True
    name = spec.architecture.name.removeprefix("hf-hub:").partition("@")[0]
    if spec.architecture.source in _HUBS:
        repository = name if "/" in name else f"timm/{name}"
        folder = caches.place(PublishedFile("", repository=repository)).parents[1]
        return any(_resemble(folder.parent, folder.name))
    checkpoints = caches.place(PublishedFile("", _TORCH))
    if spec.architecture.source == "torchhub":  # next to the weights lies the code of repositories
        return any(_resemble(checkpoints.parent, name.partition(":")[0]))
    return any(_resemble(checkpoints, name))


def _resemble(folder: Path, name: str) -> Iterable[bool]:
    """For each file of a folder whether its name begins so, whatever stands between its letters and digits."""
    try:
        return [_letters(file.name).startswith(_letters(name)) for file in folder.iterdir()]
    except OSError:
        return []


def _letters(name: str) -> str:
    return re.sub("[^a-z0-9]", "", name.lower())
