"""The networks in int8, as imgcls writes them, and faults of int8 files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from PIL import Image

from imgcls.config.recipe import ExportRecipe
from imgcls.models.exports import quantize
from imgcls.models.exports.network import Network
from imgcls.models.model import Model
from parity_networks import DATA

CALIBRATION = 40
Finish = Callable[[Path, Model, str], Path]


def calibration() -> list[Image.Image]:
    """Photographs of as many classes, none of which is among those that are compared."""
    folders = sorted(folder for folder in (DATA / "photos").iterdir() if folder.is_dir())
    return [Image.open(min(folder.iterdir())) for folder in folders[13 :: len(folders) // CALIBRATION][:CALIBRATION]]


def of_one_class() -> list[Image.Image]:
    """Eight images of one class: five photographs, three of which are there mirrored, too."""
    folder = min(folder for folder in (DATA / "photos10").iterdir() if folder.is_dir())
    images = [Image.open(file) for file in sorted(folder.iterdir())]
    return [*images, *(image.transpose(Image.Transpose.FLIP_LEFT_RIGHT) for image in images[:3])]


def written(model: Model, runtime: str, folder: Path, images: list[Image.Image], *, per_channel: bool = True) -> Path:
    """The model as an int8 file of ONNX or OpenVINO, calibrated with these images."""
    batches = [torch.as_tensor(model.transform(image))[None].numpy() for image in images]
    recipe = ExportRecipe(cast(Any, runtime), "int8", per_channel=per_channel)
    file = folder / ("int8.onnx" if runtime == "onnx" else "int8.xml")
    quantize.write(Network(model, traceable=True), recipe, cast(Any, batches), file)
    return file


def per_tensor(folder: Path, model: Model, runtime: str) -> Path:
    return written(model, runtime, folder, calibration(), per_channel=False)


def narrow(folder: Path, model: Model, runtime: str) -> Path:
    return written(model, runtime, folder, of_one_class())


def clean(folder: Path, model: Model, runtime: str) -> Path:
    return written(model, runtime, folder, calibration())


def scaled(folder: Path, model: Model, runtime: str) -> Path:
    """The scale of the integers of the weight in the middle times 1.05; OpenVINO converts the ONNX file."""
    import onnx
    from onnx import numpy_helper

    file = written(model, "onnx", folder, calibration())
    proto = onnx.load(file)
    stored = {tensor.name: tensor for tensor in proto.graph.initializer}
    makers = {name: node for node in proto.graph.node for name in node.output}
    convolutions = [makers[node.input[1]] for node in proto.graph.node if node.op_type == "Conv"]
    scale = stored[convolutions[len(convolutions) // 2].input[1]]
    off = numpy_helper.to_array(scale) * np.float32(1.05)
    scale.CopyFrom(numpy_helper.from_array(off, scale.name))
    onnx.save(proto, file)
    if runtime == "onnx":
        return file
    import openvino

    openvino.save_model(openvino.convert_model(file), folder / "int8.xml", compress_to_fp16=False)
    return folder / "int8.xml"
