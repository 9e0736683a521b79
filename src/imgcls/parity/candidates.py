"""The exports of a model as specs that load like any other model, or the reason why one does not."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from imgcls.errors import ImgclsError, StoreError
from imgcls.models.exports import calibration_record, make
from imgcls.models.exports import reference as exported
from imgcls.records.config import ExportSpec, ModelSpec
from imgcls.records.evaluation import Failure


@dataclass(frozen=True, slots=True)
class Candidate:
    """An export that is to be compared.

    ``calibration``: the images (sha256) that it was calibrated with; ``notes``: how it was made.
    """

    export: ExportSpec
    spec: ModelSpec
    path: Path
    calibration: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Unavailable:
    """An export without a file, and why there is none."""

    export: ExportSpec
    failure: Failure


def reference_of(model: ModelSpec) -> ModelSpec:
    """The model as it was tested: as PyTorch runs it, in float32, from exact pixels, whatever it is configured to."""
    return replace(model, runtime="eager", precision="float32", decode="exact", exports={}, serving=None)


def of(export: ExportSpec, reference: ModelSpec, artefacts: Path | None) -> Candidate | Unavailable:
    """An export of a model, made where imgcls is to make it. Raises StoreError."""
    try:
        made = make.file_of(export, reference, artefacts)
        spec = exported.model_spec(export, reference, made.path)
        calibration = calibration_record.calibration_hashes(made.path)
    except StoreError:
        raise
    except ImgclsError as error:
        return Unavailable(export, Failure(error.exit_code, str(error), "model"))
    named = replace(spec, name=f"{reference.name}.exports.{export.name}")  # as in the configuration, for messages
    return Candidate(export, named, made.path, calibration, tuple(made.notes))
