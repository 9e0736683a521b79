"""What a file of TensorFlow Lite states of its operations and its weights, by the schema that LiteRT comes with."""

from __future__ import annotations

import zipfile
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from imgcls.models.files.affine import Step
from imgcls.models.files.detection import INDICES, TensorCounts

OPERATIONS = {"ADD": "Add", "SUB": "Sub", "MUL": "Mul", "DIV": "Div"}
PASSING = frozenset({"CAST", "TRANSPOSE", "QUANTIZE", "DEQUANTIZE"})
UNCHANGING = frozenset({*PASSING, "RESHAPE", "SQUEEZE"})
LAST = {"SOFTMAX": "Softmax", "LOG_SOFTMAX": "LogSoftmax", "LOGISTIC": "Sigmoid"}


class Graph:
    """The first graph of a file."""

    def __init__(self, file: Path) -> None:
        from ai_edge_litert import schema_py_generated as schema

        self.model: Any = schema.ModelT.InitFromPackedBuf(file.read_bytes(), 0)
        self.graph: Any = self.model.subgraphs[0]

    def kind(self, operator: Any) -> str:
        """The name of an operation."""
        code = self.model.operatorCodes[operator.opcodeIndex]
        return _operations()[max(code.builtinCode, code.deprecatedBuiltinCode)]

    def first_steps(self) -> list[Step]:
        """The operations with constants on the images themselves, until something else happens to them."""
        steps: list[Step] = []
        image = self.graph.inputs[0]
        while len(users := [one for one in self.graph.operators if image in one.inputs]) == 1:
            operator, kind = users[0], self.kind(users[0])
            if kind in OPERATIONS:
                is_reversed = operator.inputs[0] != image
                constant = self._per_channel(operator.inputs[0 if is_reversed else 1])
                if constant is None:
                    break
                steps.append(Step(OPERATIONS[kind], constant, is_reversed))
            elif kind not in PASSING:
                break
            image = operator.outputs[0]
        return steps

    def last_operation(self, output: int) -> str | None:
        """The operation that computes the output, but for those that only change its form, by ONNX's name for it."""
        makers = {tensor: operator for operator in self.graph.operators for tensor in operator.outputs}
        while (operator := makers.get(output)) is not None and self.kind(operator) in UNCHANGING:
            output = operator.inputs[0]
        return None if operator is None else LAST.get(self.kind(operator), self.kind(operator))

    def weights(self) -> TensorCounts:
        """What the stored tensors are."""
        parameters = size = 0
        types: Counter[str] = Counter()
        for tensor in self.graph.tensors:
            stored = self._stored_bytes(tensor)
            size += stored
            name = _types()[tensor.type]
            if stored and name not in INDICES and not (name == "int32" and not _is_quantized(tensor)):
                parameters += int(np.prod(tensor.shape, dtype=np.int64))
                types[name] += 1
        return TensorCounts(parameters, size, types)

    def _stored_bytes(self, tensor: Any) -> int:
        data = self.model.buffers[tensor.buffer].data
        return 0 if data is None else len(data)

    def _per_channel(self, at: int) -> Any:
        """One float32 number, or one for each of three channels; None for anything else."""
        tensor = self.graph.tensors[at]
        data = self.model.buffers[tensor.buffer].data
        if data is None or _types()[tensor.type] != "float32" or len(data) not in {4, 12}:
            return None
        return np.frombuffer(bytes(data), "<f4").astype(np.float64)


def _is_quantized(tensor: Any) -> bool:
    """Whether its integers stand for other numbers; those that do not are shapes and axes."""
    return tensor.quantization is not None and tensor.quantization.scale is not None


def texts(file: Path) -> dict[str, str]:
    """The files that are kept with a network, as its metadata has them: an archive after it."""
    if not zipfile.is_zipfile(file):
        return {}
    with zipfile.ZipFile(file) as archive:
        return {name: archive.read(name).decode(errors="replace") for name in archive.namelist()}


@cache
def _operations() -> dict[int, str]:
    from ai_edge_litert import schema_py_generated as schema

    return {code: name for name, code in vars(schema.BuiltinOperator).items() if isinstance(code, int)}


@cache
def _types() -> dict[int, str]:
    from ai_edge_litert import schema_py_generated as schema

    return {code: name.lower() for name, code in vars(schema.TensorType).items() if isinstance(code, int)}
