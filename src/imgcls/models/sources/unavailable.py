"""Sources of files that no library here runs: each states what is missing."""

from pathlib import Path

from imgcls.errors import MachineError
from imgcls.models.files.network import Contents
from imgcls.models.sources.file_network import FileSource
from imgcls.records.config import ModelSpec

WHERE = {
    "tensorrt": "an engine of TensorRT runs only on the GPU and with the version that it was built for",
    "coreml": "a package of Core ML runs only on macOS",
}


class UnavailableSource(FileSource):
    """``tensorrt:FILE.engine`` and ``coreml:FILE.mlpackage``, until an installed package adds them."""

    what = "file"

    def contents(self, spec: ModelSpec) -> Contents:
        """Raises MachineError."""
        source = spec.architecture.source
        raise MachineError(
            f"[models.{spec.name}] {spec.arch} is not available here: {WHERE[source]}, and no installed package adds "
            f"{source} to imgcls (docs/extending.md states what it must provide); test the ONNX file that it was made "
            'from: arch = "onnx:FILE"'
        )

    def read(self, spec: ModelSpec, file: Path) -> Contents:  # noqa: ARG002 - nothing is read
        """Raises MachineError."""
        return self.contents(spec)


SOURCE = UnavailableSource()
