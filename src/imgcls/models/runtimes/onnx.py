"""ONNX files by onnxruntime, on the CPU or on CUDA; the extra ``imgcls[onnx]``."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from imgcls import extensions
from imgcls.errors import MachineError
from imgcls.messages import one_line
from imgcls.models.runtimes import file_classifier
from imgcls.models.runtimes.base import Request
from imgcls.models.runtimes.file_classifier import FileClassifier

PROVIDERS = extensions.RUNTIMES["onnx"].providers
ERRORS_ONLY = 3
CUDA = {"use_tf32": "0", "cudnn_conv_algo_search": "HEURISTIC"}  # docs/decisions.md#flags-that-change-bits
"""Options of the provider; its own are TF32, and whichever algorithms are faster when it tries them."""

NEWEST_OPSET = re.compile(r"official support for domain \S+ is till opset (\d+)")


class OnnxClassifier(FileClassifier):
    """A session of onnxruntime, which several workers share where it was built for several.

    Raises MachineError where onnxruntime is not installed or not for this device, ModelError where it refuses the file.
    """

    def __init__(self, request: Request) -> None:
        file_classifier.require("onnx", "onnx", "an ONNX file")
        super().__init__(request)
        self.concurrent = request.workers > 1
        self._session = _session(request, self.module.file)
        self._input = self._session.get_inputs()[0].name

    def run(self, images: Any) -> Sequence[Any]:
        """All outputs for an array that the file takes."""
        outputs: Sequence[Any] = self._session.run(None, {self._input: images})
        return outputs

    def reason(self, error: BaseException) -> str:
        """What was wrong, without the name of the error's class and the place in onnxruntime's source."""
        return one_line(error).rpartition(" : ")[2]


def build(request: Request) -> OnnxClassifier:
    """The classifier of this runtime."""
    return OnnxClassifier(request)


def _session(request: Request, file: Any) -> Any:
    """The file, optimised for this machine. Raises MachineError, ModelError."""
    import onnxruntime

    device = request.device.partition(":")[0]
    provider = PROVIDERS[device]
    if provider not in onnxruntime.get_available_providers():
        raise MachineError(
            f"onnxruntime {onnxruntime.__version__} is installed without {provider}: pip install onnxruntime-gpu in "
            "its place, or use the device cpu"
        )
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.intra_op_num_threads = max(1, request.cores // request.workers)
    options.inter_op_num_threads = 1
    options.use_deterministic_compute = True
    options.log_severity_level = ERRORS_ONLY
    try:
        own = [_own_options(request.device)]
        session = onnxruntime.InferenceSession(str(file), options, providers=[provider], provider_options=own)
    except Exception as error:  # its errors have no class of their own
        step = "export it again with operators and an opset that onnxruntime has, or pip install --upgrade onnxruntime"
        raise file_classifier.cannot_start(request.name, file, _why(one_line(error)), step) from error
    if provider not in session.get_providers():
        raise MachineError(f"onnxruntime cannot start {provider} here (CUDA and cuDNN do not load): use the device cpu")
    return session


def _own_options(device: str) -> Mapping[str, str]:
    """The provider's, for a device."""
    kind, _, number = device.partition(":")
    return {**CUDA, "device_id": number or "0"} if kind == "cuda" else {}


def _why(text: str) -> str:
    """What onnxruntime says of a file, without the places in its source."""
    if latest := NEWEST_OPSET.search(text):
        return f"its opset is newer than {latest[1]}, the last one that this onnxruntime has"
    reason = text.rpartition(" : ")[2].rpartition("failed:")[2].removeprefix("Fatal error: ")
    return reason.rpartition(" , Error ")[2][:300]
