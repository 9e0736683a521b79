"""What a file states of its input and its output, or what the steps of its graph show of them, in words too."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from imgcls import messages
from imgcls.data import class_lists
from imgcls.errors import LabelError, ModelError
from imgcls.messages import one_line
from imgcls.models.files import affine
from imgcls.models.files.affine import Step
from imgcls.models.files.port import described
from imgcls.records.config import ModelSpec, Returns
from imgcls.records.data import LabelList

if TYPE_CHECKING:
    import torch

UNCHANGING = frozenset({
    "Identity", "Cast", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "QuantizeLinear", "DequantizeLinear",
    "Convert", "Result", "FakeQuantize", "Clip",
})  # fmt: skip
"""Operations, by their names in ONNX and OpenVINO, after which an output is still what it was."""

LINEAR = frozenset({
    "Gemm", "MatMul", "Add", "Conv", "Convolution", "GlobalAveragePool", "ReduceMean", "FULLY_CONNECTED", "CONV_2D",
    "MEAN", "linear", "addmm", "matmul", "mm", "add", "conv2d", "mean", "adaptive_avg_pool2d",
})  # fmt: skip
"""Operations that cannot make probabilities by themselves."""

SOFTMAX = frozenset({"Softmax", "SoftMax"})
SUM_TOLERANCE = 1e-2
"""Half-precision probabilities of a thousand classes sum to 1 within this."""

SIGMOID = frozenset({"Sigmoid", "HardSigmoid"})


NAME_KEYS = ("names", "classes", "class_names", "labels", "label_names", "id2label")
"""The metadata in which exporters keep the names of classes, the usual one first."""

BYTES = frozenset({"uint8", "uint16", "int16", "int32", "int64"})
"""Types of an input that hold bytes; whole numbers hold no normalised pixels."""

EXACT = frozenset({"float32", "float64"})
"""Types of an input that hold an image as it is normalised."""

INDICES = frozenset({"int64", "bool", "string"})
"""Types of shapes and indices, which are not parameters."""


class TensorCounts(NamedTuple):
    """The stored tensors of a file: the number of their values without shapes and indices, and their size."""

    parameters: int
    bytes: int
    types: Mapping[str, int]

    @property
    def notes(self) -> tuple[str, ...]:
        """The types, where they are not all float32."""
        return () if set(self.types) <= {"float32"} else (f"weights: {described(self.types)}",)


@dataclass(frozen=True, slots=True)
class Findings:
    """What was detected; ``mean`` and ``std``: of pixels in [0, 1], None where nothing shows them."""

    returns: Returns | None = "logits"
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    input_source: str | None = None
    labels: LabelList | None = None
    notes: tuple[str, ...] = ()

    def noted(self, *notes: str) -> Findings:
        """The same, with more notes."""
        return replace(self, notes=(*self.notes, *notes))

    def with_labels(self, file: Path, text: str | None, columns: int | None) -> Findings:
        """The same with the classes that a text in the file names, or a note why they are not used."""
        if text is None:
            return self
        try:
            labels = class_lists.of_text(file, text)
        except LabelError as error:
            return self.noted(f"the names of classes that it states cannot be read: {one_line(error)}")
        if columns not in {None, len(labels.names)}:
            outputs = messages.counted(columns, "output")
            return self.noted(f"the {len(labels.names)} classes that it states are not used: it has {outputs}")
        return replace(self, labels=labels)


def of(spec: ModelSpec, *, channels: int, dtype: str, steps: Sequence[Step], last: str | None) -> Findings:
    """What the type and the first and last operations of a graph show.

    Raises ModelError where its output went through a sigmoid.
    """
    returns, note = _returned(spec, last)
    findings = Findings(returns, notes=note)
    if dtype in BYTES:
        mean, std = affine.as_input(affine.BYTES, channels)
        said = f"the input is {dtype}: it takes bytes in {affine.BYTES}, not normalised"
        return replace(findings, mean=mean, std=std, input_source="the type of the input").noted(said)
    if dtype not in EXACT:
        findings = findings.noted(f"the input is {dtype}: images are rounded to it")
    pixels = affine.images_range(list(steps))
    names = ", ".join(step.operation for step in steps)
    if pixels:
        mean, std = affine.as_input(pixels, channels)
        said = f"it normalises by itself ({names}): it takes pixels in {pixels}"
        return replace(findings, mean=mean, std=std, input_source="the first steps of the graph").noted(said)
    if steps:
        return findings.noted(
            f"it begins with {names}, from which the range of its input cannot be read: give mean and std in "
            f"[models.{spec.name}.input] where the usual ones are not right"
        )
    return findings


def _returned(spec: ModelSpec, last: str | None) -> tuple[Returns | None, tuple[str, ...]]:
    if spec.returns:
        return spec.returns, (f"the outputs are {spec.returns}, as configured",)
    if last in SIGMOID:
        raise ModelError(
            f"[models.{spec.name}] {spec.arch} ends with a sigmoid, a probability for each class by itself: export it "
            'without the sigmoid, or give returns = "logits" to take its outputs as they are'
        )
    if last in SOFTMAX:
        return "probabilities", ("it ends with a softmax: its logits are the logarithms of the probabilities",)
    if last in {"LogSoftmax", "LogSoftMax"}:
        return "logits", ("it ends with a log-softmax: its logits are the logarithms of the probabilities",)
    return "logits" if last in LINEAR else None, ()


def are_probabilities(outputs: NDArray[np.float32]) -> bool:
    """Whether the outputs (n, classes) for images of noise are not negative and sum to 1."""
    is_table = outputs.ndim == 2 and outputs.shape[1] > 1
    return bool(is_table and (outputs >= 0).all() and np.allclose(outputs.sum(1), 1, rtol=0, atol=SUM_TOLERANCE))


def class_names(metadata: Mapping[str, str]) -> str | None:
    """The text in which metadata, or files that are kept with a network, state the names of its classes."""
    by_key = {key.rpartition("/")[2].partition(".")[0]: text for key, text in metadata.items() if text.strip()}
    return next((by_key[key] for key in NAME_KEYS if key in by_key), None)


def counts(tensors: Mapping[str, torch.Tensor], parameters: Collection[str]) -> TensorCounts:
    """What the tensors of a program are, some of which are parameters."""
    types = [str(tensor.dtype).removeprefix("torch.") for tensor in tensors.values()]
    return TensorCounts(
        sum(tensor.numel() for name, tensor in tensors.items() if name in parameters),
        sum(tensor.nbytes for tensor in tensors.values()),
        Counter(name for name in types if name not in INDICES),
    )


def batch_notes(batch: int | None) -> tuple[str, ...]:
    """That a file takes a fixed number of images."""
    if batch is None:
        return ()
    each = "one image at a time" if batch == 1 else f"{messages.counted(batch, 'image')} at a time"
    return (f"its number of images is fixed: they are run {each}",)
