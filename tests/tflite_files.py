"""Tiny files of TensorFlow Lite with known weights, written with the schema that LiteRT comes with."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import network_files

SIDE, CLASSES = network_files.SIDE, network_files.CLASSES
WEIGHTS = network_files.WEIGHTS.T
BIAS = np.random.default_rng(1).normal(0, 1, CLASSES).astype(np.float32)
WEIGHT_SCALE, INPUT_SCALE, INPUT_ZERO = float(np.abs(WEIGHTS).max() / 127), 1 / 255, -128
OUTPUT_SCALE, OUTPUT_ZERO = 0.1, 3


def write(file: Path, *, int8: bool = False, softmax: bool = False) -> Path:
    """Mean over the image, a linear layer, and perhaps a softmax; images are NHWC, one at a time."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    model = _model(schema, int8=int8, softmax=softmax)
    builder = flatbuffers.Builder(4096)
    builder.Finish(model.Pack(builder), b"TFL3")
    file.write_bytes(bytes(builder.Output()))
    return file


def logits(images: NDArray[np.float32]) -> NDArray[np.float32]:
    """What the float network returns for (n, 3, h, w)."""
    result: NDArray[np.float32] = images.mean((2, 3)) @ WEIGHTS.T + BIAS
    return result


def _model(schema: Any, *, int8: bool, softmax: bool) -> Any:
    kind = schema.TensorType.INT8 if int8 else schema.TensorType.FLOAT32
    buffers: list[Any] = [schema.BufferT()]
    tensors: list[Any] = []

    def tensor(shape: list[int], dtype: int, data: Any = None, scale: float = 0, zero: int = 0) -> int:
        one = schema.TensorT()
        one.name, one.shape, one.type, one.buffer = f"t{len(tensors)}", shape, dtype, 0
        if data is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(data.tobytes(), np.uint8)
            one.buffer = len(buffers)
            buffers.append(buffer)
        if scale:
            one.quantization = schema.QuantizationParametersT()
            one.quantization.scale, one.quantization.zeroPoint = [scale], [zero]
        tensors.append(one)
        return len(tensors) - 1

    inputs = (INPUT_SCALE, INPUT_ZERO) if int8 else (0, 0)
    image = tensor([1, SIDE, SIDE, 3], kind, None, *inputs)
    axes = tensor([2], schema.TensorType.INT32, np.array([1, 2], np.int32))
    mean = tensor([1, 3], kind, None, *inputs)
    if int8:
        stored = np.round(WEIGHTS / WEIGHT_SCALE).astype(np.int8)
        weights = tensor([CLASSES, 3], kind, stored, WEIGHT_SCALE)
        bias_scale = WEIGHT_SCALE * INPUT_SCALE
        bias = tensor([CLASSES], schema.TensorType.INT32, np.round(BIAS / bias_scale).astype(np.int32), bias_scale)
        output = tensor([1, CLASSES], kind, None, OUTPUT_SCALE, OUTPUT_ZERO)
    else:
        weights, bias = tensor([CLASSES, 3], kind, WEIGHTS), tensor([CLASSES], kind, BIAS)
        output = tensor([1, CLASSES], kind)
    reducer, linear = schema.ReducerOptionsT(), schema.FullyConnectedOptionsT()
    steps = [
        (schema.BuiltinOperator.MEAN, [image, axes], mean, schema.BuiltinOptions.ReducerOptions, reducer),
        (
            schema.BuiltinOperator.FULLY_CONNECTED,
            [mean, weights, bias],
            output,
            schema.BuiltinOptions.FullyConnectedOptions,
            linear,
        ),
    ]
    if softmax:
        options = schema.SoftmaxOptionsT()
        options.beta = 1.0
        scale = (1 / 256, -128) if int8 else (0, 0)
        last = tensor([1, CLASSES], kind, None, *scale)
        steps.append((schema.BuiltinOperator.SOFTMAX, [output], last, schema.BuiltinOptions.SoftmaxOptions, options))
        output = last
    return _whole(schema, buffers, tensors, steps, image, output)


def _whole(schema: Any, buffers: list[Any], tensors: list[Any], steps: list[Any], image: int, output: int) -> Any:
    model, graph = schema.ModelT(), schema.SubGraphT()
    model.version, model.buffers, model.operatorCodes, model.subgraphs = 3, buffers, [], [graph]
    graph.tensors, graph.inputs, graph.outputs, graph.operators = tensors, [image], [output], []
    for number, (code, inputs, result, kind, options) in enumerate(steps):
        entry, operator = schema.OperatorCodeT(), schema.OperatorT()
        entry.builtinCode = entry.deprecatedBuiltinCode = code
        entry.version = 2 if tensors[inputs[0]].type == schema.TensorType.INT8 else 1
        operator.opcodeIndex, operator.inputs, operator.outputs = number, inputs, [result]
        operator.builtinOptionsType, operator.builtinOptions = kind, options
        model.operatorCodes.append(entry)
        graph.operators.append(operator)
    return model
