"""What a file is that a user trained or fetched: a network of which architecture, with which classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from imgcls.errors import ImgclsError
from imgcls.messages import one_line
from imgcls.models.sources import statement
from imgcls.models.weights import files, reader, recognition

SHIPPED: Final[Mapping[str, str]] = {
    ".onnx": "onnx",
    ".xml": "openvino",
    ".tflite": "tflite",
    ".pt2": "exported",
}
"""The sources of files that hold a whole network, by their suffix."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What is known of a file. ``architectures``: those that it can be of, with ``problem`` where they are not one.

    ``outputs``: how many, where the tensors show it; ``names``: of the classes, where a training script saved them.
    ``guess``: what was concluded, as a phrase. ``by_order``: its tensors have other names, and are in the same order.
    """

    architectures: tuple[str, ...] = ()
    outputs: int | None = None
    names: tuple[str, ...] | None = None
    guess: str | None = None
    problem: str | None = None
    by_order: bool = False


def identified(path: Path) -> Checkpoint:
    """What a file of weights, or a folder with one, is: as it states, or by the names and shapes of its tensors."""
    try:
        file = files.located(path)
        stated = statement.in_file(file)
        if stated.architecture:
            return Checkpoint((stated.architecture,), guess=f"{file} is {stated.architecture}, as it states")
        return _recognised(file)
    except ImgclsError as error:
        return Checkpoint(problem=one_line(error))


def _recognised(file: Path) -> Checkpoint:
    result = recognition.recognise(file)
    is_known = len(result.architectures) == 1 and not result.by_order
    return Checkpoint(
        result.architectures,
        result.classes,
        reader.read(file).classes,
        guess=result.remark if is_known else None,
        problem=None if is_known else result.remark,
        by_order=result.by_order,
    )
