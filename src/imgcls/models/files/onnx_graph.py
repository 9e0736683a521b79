"""What the graph of an ONNX file states of its input, its output, its classes and its weights."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from imgcls.errors import ModelError
from imgcls.messages import named
from imgcls.models.files import detection
from imgcls.models.files.affine import Step
from imgcls.models.files.detection import INDICES, UNCHANGING, TensorCounts
from imgcls.records.config import ModelSpec

PASSING = frozenset({"Identity", "Cast", "Transpose", "QuantizeLinear", "DequantizeLinear"})


def image_input(spec: ModelSpec, file: Path, model: Any) -> tuple[Any, str]:
    """The one input that is not a weight, and its type by torch's name. Raises ModelError where there are several."""
    stored = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in stored]
    if len(inputs) != 1 or not inputs[0].type.HasField("tensor_type"):
        names = named([value.name for value in inputs]) or "none"
        raise ModelError(
            f"[models.{spec.name}] {file.name} has the inputs {names}, and an image classifier has one: export it "
            "with the images as its only input"
        )
    return inputs[0], type_name(inputs[0].type.tensor_type.elem_type)


def type_name(number: int) -> str:
    """A type by torch's name."""
    from onnx import TensorProto

    name = str(TensorProto.DataType.Name(number)).lower()
    return {"float": "float32", "double": "float64"}.get(name, name)


def dimensions(value: Any) -> list[int | None]:
    """The sides of a tensor; None for any."""
    return [side.dim_value or None for side in value.type.tensor_type.shape.dim]


def columns(output: Any) -> int | None:
    """The number of classes, where the output's shape states it."""
    sides = dimensions(output)
    return sides[1] if len(sides) > 1 else None


def first_steps(graph: Any, image: str) -> list[Step]:
    """The operations with constants on the images themselves, until something else happens to them."""
    constants = _constants(graph)
    steps: list[Step] = []
    while len(users := [node for node in graph.node if image in node.input]) == 1:
        node = users[0]
        others = [name for name in node.input if name != image]
        if node.op_type in {"Add", "Sub", "Mul", "Div"} and len(others) == 1 and others[0] in constants:
            constant = _per_channel(constants[others[0]])
            if constant is None:
                break
            steps.append(Step(node.op_type, constant, node.input[0] != image))
        elif node.op_type not in PASSING:
            break
        image = node.output[0]
    return steps


def last_operation(graph: Any, output: str) -> str | None:
    """The operation that computes the output, but for those that only change its form."""
    makers = {name: node for node in graph.node for name in node.output}
    while (node := makers.get(output)) is not None and node.op_type in UNCHANGING:
        output = node.input[0]
    return node.op_type if node is not None else None


def class_names(model: Any) -> str | None:
    """The text in which the metadata states the names of classes."""
    return detection.class_names({entry.key: entry.value for entry in model.metadata_props})


def weights(model: Any) -> TensorCounts:
    """What the stored tensors are, also those that operations hold."""
    inside = [attribute.t for node in model.graph.node for attribute in node.attribute if attribute.HasField("t")]
    parameters = size = 0
    types: Counter[str] = Counter()
    for tensor in (*model.graph.initializer, *inside):
        name, values = type_name(tensor.data_type), int(np.prod(tensor.dims, dtype=np.int64))
        size += _bytes(name, values)
        if name not in INDICES:
            parameters += values
            types[name] += 1
    return TensorCounts(parameters, size, types)


def _bytes(name: str, values: int) -> int:
    """The size of so many values; of types with less than a byte two are in one."""
    if name.endswith("4") and name.startswith(("int", "uint", "float4")):
        is_half = name in {"int4", "uint4"} or name.startswith("float4")
        return (values + 1) // 2 if is_half else values * 8
    widths = {"bfloat16": 2, "bool": 1, "string": 0}
    if name in widths:
        return values * widths[name]
    return values if name.startswith("float8") else values * np.dtype(name).itemsize


def _constants(graph: Any) -> dict[str, Any]:
    """The small tensors of a graph by name: those that may be means and standard deviations."""
    held = {
        node.output[0]: attribute.t
        for node in graph.node
        if node.op_type == "Constant"
        for attribute in node.attribute
        if attribute.name == "value"
    }
    return {**{tensor.name: tensor for tensor in graph.initializer}, **held}


def _per_channel(tensor: Any) -> Any:
    """One number, or one for each of three channels; None for anything else."""
    from onnx import numpy_helper

    if tensor.data_location or int(np.prod(tensor.dims, dtype=np.int64)) not in {1, 3}:
        return None
    return np.asarray(numpy_helper.to_array(tensor), np.float64).reshape(-1)
