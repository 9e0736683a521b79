"""Which files of weights a model loads, as entries of a lock: what is loaded is what is listed, by the same code."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from imgcls import hashing
from imgcls.errors import WeightsMissing
from imgcls.models import inputs
from imgcls.models.sources import base as sources
from imgcls.models.sources import registry
from imgcls.models.sources.base import Licence
from imgcls.models.sources.file_network import FileSource
from imgcls.models.weights import carried, early, files, model_card
from imgcls.models.weights.lock import NotListed
from imgcls.records.config import BuiltinWeights, ModelSpec, PublishedWeights, RandomWeights, WeightsFile
from imgcls.records.weights import NOT_STATED, Gathering, LockedFile, PublishedFile, WeightsLock


def entries(spec: ModelSpec, locked: WeightsLock | None, folder: Path | None = None) -> list[LockedFile]:
    """The files that a model loads, fetched where they are not here; its own files as they are.

    ``folder``: published files are put there. Raises what loading the model raises where a file is not available, or
    where it is not the one that ``locked`` lists already.
    """
    gathering = Gathering(folder)
    spec = replace(spec, access=replace(spec.access, lock=locked, gathering=gathering))
    if absence := early.absence(spec):
        raise absence
    _request(spec)
    published = [_published_entry(spec, locked, file, path, folder) for file, path in gathering.files.items()]
    return published + [_own_entry(spec, file) for file in _own_files(spec)]


def _request(spec: ModelSpec) -> None:
    """Request every published file that loading the model requests."""
    inputs.stated(spec)
    registry.label_list(spec)
    if isinstance(spec.weights_source, PublishedWeights):
        sources.of(spec).published_file(spec)


def _published_entry(
    spec: ModelSpec, locked: WeightsLock | None, file: PublishedFile, path: Path, folder: Path | None
) -> LockedFile:
    known = locked.entry(file) if locked else None
    commit = carried.commit_of(file, path) if file.repository else None
    licence = _licence(spec, file, commit, known)
    return LockedFile(
        file.name,
        hashing.file_sha256(path),
        path.stat().st_size,
        url=file.url,
        repository=file.repository,
        revision=file.revision,
        commit=commit,
        path=path if folder or (known and known.path == path) else None,
        licence=licence.name if licence else NOT_STATED,
        licence_from=licence.stated_by if licence else None,
        models=(spec.access.model,),
    )


def _licence(spec: ModelSpec, file: PublishedFile, commit: str | None, known: LockedFile | None) -> Licence | None:
    """What the source's library states, else what the lock has already, else the model card of the repository."""
    if stated := sources.of(spec).licence(spec):
        return stated
    if known and known.licence_from:
        return Licence(known.licence, known.licence_from)
    stated_there = model_card.licence(file.repository, commit) if file.repository and not spec.access.offline else None
    return Licence(stated_there, "the model card of the repository") if stated_there else None


def _own_files(spec: ModelSpec) -> tuple[Path, ...]:
    """The user's own files that a model loads. Raises what loading them raises."""
    source, weights = sources.of(spec), spec.weights_source
    if isinstance(source, FileSource):
        return source.contents(spec).files
    return (files.located(weights.path),) if isinstance(weights, WeightsFile) else ()


def _own_entry(spec: ModelSpec, file: Path) -> LockedFile:
    return LockedFile(file.name, hashing.file_sha256(file), file.stat().st_size, path=file, models=(spec.access.model,))


def not_covered(spec: ModelSpec) -> str | None:
    """Why a lock can state nothing of the weights that a model loads; None where it can."""
    if isinstance(spec.weights_source, RandomWeights | BuiltinWeights | WeightsFile):
        return None
    source = sources.of(spec)
    if isinstance(source, FileSource) or type(source).published_file is not sources.Source.published_file:
        return None
    return f"{spec.arch}: its own code loads its weights, which a lock cannot list"


def unlisted(spec: ModelSpec) -> str | None:
    """Why a model does not load because of its lock; None where the lock lists all that it loads.

    Raises ImgclsError where something else is wrong with it.
    """
    spec = replace(spec, access=replace(spec.access, offline=True))
    try:
        _request(spec)
        for file in _own_files(spec):
            sources.checked_sha256(spec, file)
    except WeightsMissing:
        return None
    except NotListed as error:
        return str(error)
    return None


def merged(
    locked: WeightsLock, models: Collection[str], new: Iterable[LockedFile], known: Collection[str] | None
) -> WeightsLock:
    """A lock with the new entries of these models in the place of their old ones.

    ``known``: all models that there are, where entries of others are to go; None leaves them.
    """
    result: dict[object, LockedFile] = {}
    for entry in (*_remaining(locked, models, known), *new):
        key = (*entry.origin, None if entry.is_published else entry.path)
        before = result.get(key)
        names = dict.fromkeys((*(before.models if before else ()), *entry.models))
        result[key] = replace(entry, path=entry.path or (before.path if before else None), models=tuple(names))
    return replace(locked, files=tuple(result.values()))


def _remaining(locked: WeightsLock, models: Collection[str], known: Collection[str] | None) -> Iterator[LockedFile]:
    for entry in locked.files:
        names = tuple(n for n in entry.models if n not in models and (known is None or n in known))
        if names:
            yield replace(entry, models=names)
