"""One tiny network in each kind of file: the mean of each channel, and a linear layer with known weights."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from imgcls.records.config import ModelSpec

SIDE, CLASSES = 8, 5
WEIGHTS = np.random.default_rng(0).normal(0, 3, (3, CLASSES)).astype(np.float32)
IMAGES = torch.rand(3, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
NAMES = ("cat", "dog", "ewe", "fox", "gnu")
HALF = (0.5, 0.5, 0.5)


def make_spec(arch: str, **keys: Any) -> ModelSpec:
    """A model named ``net``."""
    return ModelSpec("net", arch, **keys)


def expected(images: torch.Tensor = IMAGES) -> NDArray[np.float32]:
    """The logits (n, classes) of a float32 batch."""
    result: NDArray[np.float32] = images.numpy().mean((2, 3)) @ WEIGHTS
    return result


def log_softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """The logarithms of the probabilities."""
    return torch.from_numpy(logits).log_softmax(1).numpy()


def assert_close(logits: NDArray[np.float32], right: NDArray[np.float32]) -> None:
    """The same but for rounding, as float32."""
    assert logits.dtype == np.float32
    assert np.allclose(right, logits, rtol=0, atol=1e-5)


def write_onnx(
    file: Path,
    *,
    before: Sequence[tuple[str, Sequence[str]]] = (),
    after: Sequence[str] = (),
    constants: Mapping[str, Any] | None = None,
    shape: Sequence[int | str | None] = ("n", 3, SIDE, SIDE),
    dtype: str = "FLOAT",
    metadata: Mapping[str, str] | None = None,
    opset: int = 17,
    weights: NDArray[np.float32] = WEIGHTS,
) -> Path:
    """``before``: operations on the images with the constants that they take; ``after``: operations on the logits."""
    from onnx import TensorProto, helper, numpy_helper, save_model

    nodes, name = [], "images"
    for number, (operation, others) in enumerate(before):
        attributes: dict[str, Any] = {"to": TensorProto.FLOAT} if operation == "Cast" else {}
        attributes |= {"perm": [0, 3, 1, 2]} if operation == "Transpose" else {}
        domain = "my.own" if operation == "Custom" else ""
        nodes.append(helper.make_node(operation, [name, *others], [f"before{number}"], domain=domain, **attributes))
        name = f"before{number}"
    nodes += [
        helper.make_node("ReduceMean", [name], ["averages"], axes=[2, 3], keepdims=0),
        helper.make_node("MatMul", ["averages", "weights"], ["logits"]),
    ]
    name = "logits"
    for operation in after:
        nodes.append(helper.make_node(operation, [name], [operation.lower()]))
        name = operation.lower()
    stored = {"weights": weights, **(constants or {})}
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("images", getattr(TensorProto, dtype), shape)],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, (shape[0], weights.shape[1]))],
        [numpy_helper.from_array(value, key) for key, value in stored.items()],
    )
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid("my.own", 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=9)
    helper.set_model_props(model, dict(metadata or {}))
    save_model(model, str(file))
    return file


def write_openvino(
    file: Path,
    *,
    before: Callable[[Any, Any], Any] = lambda _, images: images,
    after: Callable[[Any, Any], Any] = lambda _, logits: logits,
    shape: Sequence[int] = (-1, 3, SIDE, SIDE),
    dtype: Any = np.float32,
    info: Mapping[str, str] | None = None,
) -> Path:
    """``before`` and ``after`` take OpenVINO's operations, and return what they make of the images and the logits."""
    import openvino
    from openvino import opset13

    images = opset13.parameter(list(shape), dtype, name="images")
    mean = opset13.reduce_mean(before(opset13, images), np.array([2, 3], np.int64))
    logits = opset13.matmul(mean, opset13.constant(WEIGHTS), transpose_a=False, transpose_b=False)
    model = openvino.Model([after(opset13, logits)], [images], "net")
    for key, value in (info or {}).items():
        model.set_rt_info(value, ["model_info", key])
    openvino.save_model(model, str(file), compress_to_fp16=False)
    return file


class Net(nn.Module):
    """``last``: what is done to the logits."""

    def __init__(self, last: Callable[[torch.Tensor], Any] = lambda logits: logits) -> None:
        super().__init__()
        self.weights, self.last = nn.Parameter(torch.from_numpy(WEIGHTS.copy())), last

    def forward(self, images: torch.Tensor) -> Any:
        """(n, 3, h, w) to (n, classes)."""
        return self.last(images.mean((2, 3)) @ self.weights)


def write_exported(
    file: Path, network: nn.Module | None = None, *, batch: int | None = None, extra: Mapping[str, str] | None = None
) -> Path:
    """``batch``: a fixed number of images; ``extra``: texts that are kept with it."""
    images = torch.zeros(batch or 2, 3, SIDE, SIDE)
    shapes = None if batch else ({0: torch.export.Dim("n")},)
    program = torch.export.export((network or Net()).eval(), (images,), dynamic_shapes=shapes)
    torch.export.save(program, file, extra_files=dict(extra or {}))
    return file


def write_torchscript(file: Path, network: nn.Module | None = None, extra: Mapping[str, str] | None = None) -> Path:
    """``extra``: texts that are kept with it."""
    jit: Any = torch.jit
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        traced = jit.trace((network or Net()).eval(), torch.zeros(2, 3, SIDE, SIDE))
        jit.save(traced, str(file), _extra_files=dict(extra or {}))
    return file
