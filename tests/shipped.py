"""What ships of the network of the colours project: ONNX files written by hand, with faults of known effect."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from imgcls.models.exports import calibration_record
from imgcls.models.exports.calibration_record import CalibrationRecord
from imgcls.records.config import DatasetSpec, ModelSpec

HALF = (0.5, 0.5, 0.5)
INPUT = {"resize": 8, "crop": 8, "interpolation": "bilinear", "mean": HALF, "std": HALF}
COLOURS = DatasetSpec("colours", Path("colours"))

SAME = np.eye(3, dtype=np.float32)
RED_TO_GREEN = np.array([[1, 2, 0], [0, 1, 0], [0, 0, 1]], np.float32), np.array([0, 1, 0], np.float32)
"""A matrix and a bias by which every red image becomes green, and no other image changes."""


def colour_spec(factory: str = "colour", **keys: Any) -> ModelSpec:
    """The reference: its logits are the mean of each channel."""
    return ModelSpec("colour", f"python:nets:{factory}", **{"labels": Path("names.txt"), "input": INPUT, **keys})


def write_onnx(file: Path, matrix: Any = SAME, bias: Sequence[float] | Any = (0, 0, 0)) -> Path:
    """A network whose logits are the mean of each channel times a matrix, plus a bias."""
    from onnx import TensorProto, helper, numpy_helper, save

    weights = [
        numpy_helper.from_array(np.asarray(value, np.float32), name)
        for name, value in (("matrix", matrix), ("bias", bias))
    ]
    classes = len(np.asarray(bias))
    graph = helper.make_graph(
        [
            helper.make_node("GlobalAveragePool", ["images"], ["pooled"]),
            helper.make_node("Flatten", ["pooled"], ["flat"]),
            helper.make_node("Gemm", ["flat", "matrix", "bias"], ["logits"]),
        ],
        "colour",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["n", 3, 8, 8])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", classes])],
        weights,
    )
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), file)
    return file


def record_calibration(file: Path, images: Sequence[str]) -> None:
    """State that a file was calibrated with these images (sha256)."""
    record = CalibrationRecord("net", "ab" * 32, "onnx", True, len(images), len(images), 0, (), 1, 4, {}, tuple(images))
    calibration_record.write(file, record)
