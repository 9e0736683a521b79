"""What lies next to an int8 file: which images it was calibrated on, and how it was made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imgcls import documents
from imgcls.messages import spelled

SUFFIX = ".calibration.json"
FEW_IMAGES = 30  # docs/decisions.md#calibration-images


@dataclass(frozen=True, slots=True)
class CalibrationRecord:
    """How an int8 file was made.

    ``network``: its ``arch``, and ``state_sha256`` of its weights. ``images``: those that it was calibrated on, of
    ``listed`` distinct ones, chosen by ``seed``; ``image_sha256``: of their bytes. ``classes``: their folders or
    labels. ``float32_bytes``: the size of the same file in float32.
    """

    network: str
    state_sha256: str
    format: str
    per_channel: bool
    images: int
    listed: int
    seed: int
    classes: tuple[str, ...]
    file_bytes: int
    float32_bytes: int
    versions: Mapping[str, Any]
    image_sha256: tuple[str, ...]


def place(file: Path) -> Path:
    """Where the record of a file is."""
    return file.with_name(file.name + SUFFIX)


def write(file: Path, record: CalibrationRecord) -> None:
    """Write the record of a file next to it. Raises OSError."""
    documents.write(place(file), record)


def of(file: Path) -> CalibrationRecord | None:
    """The record of a file; None where there is none. Raises ConfigError where it cannot be read."""
    path = place(file)
    if not path.exists():
        return None
    return documents.read(
        path, CalibrationRecord, "record of a calibration", whose="one of imgcls", way="imgcls quantize"
    )


def calibration_hashes(file: Path) -> frozenset[str]:
    """The sha256 of every image that a file was calibrated on; none where nothing states them.

    Raises ConfigError where the record cannot be read.
    """
    record = of(file)
    return frozenset(record.image_sha256) if record else frozenset()


def weakness(record: CalibrationRecord) -> str | None:
    """Why a calibration may be too poor, as ``calibration on 8 images of one class``; None where it is not.

    It is for fewer than :data:`FEW_IMAGES` images, and where all are of one class.
    """
    is_one = len(record.classes) == 1
    if record.images >= FEW_IMAGES and not is_one:
        return None
    images = f"{record.images} image{'s' if record.images != 1 else ''}"
    which = f" of one class ({spelled(record.classes[0])})" if is_one else ""
    return (
        f"calibration on {images}{which}: the ranges of activations are those of these images, and others are clipped; "
        f"give {FEW_IMAGES} or more, from all classes"
    )
