"""The trainings that the weights of a run came from, where their folders are still there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from imgcls.errors import ConfigError, Undecodable
from imgcls.records.config import ModelSpec, WeightsFile
from imgcls.records.report import Report

if TYPE_CHECKING:
    from imgcls.reporting.html.view import Training


def of(report: Report, models: Mapping[str, ModelSpec]) -> tuple[Training, ...]:
    """One for each model whose weights file lies in the folder of `imgcls train` and is the one that was scored."""
    hashes = {result.model: result.weights_file_sha256 for result in report.results}
    return tuple(
        training for name, sha256 in hashes.items() if name in models for training in _of(models[name], sha256)
    )


def _of(spec: ModelSpec, sha256: str | None) -> Iterator[Training]:
    from imgcls.data import listing
    from imgcls.reporting.html.view import Training
    from imgcls.reporting.lab import training_runs

    source = spec.weights_source
    if not isinstance(source, WeightsFile) or not (source.path.parent / training_runs.METRICS).is_file():
        return
    try:
        if listing.sha256(source.path) == sha256:
            [run] = training_runs.read([source.path.parent])
            yield Training(spec.name, run.recipe, run.epochs, tuple(run.seconds()))
    except (ConfigError, Undecodable):
        return  # a folder of something else
