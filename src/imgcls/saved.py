"""Saved runs: result documents, read back for a comparison."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from imgcls import documents
from imgcls.errors import ConfigError
from imgcls.records import PictureKey, Prediction, Run, Scored, Setup

FORMAT = 1


@dataclass(frozen=True, slots=True)
class _Document:
    """As much of a result document as comparisons need."""

    format: int
    results: tuple[Setup, ...]
    made_at: str = "unknown time"
    complete: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)
    predictions: tuple[Prediction, ...] | None = None


def read(file: Path) -> Run:
    """A whole run, predictions included. Raises ConfigError, with the way to a better file."""
    document = documents.read(
        file,
        _Document,
        "saved run",
        whose="a result document of imgcls",
        way=f"--imgcls-save {file.name} (imgcls score --save {file.name}) where the model is as it was",
    )
    if document.format != FORMAT:
        raise ConfigError(f"{file}: its format is {document.format}, and this version of imgcls reads {FORMAT}")
    if not document.complete:
        raise ConfigError(f"{file}: the run was cut short or a model failed in it, so nothing can be compared with it")
    if document.predictions is None:
        raise ConfigError(f"{file}: it holds no predictions; save the run without the option json-summary")
    name = f"{file.name} of {document.made_at}"
    predictions: dict[tuple[str, str], dict[PictureKey, Prediction]] = {}
    for found in document.predictions:
        if not found.top:
            raise ConfigError(f"{file}: the prediction of {found.model} for {found.path} is empty")
        of_pair = predictions.setdefault((found.model, found.dataset), {})
        of_pair.setdefault((found.image_sha256, found.label), found)
    pairs = {(setup.model, setup.dataset): setup for setup in document.results}
    scored = {
        pair: Scored(name, document.environment, setup, predictions.get(pair, {})) for pair, setup in pairs.items()
    }
    return Run(name, scored)
