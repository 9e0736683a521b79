"""Programs that ``torch.export.save`` wrote; they are read without running code, or refused."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from imgcls.errors import ModelError
from imgcls.messages import one_line
from imgcls.models.files import archive, detection, layout, program_graph
from imgcls.models.files.network import Contents
from imgcls.models.files.port import Port
from imgcls.models.files.program import ProgramNetwork
from imgcls.models.sources import file_network
from imgcls.models.sources.file_network import FileSource
from imgcls.records.config import ModelSpec


class ExportedSource(FileSource):
    """``exported:FILE.pt2``."""

    what = "program of torch.export"
    own_files = ("models/sources/file_network.py", "models/sources/exported.py")

    def imports(self, spec: ModelSpec) -> tuple[str, ...]:  # noqa: ARG002 - the same for all
        return ("torch.export",)

    def module(self, spec: ModelSpec, contents: Contents) -> ProgramNetwork:
        """The program itself."""
        return ProgramNetwork(_loaded(contents.files[0]).module(check_guards=False), contents, spec.output)

    def read(self, spec: ModelSpec, file: Path) -> Contents:
        texts = archive.check(file)
        program = _loaded(file)
        image = program_graph.image_input(spec, file, program)
        value = image.meta["val"]
        shape = layout.read(spec, file.name, [side if isinstance(side, int) else None for side in value.shape])
        output = program_graph.output(program)
        findings = detection.of(
            spec,
            channels=shape.channels or 3,
            dtype=str(value.dtype).removeprefix("torch."),
            steps=program_graph.first_steps(program, image),
            last=program_graph.last_operation(output),
        ).with_labels(file, detection.class_names(texts), program_graph.columns(output))
        port = Port(shape.layout, str(value.dtype).removeprefix("torch."), shape.batch, findings.returns)
        tensors = {**program.state_dict, **_tensors(program.constants)}
        counts = detection.counts(tensors, program.graph_signature.parameters)
        return file_network.contents((file,), port, shape, findings, counts)


SOURCE = ExportedSource()


def _tensors(values: Any) -> dict[str, Any]:
    import torch

    return {name: value for name, value in values.items() if isinstance(value, torch.Tensor)}


def _loaded(file: Path) -> Any:
    """The program of an archive that was checked. Raises ModelError."""
    import torch

    try:
        with _quiet(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of its own deprecations; the file is as it is
            return torch.export.load(str(file))
    except Exception as error:  # its reader raises whatever goes wrong in it
        raise ModelError(
            f"{file} cannot be read by torch {torch.__version__}: {one_line(error)[:200]}; export it again with this "
            "version"
        ) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the traceback that torch logs of what it raises."""
    log = logging.getLogger("torch.export")
    before, log.disabled = log.disabled, True
    try:
        yield
    finally:
        log.disabled = before
