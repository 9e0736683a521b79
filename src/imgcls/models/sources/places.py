"""Folders that ``arch`` names: on this machine, or of a repository on Hugging Face's hub."""

from pathlib import Path

from imgcls.errors import ConfigError
from imgcls.records.config import ModelSpec


def local(spec: ModelSpec, path: str) -> Path | None:
    """The folder of a path relative to the configuration's folder, or else to the working folder; None without one."""
    candidates = (spec.folder / Path(path).expanduser(), Path(path).expanduser())
    return next((folder for folder in candidates if folder.is_dir()), None)


def folder(spec: ModelSpec, path: str, file: str) -> Path:
    """A folder that has this file. Raises ConfigError where there is none."""
    place = local(spec, path)
    if place is None:
        raise ConfigError(
            f"[models.{spec.name}] arch: there is no folder {path}, neither in {spec.folder.absolute()} nor in the "
            f"working folder; it is the one with {file} in it"
        )
    if not (place / file).is_file():
        raise ConfigError(f"[models.{spec.name}] arch: the folder {place} has no {file}: name the one that has")
    return place


def from_hub(spec: ModelSpec, repository: str, file: str) -> Path:
    """The folder of a repository's file in the hub's own cache; its name is ``ORG/NAME``, or ``ORG/NAME@REVISION``.

    Raises ConfigError for a name of another form, WeightsMissing for a file that is not available.
    """
    name, _, revision = repository.partition("@")
    if name.count("/") != 1:
        raise ConfigError(f"[models.{spec.name}] arch: {repository!r} is not a repository of the form ORG/NAME")
    from imgcls.models.weights import download  # which imports what requests files

    return download.from_hub(name, file, revision or None, spec.access).parent
