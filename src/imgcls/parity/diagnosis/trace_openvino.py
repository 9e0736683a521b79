"""The steps of a network in OpenVINO's format, each of whose outputs becomes a result of the network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from imgcls.models.files.port import Port
from imgcls.parity.diagnosis import trace
from imgcls.parity.diagnosis.trace import Array, Operation

KINDS = {"Convolution": "conv2d", "GroupConvolution": "conv2d", "MatMul": "linear"}
SHAPED = frozenset({"Convert", "Reshape", "Transpose", "Squeeze", "Unsqueeze"})
FLOATS = {"f32", "f16", "bf16", "float32", "float16", "bfloat16"}


class OpenVinoTracer:
    """The operations of the model, compiled for the CPU to compute in float32."""

    def __init__(self, file: Path, port: Port) -> None:
        import openvino

        self.port, self.batch_size = port, port.batch
        core = openvino.Core()
        model = core.read_model(file)
        self.order = [op for op in model.get_ordered_ops() if op.get_type_name() not in {"Parameter", "Result"}]
        self.fixed = _fixed(model)
        self.precision = _precision(self.order)
        self.steps = [op for op in self.order if _is_step(op, self.fixed)]
        self.places = {op.get_friendly_name(): index for index, op in enumerate(self.steps)}
        model.add_outputs([op.output(0) for op in self.steps])  # adds none for what is an output already
        sources = [result.input_value(0).get_node().get_friendly_name() for result in model.results]
        self.results = {name: index for index, name in enumerate(sources)}
        settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": torch.get_num_threads()}
        self.request = core.compile_model(model, "CPU", settings).create_infer_request()

    def operations(self, batch: Array) -> tuple[Operation, ...]:
        """See :class:`imgcls.parity.diagnosis.trace.Tracer`."""
        self.request.infer({0: self.port.feed(torch.from_numpy(batch)).numpy()})
        outputs = {index: self._data(index) for index in range(len(self.steps))}
        return tuple(
            self._operation(index, op, outputs[index])
            for index, op in enumerate(self.steps)
            if trace.is_step(outputs[index], len(batch))
        )

    def output(self, key: Any) -> Array:
        """See :class:`imgcls.parity.diagnosis.trace.Tracer`."""
        return np.array(self._data(key), np.float32)

    def _data(self, index: int) -> Array:
        result = self.results[self.steps[index].get_friendly_name()]
        return np.asarray(self.request.get_output_tensor(result).data)

    def _operation(self, index: int, op: Any, output: Array) -> Operation:
        kind = op.get_type_name()
        details: dict[str, Any] = {"arguments": dict(op.get_attributes())}
        if kind in KINDS:
            details.update(self._linear(op))
        if kind == "FakeQuantize":
            details["clipped"] = self._clipped(op)
        return trace.operation(index, op.get_friendly_name(), KINDS.get(kind, kind), output, **details)

    def _linear(self, op: Any) -> dict[str, Any]:
        """The weight and the bias of a convolution or a linear layer, as a torch module has them."""
        source = op.input_value(1).get_node()
        weight = _constant(source)
        if weight is None or weight.ndim < 2:
            return {}
        if op.get_type_name() == "GroupConvolution":
            weight = weight.reshape(-1, *weight.shape[2:])
        if op.get_type_name() == "MatMul" and not op.get_attributes().get("transpose_b"):
            weight = weight.T
        bias = _added(op)
        scales = _scales(source)
        return {
            "weight": weight.astype(np.float32),
            "bias": None if bias is None else bias.reshape(-1).astype(np.float32),
            "integers": scales > 0,
            "per_tensor": scales == 1 and len(weight) > 1,
        }

    def _clipped(self, op: Any) -> float | None:
        """The share of values that a quantisation of activations cannot hold; what a ReLU cuts off is not missed."""
        sources = [op.input_value(at).get_node() for at in range(3)]
        low, high = (_constant(source) for source in sources[1:])
        at = self.places.get(sources[0].get_friendly_name())
        if at is None or low is None or high is None:
            return None
        margin = (high - low) / (op.get_attributes().get("levels", 256) - 1)
        return trace.share_outside(self._data(at), low - margin, high + margin, step=margin)


def _fixed(model: Any) -> set[str]:
    """The names of the operations that do not depend on the image."""
    fixed: set[str] = set()
    for op in model.get_ordered_ops():
        sources = [value.get_node().get_friendly_name() for value in op.input_values()]
        if op.get_type_name() == "Constant" or (sources and fixed.issuperset(sources)):
            fixed.add(op.get_friendly_name())
    return fixed


def _is_step(op: Any, fixed: set[str]) -> bool:
    floats = op.get_output_size() > 0 and op.output(0).get_element_type().get_type_name() in FLOATS
    return floats and op.get_friendly_name() not in fixed


def _constant(op: Any) -> Array | None:
    """The value of an operation that depends on stored values only; None where it is another kind of operation."""
    kind = op.get_type_name()
    if kind == "Constant":
        return np.asarray(op.get_data(dtype=np.float32))
    known = [_constant(value.get_node()) for value in op.input_values()]
    parts = [part for part in known if part is not None]
    if not parts or len(parts) < len(known):
        return None
    if kind == "Convert":
        return parts[0]
    if kind == "Reshape":
        return parts[0].reshape(op.output(0).get_shape())
    if kind == "Transpose":
        return parts[0].transpose(parts[1].astype(int))
    functions = {"Multiply": np.multiply, "Subtract": np.subtract, "Add": np.add}
    return np.asarray(functions[kind](*parts[:2])) if kind in functions else None


def _added(op: Any) -> Array | None:
    """The constant that is added to an operation's output."""
    readers = [target.get_node() for target in op.output(0).get_target_inputs()]
    adds = [reader for reader in readers if reader.get_type_name() == "Add"]
    return _constant(adds[0].input_value(1).get_node()) if len(readers) == len(adds) == 1 else None


def _scales(op: Any) -> int:
    """How many scales a weight in integers has; 0 where it is stored in floating-point numbers."""
    while op.get_type_name() in SHAPED:
        op = op.input_value(0).get_node()
    if op.get_type_name() != "Multiply" or not _holds_integers(op):
        return 0
    scale = _constant(op.input_value(1).get_node())
    return 0 if scale is None else scale.size


def _holds_integers(op: Any) -> bool:
    while op.get_input_size():
        op = op.input_value(0).get_node()
    return bool(op.get_type_name() == "Constant" and op.get_element_type().is_integral())


def _precision(order: list[Any]) -> str:
    """The narrowest type of the stored weights, as they are multiplied."""
    constants = [op for op in order if op.get_type_name() == "Constant" and len(op.get_output_shape(0)) >= 2]
    types = {op.get_element_type().get_type_name() for op in constants if np.prod(op.get_output_shape(0)) > 1}
    if {"i8", "u8", "int8_t", "uint8_t"} & types:
        return "int8"
    return "float16" if {"f16", "float16"} & types else "float32"
