"""Files of OpenVINO's own format on the CPU, as they are; the extra ``imgcls[openvino]``."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from imgcls.messages import one_line
from imgcls.models.runtimes import file_classifier, openvino
from imgcls.models.runtimes.base import Request
from imgcls.models.runtimes.file_classifier import FileClassifier


class OpenVinoFileClassifier(FileClassifier):
    """A compiled file, of which each thread has a request of its own.

    Raises MachineError where OpenVINO is not installed or not for this device, ModelError where it refuses the file.
    """

    concurrent = True

    def __init__(self, request: Request) -> None:
        file_classifier.require("openvino-ir", "openvino", "a file of OpenVINO")
        file_classifier.require_cpu(request, "files of OpenVINO")
        super().__init__(request)
        self._compiled = _compiled(request, self.module.file)
        self._threads = threading.local()

    def run(self, images: Any) -> Sequence[Any]:
        """All outputs for an array that the file takes."""
        if not hasattr(self._threads, "request"):
            self._threads.request = self._compiled.create_infer_request()
        self._threads.request.infer({0: images}, share_inputs=True)
        return [self._threads.request.get_output_tensor(at).data for at in range(len(self.port.outputs))]

    def reason(self, error: BaseException) -> str:
        """The last line states what was wrong; those before it state where."""
        return str(error).strip().rpartition("\n")[2]


def build(request: Request) -> OpenVinoFileClassifier:
    """The classifier of this runtime."""
    return OpenVinoFileClassifier(request)


def _compiled(request: Request, file: Any) -> Any:
    """Compiled for all workers at once, in the types that the file has. Raises MachineError, ModelError."""
    core = openvino.started("pip install --force-reinstall openvino")
    settings = {
        "EXECUTION_MODE_HINT": "ACCURACY",
        "NUM_STREAMS": request.workers,
        "INFERENCE_NUM_THREADS": request.cores,
        "ENABLE_CPU_PINNING": False,
    }
    try:
        return core.compile_model(core.read_model(file), "CPU", settings)
    except Exception as error:  # its errors are RuntimeErrors, of several lines
        step = "convert the network again, or pip install --upgrade openvino"
        raise file_classifier.cannot_start(request.name, file, one_line(error)[-300:], step) from error
