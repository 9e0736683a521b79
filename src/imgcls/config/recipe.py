"""How imgcls itself makes an export: one entry of ``made`` in ``[models.NAME.exports]``, from its keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from imgcls import messages
from imgcls.config.table import ConfigTable
from imgcls.records.config import BUILTIN_DIGITS, BuiltinDataset, ExportFormat, ExportSpec

ExportPrecision = Literal["float32", "float16", "bfloat16", "int8"]

CALIBRATION_IMAGES: Final = 300  # docs/decisions.md#calibration-images

_INT8 = ("calibration", "images", "per_channel")
_KEYS: Mapping[str, tuple[str, ...]] = {
    "onnx": ("precision", "opset", *_INT8, "dynamic_batch"),
    "openvino": ("precision", *_INT8, "dynamic_batch"),
    "exported": ("precision", "dynamic_batch"),
    "torchscript": ("precision",),
}
"""The formats that can be made, and the keys of each."""

_PRECISIONS: Mapping[str, tuple[ExportPrecision, ...]] = {
    "onnx": ("float32", "float16", "int8"),
    "openvino": ("float32", "float16", "int8"),
    "exported": ("float32", "float16", "bfloat16"),
    "torchscript": ("float32", "float16", "bfloat16"),
}


@dataclass(frozen=True, slots=True)
class ExportRecipe:
    """How a network becomes a file. ``opset``: of ONNX.

    ``calibration``: a folder or manifest of images, by which int8 chooses the ranges of activations, and ``images``:
    at most how many of them. ``per_channel``: whether each output channel of a weight has a scale of its own.
    ``dynamic_batch``: whether the file takes any number of images at once, or only one.
    """

    format: ExportFormat
    precision: ExportPrecision = "float32"
    opset: int = 20
    calibration: Path | BuiltinDataset | None = None
    images: int = CALIBRATION_IMAGES
    per_channel: bool = True
    dynamic_batch: bool = True


def of(export: ExportSpec) -> ExportRecipe:
    """The recipe of an export that :func:`read` read, with the defaults of what it leaves open."""
    return ExportRecipe(export.format, **export.recipe)


def read(table: ConfigTable) -> ExportSpec:
    """One entry of ``made``, whose format is its name where it states none. Raises ConfigError."""
    name = table.name.rpartition(".")[2]
    known = ("format", *dict.fromkeys(key for keys in _KEYS.values() for key in keys))
    table.keys(*known)
    file_format = _format(table, name)
    _check_keys(table, file_format)
    recipe = {key: _READERS[key](table, key) for key in table.table if key not in {"format", "precision"}}
    if "precision" in table.table:
        recipe["precision"] = table.choice("precision", _PRECISIONS[file_format], "float32")
    _check_calibration(table, recipe)
    return ExportSpec(name, file_format, recipe=recipe)


def _format(table: ConfigTable, name: str) -> ExportFormat:
    formats = tuple(_KEYS)
    if "format" not in table.table and name not in formats:
        hint = messages.did_you_mean(name, formats)
        table.wrong("format", f"is missing, and the name {name!r} is not one of {', '.join(formats)}{hint}")
    chosen: ExportFormat = table.choice("format", formats, name)
    return chosen


def _check_keys(table: ConfigTable, file_format: str) -> None:
    for key in table.table:
        if key != "format" and key not in _KEYS[file_format]:
            formats = " and ".join(f'"{name}"' for name, keys in _KEYS.items() if key in keys)
            table.wrong(key, f'is for format {formats}, and this one is "{file_format}": leave it out')


def _check_calibration(table: ConfigTable, recipe: Mapping[str, Any]) -> None:
    if recipe.get("precision") == "int8":
        if "calibration" not in recipe:
            table.wrong("calibration", 'is missing: precision = "int8" needs a folder or manifest of images')
        return
    for key in _INT8:
        if key in recipe:
            table.wrong(key, 'is for precision = "int8" only: add that, or leave it out')


def _calibration(table: ConfigTable, key: str) -> Path | BuiltinDataset:
    value = table.text(key)
    if not value:
        table.wrong(key, "is empty: name a folder or manifest of images")
    return BUILTIN_DIGITS if value == BUILTIN_DIGITS else table.path(key, value)


def _count(table: ConfigTable, key: str) -> int:
    value = table.table[key]
    if type(value) is not int or value < 1:
        table.wrong(key, f"must be a whole number above 0, not {value!r}")
    return value


_READERS = {
    "opset": _count,
    "calibration": _calibration,
    "images": _count,
    "per_channel": ConfigTable.flag,
    "dynamic_batch": ConfigTable.flag,
}
