"""Where made files are kept: in a folder per content, complete or absent, so that a second call is a look-up."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import cache
from pathlib import Path

from imgcls import hashing
from imgcls.config.recipe import ExportRecipe
from imgcls.errors import MachineError
from imgcls.models import identity
from imgcls.models.exports.calibration import Chosen
from imgcls.models.model import Model
from imgcls.models.runtimes import cache as folders

_SOURCES = ("models/exports/*.py", "models/outputs.py", "models/runtimes/openvino.py")
"""Our own source by which a file is made; for int8 also that of preprocessing."""


def key(recipe: ExportRecipe, model: Model, versions: Mapping[str, str], images: Chosen | None) -> str:
    """The hash of everything that a made file depends on: network, recipe, our code, libraries, calibration."""
    sources = (*_SOURCES, *(("preprocessing/*.py",) if images else ()))
    return hashing.of_json(
        {
            "network": {name: value for name, value in model.identity.items() if name != "imgcls_sha256"},
            "recipe": {name: value for name, value in asdict(recipe).items() if name != "calibration"},
            "imgcls_sha256": identity.source_sha256(*sources),
            "versions": versions,
            "calibration": [image.sha256 for image in images.images] if images else None,
        }
    )


def filled(folder: Path, write: Callable[[Path], None]) -> Path:
    """The folder, complete: as it is, or as ``write`` fills it.

    Raises what ``write`` raises, and MachineError where the folder cannot be written, for which its OSErrors stand.
    """
    failures: list[Exception] = []

    def attempt(place: Path) -> None:
        try:
            write(place)
        except Exception as error:
            failures.append(error)
            raise

    if folders.is_complete(folder):
        return folder
    folders.store(folder, attempt)
    if failures and not isinstance(failures[0], OSError):
        raise failures[0]
    if not folders.is_complete(folder):
        raise MachineError(
            f"{folder} cannot be written: free space on the disk, or name another store with --store DIR"
        )
    return folder


def home(artefacts: Path | None) -> Path:
    """The folder for artefacts; without one, a folder that is removed when the process ends."""
    return artefacts or Path(_temporary().name)


@cache
def _temporary() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="imgcls-exports-")
