"""The tracer for the format of an export."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgcls.parity.diagnosis.trace import Tracer

if TYPE_CHECKING:
    from imgcls.models.model import Model


def of(export: Model) -> Tracer | None:
    """What shows the steps of an export; None for a format whose steps cannot be seen."""
    source, module = export.spec.architecture.source, export.classifier.module
    if source == "onnx":
        from imgcls.parity.diagnosis.trace_onnx import OnnxTracer

        return OnnxTracer(module.file, module.contents.port)
    if source == "openvino":
        from imgcls.parity.diagnosis.trace_openvino import OpenVinoTracer

        return OpenVinoTracer(module.file, module.contents.port)
    if source == "tflite":
        return None
    from imgcls.parity.diagnosis.trace_torch import TorchTracer

    return TorchTracer(module)
