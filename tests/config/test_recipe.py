"""imgcls.config.recipe: what imgcls is to make is read key by key, and what cannot be made is refused there."""

import re
from pathlib import Path
from typing import Any

import pytest

from imgcls.config import recipe
from imgcls.config.recipe import ExportRecipe
from imgcls.config.table import ConfigTable
from imgcls.errors import ConfigError
from imgcls.records.config import ExportSpec


def _read(folder: Path, name: str, **keys: Any) -> ExportSpec:
    return recipe.read(ConfigTable(folder / "imgcls.toml", f"models.net.exports.made.{name}", keys))


def test_the_format_is_the_name_of_the_entry(tmp_path: Path) -> None:
    """An entry of no other keys is float32, of opset 20, for any number of images."""
    export = _read(tmp_path, "onnx")
    assert (export.name, export.format, export.path) == ("onnx", "onnx", None)
    assert recipe.of(export) == ExportRecipe("onnx", "float32", 20, None, 300, True, True)


def test_another_name_with_a_format(tmp_path: Path) -> None:
    """Several entries may be of one format."""
    export = _read(tmp_path, "half", format="openvino", precision="float16", dynamic_batch=False)
    assert (export.name, export.format) == ("half", "openvino")
    assert recipe.of(export) == ExportRecipe("openvino", "float16", dynamic_batch=False)


def test_int8(tmp_path: Path) -> None:
    """The folder of calibration images is relative to the configuration; the built-in digits stay a word."""
    keys = {"format": "onnx", "precision": "int8", "images": 50, "per_channel": False}
    folder = recipe.of(_read(tmp_path, "small", **keys, calibration="images"))
    assert folder == ExportRecipe("onnx", "int8", 20, tmp_path / "images", 50, per_channel=False)
    assert recipe.of(_read(tmp_path, "small", **keys, calibration="builtin:digits")).calibration == "builtin:digits"


@pytest.mark.parametrize(
    ("name", "keys", "message"),
    [
        ("onnx", {"opest": 20}, "opest: unknown key; did you mean 'opset'?"),
        (
            "onx",
            {},
            (
                "format: is missing, and the name 'onx' is not one of onnx, openvino, exported, torchscript; did you "
                "mean 'onnx'?"
            ),
        ),
        (
            "onnx",
            {"format": "onx"},
            ("format: 'onx' is not one of onnx, openvino, exported, torchscript; did you mean 'onnx'?"),
        ),
        ("onnx", {"opset": "20"}, "opset: must be a whole number above 0, not '20'"),
        ("onnx", {"opset": True}, "opset: must be a whole number above 0, not True"),
        (
            "onnx",
            {"precision": "fp16"},
            ("precision: 'fp16' is not one of float32, float16, int8; did you mean 'float16'?"),
        ),
        ("openvino", {"opset": 20}, 'opset: is for format "onnx", and this one is "openvino": leave it out'),
        (
            "torchscript",
            {"dynamic_batch": True},
            (
                'dynamic_batch: is for format "onnx" and "openvino" and "exported", '
                'and this one is "torchscript": leave it out'
            ),
        ),
        ("exported", {"precision": "int8"}, "precision: 'int8' is not one of float32, float16, bfloat16"),
        (
            "onnx",
            {"precision": "int8"},
            ('calibration: is missing: precision = "int8" needs a folder or manifest of images'),
        ),
        ("onnx", {"calibration": "images"}, 'calibration: is for precision = "int8" only: add that, or leave it out'),
        (
            "onnx",
            {"precision": "int8", "calibration": ""},
            ("calibration: is empty: name a folder or manifest of images"),
        ),
        ("onnx", {"dynamic_batch": 1}, "dynamic_batch: must be true or false, not 1"),
    ],
)
def test_what_is_refused(tmp_path: Path, name: str, keys: dict[str, Any], message: str) -> None:
    """Each message names the file, the key, and what to write."""
    place = f"{tmp_path / 'imgcls.toml'}: [models.net.exports.made.{name}]"
    with pytest.raises(ConfigError, match=f"^{re.escape(f'{place} {message}')}$") as error:
        _read(tmp_path, name, **keys)
    assert "\n" not in str(error.value)
