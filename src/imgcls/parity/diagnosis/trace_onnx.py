"""The steps of a network in an ONNX file, run by onnxruntime without its optimisations."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from imgcls.models.files.port import Port
from imgcls.parity.diagnosis import trace
from imgcls.parity.diagnosis.trace import Array, Operation

LINEAR = {"Conv": "conv2d", "Gemm": "linear", "MatMul": "linear", "QLinearConv": "conv2d"}


class OnnxTracer:
    """The nodes of the graph, each of whose outputs becomes an output of the network."""

    def __init__(self, file: Path, port: Port) -> None:
        import onnx

        self.port, self.batch_size = port, port.batch
        self.graph = onnx.load(file)
        self.nodes = list(self.graph.graph.node)
        self.constants = Constants(self.graph.graph)
        self.readers = {name: node for node in self.nodes for name in node.input}
        self.precision = self.constants.precision
        self.outputs: dict[str, Array] = {}

    def operations(self, batch: Array) -> tuple[Operation, ...]:
        """See :class:`imgcls.parity.diagnosis.trace.Tracer`."""
        feed = {self._session.get_inputs()[0].name: self.port.feed(torch.from_numpy(batch)).numpy()}
        names = [output.name for output in self._session.get_outputs()]
        with np.errstate(all="ignore"):
            self.outputs = dict(zip(names, self._session.run(None, feed), strict=True))
        steps = ((node, name) for node in self.nodes for name in node.output if name in self.outputs)
        return tuple(
            self._operation(node, name) for node, name in steps if trace.is_step(self.outputs[name], len(batch))
        )

    def output(self, key: Any) -> Array:
        """See :class:`imgcls.parity.diagnosis.trace.Tracer`."""
        return self.outputs[key].astype(np.float32)

    @cached_property
    def _session(self) -> Any:
        import onnx
        import onnxruntime

        known = {output.name for output in self.graph.graph.output}
        inner = [name for node in self.nodes for name in node.output if name and name not in known]
        self.graph.graph.output.extend(onnx.ValueInfoProto(name=name) for name in dict.fromkeys(inner))
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.intra_op_num_threads, options.log_severity_level = torch.get_num_threads(), 4
        return onnxruntime.InferenceSession(self.graph.SerializeToString(), options, providers=["CPUExecutionProvider"])

    def _operation(self, node: Any, name: str) -> Operation:
        details: dict[str, Any] = {"arguments": _attributes(node)}
        if node.op_type in LINEAR:
            details.update(self._linear(node))
        if node.op_type == "DequantizeLinear" and (quantized := self._quantization(node)) is not None:
            details["clipped"] = self._clipped(quantized)
        kind = LINEAR.get(node.op_type, node.op_type)
        return trace.operation(name, node.name or name, kind, self.outputs[name].astype(np.float32), **details)

    def _linear(self, node: Any) -> dict[str, Any]:
        """The weight and the bias of a convolution or a linear layer, as a torch module has them."""
        at_weight, at_bias = (3, 8) if node.op_type == "QLinearConv" else (1, 2)
        weight = self.constants.value(node.input[at_weight])
        if node.op_type == "QLinearConv" and weight is not None:
            scale, zero = (self.constants.value(name) for name in node.input[4:6])
            weight = _dequantized(weight, scale, zero, 0)
        if weight is None or weight.ndim < 2:
            return {}
        bias = self.constants.value(node.input[at_bias]) if len(node.input) > at_bias else self._added(node.output[0])
        if node.op_type == "MatMul" or (node.op_type == "Gemm" and not _attributes(node).get("transB")):
            weight = weight.T
        integers, scales = self.constants.scales(node.input[at_weight])
        return {
            "weight": weight.astype(np.float32),
            "bias": None if bias is None else bias.reshape(-1).astype(np.float32),
            "integers": integers,
            "per_tensor": integers and scales == 1 and len(weight) > 1,
        }

    def _added(self, name: str) -> Array | None:
        """The constant that is added to this output."""
        reader = self.readers.get(name)
        if reader is None or reader.op_type != "Add":
            return None
        return next((value for value in map(self.constants.value, reader.input) if value is not None), None)

    def _quantization(self, node: Any) -> Any:
        """The node that made the integers of activations; None where they are stored."""
        maker = self.constants.makers.get(node.input[0])
        return maker if maker is not None and maker.op_type == "QuantizeLinear" else None

    def _clipped(self, node: Any) -> float | None:
        """The share of values that a quantisation of activations cannot hold; what a ReLU cuts off is not missed."""
        scale, zero = (self.constants.value(name) for name in node.input[1:3])
        if node.input[0] not in self.outputs or scale is None or zero is None or scale.size != 1:
            return None
        limits = np.iinfo(zero.dtype)
        low, high = ((limit - int(zero.reshape(()))) * float(scale.reshape(())) for limit in (limits.min, limits.max))
        margin = float(scale.reshape(()))
        return trace.share_outside(self.outputs[node.input[0]], low - margin, high + margin, step=margin)


class Constants:
    """What in a graph does not depend on the image: stored values, and what a few operations make of them."""

    def __init__(self, graph: Any) -> None:
        self.stored = {tensor.name: tensor for tensor in graph.initializer}
        self.makers = {name: node for node in graph.node for name in node.output}

    @property
    def precision(self) -> str:
        """The narrowest type of the stored weights."""
        from onnx import TensorProto

        types = {tensor.data_type for tensor in self.stored.values() if len(tensor.dims) >= 2}
        quantized = {TensorProto.INT8, TensorProto.UINT8} & types
        if quantized:
            return "int8"
        return "float16" if TensorProto.FLOAT16 in types else "bfloat16" if TensorProto.BFLOAT16 in types else "float32"

    def value(self, name: str) -> Array | None:
        """A constant by its name; None where it is not one."""
        from onnx import numpy_helper

        if name in self.stored:
            return np.asarray(numpy_helper.to_array(self.stored[name]))
        maker = self.makers.get(name)
        return self._made(maker) if maker is not None else None

    def scales(self, name: str) -> tuple[bool, int]:
        """Whether a weight is stored in integers, and how many scales it has."""
        maker = self.makers.get(name)
        while maker is not None and maker.op_type in {"Transpose", "Identity", "Cast", "Reshape"}:
            maker = self.makers.get(maker.input[0])
        if maker is None or maker.op_type != "DequantizeLinear":
            return False, 0
        scale = self.value(maker.input[1])
        return True, 1 if scale is None else scale.size

    def _made(self, node: Any) -> Array | None:
        from onnx import numpy_helper

        attributes = _attributes(node)
        if node.op_type == "Constant":
            return np.asarray(numpy_helper.to_array(attributes["value"])) if "value" in attributes else None
        parts = [self.value(name) for name in node.input]
        if not parts or parts[0] is None:
            return None
        if node.op_type == "DequantizeLinear":
            return _dequantized(parts[0], parts[1], parts[2] if len(parts) > 2 else None, attributes.get("axis", 1))
        if node.op_type == "Transpose":
            return parts[0].transpose(attributes.get("perm"))
        return parts[0] if node.op_type in {"Identity", "Cast"} else None


def _dequantized(stored: Array, scale: Array | None, zero: Array | None, axis: int) -> Array | None:
    if scale is None:
        return None
    shape = [-1 if at == axis % max(stored.ndim, 1) and scale.size > 1 else 1 for at in range(stored.ndim)]
    offset = 0 if zero is None else zero.astype(np.float32).reshape(shape)
    return np.asarray((stored.astype(np.float32) - offset) * scale.astype(np.float32).reshape(shape))


def _attributes(node: Any) -> Mapping[str, Any]:
    from onnx import helper

    return {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
