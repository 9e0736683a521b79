"""Parts of a run: result documents that were written by several jobs, read back whole."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from imgcls.comparison import document_lines
from imgcls.comparison.saved_run import FORMAT, refuse_shard
from imgcls.errors import ConfigError
from imgcls.records.comparison import Prediction
from imgcls.records.report import Report


@dataclass(frozen=True, slots=True, kw_only=True)
class _Document(Report):
    """A result document as it is written."""

    format: int
    predictions: tuple[Prediction, ...] | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """One document and its file; ``predictions`` is ``None`` where they were left out of it."""

    file: Path
    report: Report
    predictions: Collection[Prediction] | None


def read(files: Sequence[Path], *, shards: bool = False) -> list[Part]:
    """The parts in these files; ``shards``: also those of which only some images were scored. Raises ConfigError."""
    parts = [_read(file) for file in files]
    for part in parts if not shards else ():
        refuse_shard(part.file, part.report.shard)
    return parts


def _read(file: Path) -> Part:
    document, predictions = document_lines.read(
        file,
        _Document,
        "result document",
        whose="a result document of imgcls",
        way=f"--imgcls-json {file} (imgcls score --json {file})",
    )
    if document.format != FORMAT:
        raise ConfigError(f"{file}: its format is {document.format}, and this version of imgcls reads {FORMAT}")
    report = Report(**{field.name: getattr(document, field.name) for field in fields(Report)})
    return Part(file, report, predictions)
