"""Networks in ONNX files, which onnxruntime runs; the extra ``imgcls[onnx]``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from imgcls.errors import ModelError, WeightsMissing
from imgcls.models.files import detection, layout, onnx_graph
from imgcls.models.files.network import Contents
from imgcls.models.files.port import Port
from imgcls.models.runtimes import file_classifier
from imgcls.models.sources import file_network
from imgcls.models.sources.file_network import FileSource
from imgcls.records.config import ModelSpec

EXTERNAL = 1
"""``TensorProto.EXTERNAL``: the values are in another file."""


class OnnxSource(FileSource):
    """``onnx:FILE``."""

    what = "ONNX file"
    own_files = ("models/sources/file_network.py", "models/sources/onnx.py")

    def imports(self, spec: ModelSpec) -> tuple[str, ...]:  # noqa: ARG002 - the same for all
        return ("onnx", "onnxruntime")

    def read(self, spec: ModelSpec, file: Path) -> Contents:
        file_classifier.require("onnx", "onnx", "an ONNX file")
        model = _parsed(file)
        files = (file, *_external_files(file, model))
        image, dtype = onnx_graph.image_input(spec, file, model)
        shape = layout.read(spec, file.name, onnx_graph.dimensions(image))
        outputs = tuple(output.name for output in model.graph.output)
        at = Port(outputs=outputs).index(spec.name, spec.output)
        findings = detection.of(
            spec,
            channels=shape.channels or 3,
            dtype=dtype,
            steps=onnx_graph.first_steps(model.graph, image.name),
            last=onnx_graph.last_operation(model.graph, outputs[at]),
        )
        findings = findings.with_labels(file, onnx_graph.class_names(model), onnx_graph.columns(model.graph.output[at]))
        port = Port(shape.layout, dtype, shape.batch, findings.returns, outputs)
        return file_network.contents(files, port, shape, findings, onnx_graph.weights(model))


SOURCE = OnnxSource()


def _parsed(file: Path) -> Any:
    """The model without the values that are in other files. Raises ModelError."""
    import onnx

    try:
        model = onnx.load(str(file), load_external_data=False)
    except Exception as error:  # protobuf's errors are of several classes
        raise file_network.damaged(file, "model of ONNX", type(error).__name__) from error
    if not model.ir_version or not model.graph.output:
        raise file_network.damaged(file, "model of ONNX", "it has no graph")
    return model


def _external_files(file: Path, model: Any) -> tuple[Path, ...]:
    """The files of values next to a file. Raises WeightsMissing, and ModelError where one is too short."""
    ends: dict[str, int] = {}
    for tensor in model.graph.initializer:
        if tensor.data_location == EXTERNAL:
            place = {entry.key: entry.value for entry in tensor.external_data}
            end = int(place.get("offset", 0)) + int(place.get("length", 0))
            ends[place["location"]] = max(end, ends.get(place["location"], 0))
    return tuple(_external(file, name, end) for name, end in sorted(ends.items()))


def _external(file: Path, name: str, end: int) -> Path:
    path = file.parent / name
    if not path.resolve().is_relative_to(file.parent.resolve()):
        raise ModelError(f"{file} names a file of values outside of its folder, {name}: export it again")
    if not path.is_file():
        raise WeightsMissing(f"{file} has its values in {name}, which is not next to it: copy both files")
    file_network.require_fetched(path, "file of values")
    if path.stat().st_size < end:
        raise file_network.damaged(path, "whole file of values", f"{path.stat().st_size} bytes of {end}")
    return path
