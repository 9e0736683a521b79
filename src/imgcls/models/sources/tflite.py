"""Networks in files of TensorFlow Lite, which LiteRT runs; the extra ``imgcls[tflite]``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from imgcls.errors import ModelError
from imgcls.models.files import affine, detection, layout
from imgcls.models.files.detection import Findings
from imgcls.models.files.network import Contents
from imgcls.models.files.port import Port, Quantization
from imgcls.models.files.tflite_graph import Graph, texts
from imgcls.models.runtimes import file_classifier, tflite
from imgcls.models.sources import file_network
from imgcls.models.sources.file_network import FileSource
from imgcls.records.config import ModelSpec

MARK = b"TFL3"
SOFTMAX_SCALE = 1 / 256
"""The scale that the specification of TensorFlow Lite gives to a quantised softmax."""


class TfliteSource(FileSource):
    """``tflite:FILE``."""

    what = "file of TensorFlow Lite"
    own_files = ("models/sources/file_network.py", "models/sources/tflite.py")

    def imports(self, spec: ModelSpec) -> tuple[str, ...]:  # noqa: ARG002 - the same for all
        return ("ai_edge_litert.interpreter",)

    def read(self, spec: ModelSpec, file: Path) -> Contents:
        file_classifier.require("tflite", "tflite", "a file of TensorFlow Lite")
        with file.open("rb") as stream:
            if stream.read(8)[4:] != MARK:
                raise file_network.damaged(file, "model of TensorFlow Lite", "it does not begin with TFL3")
        interpreter, graph = tflite.interpreter(spec.name, file, 1), Graph(file)
        image = _image_input(spec, file, interpreter)
        shape = layout.read(spec, file.name, [int(side) if side > 0 else None for side in image["shape_signature"]])
        all_outputs = interpreter.get_output_details()
        names = tuple(str(output["name"]) for output in all_outputs)
        at = Port(outputs=names).index(spec.name, spec.output)
        output = all_outputs[at]
        channels, quantized = shape.channels or 3, _quantization(image)
        findings = _findings(spec, graph, image, output, channels)
        findings = findings.with_labels(file, detection.class_names(texts(file)), _columns(output))
        port = Port(shape.layout, _dtype(image), shape.batch, findings.returns, names, quantized, _quantization(output))
        return file_network.contents((file,), port, shape, findings, graph.weights())


SOURCE = TfliteSource()


def _image_input(spec: ModelSpec, file: Path, interpreter: Any) -> Mapping[str, Any]:
    inputs = interpreter.get_input_details()
    if len(inputs) != 1:
        raise ModelError(
            f"[models.{spec.name}] {file.name} has {len(inputs)} inputs, and an image classifier has one: convert it "
            "with the images as its only input"
        )
    details: Mapping[str, Any] = inputs[0]
    return details


def _findings(
    spec: ModelSpec, graph: Graph, image: Mapping[str, Any], output: Mapping[str, Any], channels: int
) -> Findings:
    """What the operations show, and what an integer input stands for."""
    quantized, scaled = _quantization(image), _quantization(output)
    findings = detection.of(
        spec,
        channels=channels,
        dtype="float32" if quantized else _dtype(image),
        steps=graph.first_steps(),
        last=graph.last_operation(output["index"]),
    )
    if scaled and not spec.returns and findings.returns is None and scaled.scale == SOFTMAX_SCALE:
        said = "its outputs are quantised as those of a softmax: its logits are the logarithms of the probabilities"
        findings = replace(findings, returns="probabilities").noted(said)
    if quantized is None:
        return findings
    limits = np.iinfo(image["dtype"])
    low, high = ((limit - quantized.zero_point) * quantized.scale for limit in (limits.min, limits.max))
    said = f"the input is {_dtype(image)} and stands for {low:.4g} to {high:.4g}: images are quantised to it"
    known = affine.of_range(low, high, channels)
    if known is None:
        return findings.noted(said)
    mean, std = known
    return replace(findings, mean=mean, std=std, input_source="the range of the input").noted(said)


def _dtype(details: Mapping[str, Any]) -> str:
    return str(np.dtype(details["dtype"]).name)


def _quantization(details: Mapping[str, Any]) -> Quantization | None:
    """How integers stand for numbers; None where they are none, or stand for themselves."""
    scale, zero_point = details["quantization"]
    is_integer = np.issubdtype(details["dtype"], np.integer)
    return Quantization(float(scale), int(zero_point)) if is_integer and scale else None


def _columns(output: Mapping[str, Any]) -> int | None:
    shape = output["shape"]
    return int(shape[1]) if len(shape) > 1 else None
