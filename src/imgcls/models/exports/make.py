"""Exports as files, whoever makes them: the configured file, or one that imgcls makes of the reference and keeps."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from imgcls import documents, lfs
from imgcls.config import recipe as recipes
from imgcls.config.recipe import ExportRecipe
from imgcls.errors import ImgclsError, WeightsMissing
from imgcls.models.exports import (
    cached,
    calibration,
    calibration_record,
    failures,
    libraries,
    network,
    onnx,
    openvino,
    precision,
    quantize,
    torch_files,
)
from imgcls.models.exports.calibration import Chosen
from imgcls.models.exports.calibration_record import CalibrationRecord
from imgcls.models.exports.network import Network
from imgcls.records.config import ExportSpec, ModelSpec

SUFFIXES = {"onnx": ".onnx", "openvino": ".xml", "exported": ".pt2", "torchscript": ".torchscript"}
NOTES = "notes.json"

_WRITERS: Mapping[str, Callable[[Network, ExportRecipe, Path], tuple[str, ...]]] = {
    "onnx": onnx.write,
    "openvino": openvino.write,
    "exported": torch_files.write_exported,
    "torchscript": torch_files.write_torchscript,
}


class MadeExport(NamedTuple):
    """The file of an export, and what is to be known of how it was made, a sentence each."""

    path: Path
    notes: tuple[str, ...]


def file_of(export: ExportSpec, model: ModelSpec, artefacts: Path | None) -> MadeExport:
    """The file of an export of a model: the configured one, or the made one, below ``artefacts`` or for this process.

    Raises WeightsMissing where a configured file is not here, MachineError where a package is missing, ModelError where
    the network has no form in the format, ConfigError for a calibration without images, and what loading the reference
    raises.
    """
    if export.path is not None:
        return MadeExport(_located(export.path, export, model), _weakness(export.path))
    recipe = recipes.of(export)
    versions = libraries.of(recipe)
    images = calibration.chosen(recipe) if recipe.precision == "int8" else None
    reference = network.load(model)
    folder = cached.home(artefacts) / cached.key(recipe, reference.model, versions, images)
    name = f"network{SUFFIXES[recipe.format]}"

    def write_all(place: Path) -> None:
        notes = write(reference, recipe, place / name, versions, images)
        (place / NOTES).write_text(json.dumps(notes), encoding="utf-8")

    cached.filled(folder, write_all)
    notes = json.loads((folder / NOTES).read_text(encoding="utf-8"))
    return MadeExport(folder / name, (*notes, *_weakness(folder / name)))


def int8_file(recipe: ExportRecipe, model: ModelSpec, file: Path) -> MadeExport:
    """Write an int8 file of a model, and the record of its calibration next to it; after a failure nothing is left.

    Raises what :func:`file_of` raises, ConfigError where the file cannot be written, and OSError.
    """
    documents.check_writable(file)
    versions = libraries.of(recipe)
    images = calibration.chosen(recipe)
    reference = network.load(model)
    with TemporaryDirectory(prefix=".imgcls-", dir=file.absolute().parent) as scratch:
        notes = write(reference, recipe, Path(scratch) / file.name, versions, images)
        for part in sorted(Path(scratch).iterdir(), key=lambda part: part.name == file.name):
            part.replace(file.with_name(part.name))
    return MadeExport(file, (*notes, *_weakness(file)))


def write(
    reference: Network, recipe: ExportRecipe, file: Path, versions: Mapping[str, str], images: Chosen | None = None
) -> tuple[str, ...]:
    """Write a network to a file as a recipe has it, for int8 with its record next to it; what is to be known of it.

    ``images``: of the calibration. Raises ModelError, ConfigError, OSError.
    """
    clipped = precision.clipped(reference.model.classifier.module, recipe.precision)
    if images is None:
        return (*_written(reference, recipe, file), *clipped)
    batches, undecodable = calibration.decoded(images, reference.model)
    quantized = quantize.write(reference, recipe, batches, file)
    record = CalibrationRecord(
        network=reference.model.spec.arch,
        state_sha256=reference.model.info.state_sha256,
        format=recipe.format,
        per_channel=recipe.per_channel,
        images=len(batches),
        listed=images.listed,
        seed=calibration.SEED,
        classes=images.classes,
        file_bytes=quantize.file_bytes(file),
        float32_bytes=quantized.float32_bytes,
        versions=versions,
        image_sha256=tuple(image.sha256 for image in batches.images),
    )
    calibration_record.write(file, record)
    return (*undecodable, *quantized.notes)


def _written(reference: Network, recipe: ExportRecipe, file: Path) -> tuple[str, ...]:
    try:
        return _WRITERS[recipe.format](reference, recipe, file)
    except (ImgclsError, OSError):
        raise
    except Exception as error:  # a library that is installed and does not load, or cannot write
        raise failures.failure(reference.model.spec.name, recipe, error) from error


def _located(path: Path, export: ExportSpec, model: ModelSpec) -> Path:
    """Raises WeightsMissing where there is no such file, or where Git LFS did not fetch it."""
    if path.suffix == ".xml" and path.is_file() and not (weights := path.with_suffix(".bin")).exists():
        raise WeightsMissing(f"{weights.absolute()} is missing, which holds the weights of {path.name}: put it there")
    if not path.is_file():
        raise WeightsMissing(
            f"no file at {path.absolute()}: put it there, or correct {export.name} in [models.{model.name}.exports]"
        )
    for part in (path, path.with_suffix(".bin")) if path.suffix == ".xml" else (path,):
        if lfs.is_pointer_file(part):
            raise WeightsMissing(lfs.refusal(part, "exported network"))
    return path


def _weakness(file: Path) -> tuple[str, ...]:
    record = calibration_record.of(file)
    weakness = calibration_record.weakness(record) if record else None
    return (weakness,) if weakness else ()
