"""Networks in OpenVINO's own format; the extra ``imgcls[openvino]``."""

from __future__ import annotations

from pathlib import Path

from imgcls.errors import WeightsMissing
from imgcls.messages import one_line
from imgcls.models.files import layout, openvino_graph
from imgcls.models.files.network import Contents
from imgcls.models.files.port import Port
from imgcls.models.runtimes import file_classifier, openvino
from imgcls.models.sources import file_network
from imgcls.models.sources.file_network import FileSource
from imgcls.records.config import ModelSpec


class OpenVinoSource(FileSource):
    """``openvino:FILE.xml``, with its weights in ``FILE.bin``."""

    what = "file of OpenVINO"
    own_files = ("models/sources/file_network.py", "models/sources/openvino_ir.py")

    def imports(self, spec: ModelSpec) -> tuple[str, ...]:  # noqa: ARG002 - the same for all
        return ("openvino",)

    def read(self, spec: ModelSpec, file: Path) -> Contents:
        file_classifier.require("openvino-ir", "openvino", "a file of OpenVINO")
        values = _values(file)
        try:
            model = openvino.started("pip install --force-reinstall openvino").read_model(file)
        except RuntimeError as error:
            raise file_network.damaged(file, "model of OpenVINO", one_line(error)[-200:]) from error
        image = openvino_graph.image_input(spec, file, model)
        shape = layout.read(spec, file.name, openvino_graph.dimensions(image))
        outputs = openvino_graph.output_names(model)
        output = model.outputs[Port(outputs=outputs).index(spec.name, spec.output)]
        findings = openvino_graph.found(spec, model, image, output, shape.channels or 3)
        names, columns = openvino_graph.class_names(model), openvino_graph.columns(output)
        findings = findings.with_labels(file, names, columns)
        port = Port(shape.layout, openvino_graph.type_name(image), shape.batch, findings.returns, outputs)
        return file_network.contents((file, values), port, shape, findings, openvino_graph.weights(model))


SOURCE = OpenVinoSource()


def _values(file: Path) -> Path:
    """The file of weights next to a file. Raises WeightsMissing."""
    path = file.with_suffix(".bin")
    if not path.is_file():
        raise WeightsMissing(f"{file} has its weights in {path.name}, which is not next to it: copy both files")
    file_network.require_fetched(path, "file of weights")
    return path
