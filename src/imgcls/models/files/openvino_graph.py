"""What a model of OpenVINO states of its input, its output, its classes and its weights."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from imgcls.errors import ModelError
from imgcls.messages import named
from imgcls.models.files import detection
from imgcls.models.files.affine import Step
from imgcls.models.files.detection import UNCHANGING, Findings, TensorCounts
from imgcls.records.config import ModelSpec

TYPES = {"f16": "float16", "f32": "float32", "f64": "float64", "bf16": "bfloat16", "u8": "uint8", "i8": "int8"}
OPERATIONS = {"Add": "Add", "Subtract": "Sub", "Multiply": "Mul", "Divide": "Div"}
PASSING = frozenset({"Convert", "Transpose", "FakeQuantize"})
INDICES = frozenset({"i64", "boolean", "string"})
INFO = "model_info"
"""Where Model API and its exporters keep what an application needs."""


def image_input(spec: ModelSpec, file: Path, model: Any) -> Any:
    """The one input. Raises ModelError where there are several, or none of images."""
    if len(model.inputs) != 1:
        names = named([one.any_name for one in model.inputs if one.names]) or str(len(model.inputs))
        raise ModelError(
            f"[models.{spec.name}] {file.name} has the inputs {names}, and an image classifier has one: convert it "
            "with the images as its only input"
        )
    return model.inputs[0]


def dimensions(port: Any) -> list[int | None]:
    """The sides of a tensor; None for any. Empty where not even their number is known."""
    shape = port.partial_shape
    if shape.rank.is_dynamic:
        return []
    return [side.get_length() if side.is_static else None for side in shape]


def type_name(port: Any) -> str:
    """The type of a tensor by torch's name."""
    name = str(port.element_type.to_string())
    return TYPES.get(name, name)


def output_names(model: Any) -> tuple[str, ...]:
    """The names of all outputs; one without a name has its number."""
    return tuple(output.any_name if output.names else str(at) for at, output in enumerate(model.outputs))


def columns(output: Any) -> int | None:
    """The number of classes, where the output's shape states it."""
    sides = dimensions(output)
    return sides[1] if len(sides) > 1 else None


def first_steps(image: Any) -> list[Step]:
    """The operations with constants on the images themselves, until something else happens to them."""
    steps: list[Step] = []
    while len(users := list(image.get_target_inputs())) == 1:
        node = users[0].get_node()
        kind = node.get_type_name()
        if kind in OPERATIONS:
            others = [value for value in node.input_values() if value.get_node() != image.get_node()]
            constant = _constant(others[0].get_node()) if len(others) == 1 else None
            if constant is None:
                break
            steps.append(Step(OPERATIONS[kind], constant, node.input_value(0).get_node() != image.get_node()))
        elif kind not in PASSING:
            break
        image = node.output(0)
    return steps


def last_operation(output: Any) -> str:
    """The operation that computes the output, but for those that only change its form."""
    node = output.get_node()
    while node.get_type_name() in UNCHANGING:
        node = node.input_value(0).get_node()
    return str(node.get_type_name())


def weights(model: Any) -> TensorCounts:
    """What the stored tensors are."""
    parameters = size = 0
    types: Counter[str] = Counter()
    for node in model.get_ops():
        if node.get_type_name() == "Constant":
            name, values = node.get_element_type().to_string(), int(np.prod(list(node.shape), dtype=np.int64))
            size += int(node.get_byte_size())
            if name not in INDICES:
                parameters += values
                types[TYPES.get(name, name)] += 1
    return TensorCounts(parameters, size, types)


def with_stated_input(findings: Findings, model: Any, channels: int) -> Findings:
    """With mean and standard deviation where ``model_info`` states them and the graph does not have them already."""
    mean, scale = (_numbers(info(model, key)) for key in ("mean_values", "scale_values"))
    order = info(model, "reverse_input_channels")
    if order is not None:
        findings = findings.noted(f"model_info states reverse_input_channels = {order}: images are fed as RGB")
    if findings.mean is not None or not (mean or scale):
        return findings
    mean, scale = mean or (0.0,), scale or (1.0,)
    if {len(mean), len(scale)} - {1, channels}:
        return findings.noted("the mean and scale values of its model_info are for another number of channels")
    means, scales = (values * channels if len(values) == 1 else values for values in (mean, scale))
    return replace(
        findings,
        mean=tuple(value / 255 for value in means),
        std=tuple(value / 255 for value in scales),
        input_source="model_info of the file",
    ).noted("mean and scale values are those of its model_info")


def class_names(model: Any) -> str | None:
    """The text in which ``model_info`` states the names of classes: words, with ``_`` for a space in a name."""
    text = info(model, "labels")
    if not text or text.lstrip()[0] in "[{":
        return text
    return "\n".join(word.replace("_", " ") for word in text.split())


def info(model: Any, key: str) -> str | None:
    """A text of ``model_info``; None where it states none."""
    if not model.has_rt_info([INFO, key]):
        return None
    return str(model.get_rt_info([INFO, key]).astype(str))


def found(spec: ModelSpec, model: Any, image: Any, output: Any, channels: int) -> Findings:
    """What its type, its first and last operations and ``model_info`` show."""
    dtype = type_name(image)
    findings = detection.of(spec, channels=channels, dtype=dtype, steps=first_steps(image), last=last_operation(output))
    return with_stated_input(findings, model, channels)


def _constant(node: Any) -> Any:
    """One number, or one for each of three channels; None for anything else."""
    while node.get_type_name() == "Convert":
        node = node.input_value(0).get_node()
    if node.get_type_name() != "Constant" or int(np.prod(list(node.shape), dtype=np.int64)) not in {1, 3}:
        return None
    return np.asarray(node.data, np.float64).reshape(-1)


def _numbers(text: str | None) -> tuple[float, ...]:
    return tuple(float(word) for word in text.replace(",", " ").strip("[]() ").split()) if text else ()
