"""Programs of TorchScript, whose content is code that is run: only with ``trust = true``."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

from imgcls.errors import ConfigError, ModelError
from imgcls.messages import one_line
from imgcls.models.files import detection, script_graph
from imgcls.models.files.layout import ImageShape
from imgcls.models.files.network import Contents
from imgcls.models.files.port import Port
from imgcls.models.files.program import ProgramNetwork
from imgcls.models.sources import file_network
from imgcls.models.sources.file_network import FileSource
from imgcls.records.config import ModelSpec


class TorchScriptSource(FileSource):
    """``torchscript:FILE``."""

    what = "TorchScript archive"
    own_files = ("models/sources/file_network.py", "models/sources/torchscript.py")

    def imports(self, spec: ModelSpec) -> tuple[str, ...]:  # noqa: ARG002 - the same for all
        return ("torch.jit",)

    def module(self, spec: ModelSpec, contents: Contents) -> ProgramNetwork:
        """The program itself."""
        return ProgramNetwork(_loaded(contents.files[0])[0], contents, spec.output)

    def read(self, spec: ModelSpec, file: Path) -> Contents:
        if not spec.trust:
            raise ConfigError(
                f"[models.{spec.name}] {file} is a TorchScript archive, which is code that loading it would run: where "
                f"you trust who made it, write trust = true in [models.{spec.name}]; an export with torch.export "
                '(arch = "exported:FILE.pt2") or to ONNX needs no trust'
            )
        program, texts = _loaded(file)
        tensors = program.state_dict()
        channels = script_graph.channels(tensors)
        findings = detection.of(
            spec, channels=channels, dtype="float32", steps=(), last=script_graph.last_operation(program)
        ).with_labels(file, detection.class_names(texts), None)
        shape = ImageShape(spec.layout or "NCHW", None, channels, None, "")
        port = Port(shape.layout, script_graph.dtype(tensors), None, findings.returns)
        return file_network.contents(
            (file,), port, shape, findings, detection.counts(tensors, dict(program.named_parameters()))
        )


SOURCE = TorchScriptSource()


def _loaded(file: Path) -> tuple[Any, dict[str, str]]:
    """The program in evaluation mode, and the texts that were saved with it. Raises ModelError."""
    import torch

    texts = dict.fromkeys((f"{key}{suffix}" for key in detection.NAME_KEYS for suffix in ("", ".txt", ".json")), "")
    jit: Any = torch.jit
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*torch.jit", category=DeprecationWarning)
            warnings.filterwarnings("ignore", message=".*torch.jit", category=FutureWarning)
            program = jit.load(str(file), map_location="cpu", _extra_files=texts)
    except RuntimeError as error:
        raise ModelError(
            f"{file} is not a TorchScript archive that torch {torch.__version__} reads, or was cut off "
            f"({one_line(error)[:160]}); fetch or save it again with torch.jit.save"
        ) from error
    return program.eval(), {key: text if isinstance(text, str) else text.decode() for key, text in texts.items()}
