"""imgcls.models.exports.onnx: the file computes the network's logits, is valid, and is what its recipe states."""

import re
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch

from export_parts import agreement, distance
from imgcls.config.recipe import ExportRecipe
from imgcls.errors import ModelError
from imgcls.models.exports import onnx as writer
from imgcls.models.exports.network import Network

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
pytestmark = pytest.mark.skipif(not find_spec("onnxscript"), reason="onnxscript: not installed")


def _run(file: Path, images: torch.Tensor) -> Any:
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    return session.run(None, {"images": images.numpy()})[0]


@pytest.mark.slow
def test_float32(odd: Callable[[str], Network], images: torch.Tensor, tmp_path: Path, capfd: Any) -> None:
    """The logits are PyTorch's but for rounding, for any number of images, in the requested opset."""
    file, small = tmp_path / "net.onnx", odd("Small")
    logits = small.model.classifier.logits(images)
    assert writer.write(small, ExportRecipe("onnx", opset=21), file) == ()
    assert capfd.readouterr() == ("", "")
    assert distance(logits, _run(file, images)) < 1e-4
    assert distance(logits[:1], _run(file, images[:1])) < 1e-4
    assert [(entry.domain, entry.version) for entry in onnx.load(file).opset_import] == [("", 21)]


@pytest.mark.slow
def test_float16(odd: Callable[[str], Network], images: torch.Tensor, tmp_path: Path) -> None:
    """Weights are in half the bytes, images and logits stay float32, and import paths are as they were."""
    file, paths, small = tmp_path / "net.onnx", list(sys.path), odd("Small")
    writer.write(small, ExportRecipe("onnx", "float16"), file)
    expected, half = small.model.classifier.logits(images), _run(file, images)
    assert 0 < distance(expected, half) < 0.1
    assert agreement(expected, half) > 0.95
    types = {weight.data_type for weight in onnx.load(file).graph.initializer}
    assert (onnx.TensorProto.FLOAT16 in types, onnx.TensorProto.FLOAT in types) == (True, False)
    assert sys.path == paths


@pytest.mark.slow
def test_one_image_at_a_time(odd: Callable[[str], Network], tmp_path: Path) -> None:
    """Without a dynamic batch the file states that it takes one image."""
    file = tmp_path / "net.onnx"
    writer.write(odd("Small"), ExportRecipe("onnx", dynamic_batch=False), file)
    [images] = onnx.load(file).graph.input
    assert [dim.dim_value for dim in images.type.tensor_type.shape.dim] == [1, 3, 32, 32]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "opset", "message"),
    [
        (
            "Odd",
            20,
            "odd cannot be made an onnx file: the format has nothing for the operator prims.bessel_j0: replace",
        ),
        ("Fixed", 20, "odd cannot be made an onnx file for any number of images: its code takes a fixed number; "),
        (
            "Branch",
            20,
            "odd cannot be made an onnx file: its code decides by the values that it computes (odd_nets.py, ",
        ),
        ("Large", 99, "odd cannot be made an onnx file of opset 99: "),
    ],
)
def test_what_has_no_file_is_one_line(
    name: str, opset: int, message: str, odd: Callable[[str], Network], tmp_path: Path, capfd: Any
) -> None:
    """With the operator or the line, the reason, and the next step; what libraries print is not shown."""
    with pytest.raises(ModelError, match=f"^{re.escape(message)}") as error:
        writer.write(odd(name), ExportRecipe("onnx", opset=opset), tmp_path / "net.onnx")
    assert "\n" not in str(error.value)
    assert capfd.readouterr() == ("", "")
