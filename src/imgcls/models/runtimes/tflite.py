"""Files of TensorFlow Lite by LiteRT on the CPU; the extra ``imgcls[tflite]``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from imgcls.messages import one_line
from imgcls.models.runtimes import file_classifier
from imgcls.models.runtimes.base import Request
from imgcls.models.runtimes.file_classifier import FileClassifier


class TfliteClassifier(FileClassifier):
    """An interpreter, which one thread at a time may use and which has all cores.

    Raises MachineError where LiteRT is not installed or not for this device, ModelError where it refuses the file.
    """

    def __init__(self, request: Request) -> None:
        file_classifier.require("tflite", "tflite", "a file of TensorFlow Lite")
        file_classifier.require_cpu(request, "files of TensorFlow Lite")
        super().__init__(request)
        self._interpreter = interpreter(request.name, self.module.file, request.cores)
        [details] = self._interpreter.get_input_details()
        self._input: int = details["index"]
        self._shape = tuple(details["shape"])

    def run(self, images: Any) -> Sequence[Any]:
        """All outputs for an array that the file takes."""
        if images.shape != self._shape:
            self._interpreter.resize_tensor_input(self._input, images.shape)
            self._interpreter.allocate_tensors()
            self._shape = images.shape
        self._interpreter.set_tensor(self._input, images)
        self._interpreter.invoke()
        return [self._interpreter.get_tensor(one["index"]) for one in self._interpreter.get_output_details()]


def build(request: Request) -> TfliteClassifier:
    """The classifier of this runtime."""
    return TfliteClassifier(request)


def interpreter(name: str, file: Any, threads: int) -> Any:
    """The file, ready to run; ``name``: of the model. Raises ModelError."""
    from ai_edge_litert.interpreter import Interpreter

    try:
        result = Interpreter(model_path=str(file), num_threads=threads)
        result.allocate_tensors()
    except (RuntimeError, ValueError) as error:
        raise file_classifier.cannot_start(
            name, file, one_line(error)[:300],
            "convert the network again with TensorFlow Lite's own operators, or pip install --upgrade ai-edge-litert",
        ) from error  # fmt: skip
    return result
