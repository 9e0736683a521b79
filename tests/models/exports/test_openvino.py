"""imgcls.models.exports.openvino: the file computes the network's logits, for as many images as its recipe states."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from export_parts import agreement, distance
from imgcls.config.recipe import ExportRecipe
from imgcls.errors import ModelError
from imgcls.models.exports import openvino as writer
from imgcls.models.exports.network import Network

openvino = pytest.importorskip("openvino")


def _run(file: Path, images: torch.Tensor) -> Any:
    compiled = openvino.Core().compile_model(file, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return np.array(compiled(images.numpy())[0])


def test_float32_and_float16(
    reference: Network, images: torch.Tensor, logits: NDArray[np.float32], tmp_path: Path, capfd: Any
) -> None:
    """The logits are PyTorch's but for rounding; with float16 the weights take half the bytes."""
    for precision in ("float32", "float16"):
        assert writer.write(reference, ExportRecipe("openvino", precision), tmp_path / f"{precision}.xml") == ()
    assert capfd.readouterr() == ("", "")
    assert distance(logits, _run(tmp_path / "float32.xml", images)) < 1e-4
    assert distance(logits[:1], _run(tmp_path / "float32.xml", images[:1])) < 1e-4
    half = _run(tmp_path / "float16.xml", images)
    assert 0 < distance(logits, half) < 0.1
    assert agreement(logits, half) > 0.98
    sizes = [(tmp_path / f"{precision}.bin").stat().st_size for precision in ("float32", "float16")]
    assert 1.9 < sizes[0] / sizes[1] < 2.1


def test_one_image_at_a_time(reference: Network, tmp_path: Path) -> None:
    """Without a dynamic batch the file states that it takes one image."""
    writer.write(reference, ExportRecipe("openvino", dynamic_batch=False), tmp_path / "net.xml")
    model = openvino.Core().read_model(tmp_path / "net.xml")
    assert list(model.inputs[0].shape) == [1, 3, 32, 32]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "Odd",
            "odd cannot be made an openvino file: the format has nothing for the operator aten::special_bessel_j0: ",
        ),
        ("Fixed", "odd cannot be made an openvino file for any number of images: its code takes a fixed number; "),
    ],
)
def test_what_has_no_file_is_one_line(
    name: str, message: str, odd: Callable[[str], Network], tmp_path: Path, capfd: Any
) -> None:
    """With the operator, the reason, and the next step."""
    with pytest.raises(ModelError, match=f"^{re.escape(message)}"):
        writer.write(odd(name), ExportRecipe("openvino"), tmp_path / "net.xml")
    assert capfd.readouterr() == ("", "")


def test_what_a_recording_fixes_is_a_note(odd: Callable[[str], Network], tmp_path: Path) -> None:
    """Of a network whose code depends on values only one branch is recorded, and that is said."""
    [note] = writer.write(odd("Branch"), ExportRecipe("openvino"), tmp_path / "net.xml")
    assert note.startswith("torch's tracer doubts that it computes the same for every image (odd_nets.py, line 14: ")
    assert note.endswith("); the file keeps what it did for blank images")
