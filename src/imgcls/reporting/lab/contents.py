"""What a report to hand in is made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from imgcls.records.comparison import Prediction
from imgcls.records.config import ModelSpec
from imgcls.records.report import Report, Result
from imgcls.reporting import text_table
from imgcls.reporting.lab.training_runs import TrainingRun

MODELS_ABREAST = 4  # docs/decisions.md#a-report-to-hand-in
"""How many models stand side by side in a table of predictions."""


@dataclass(frozen=True, slots=True)
class Contents:
    """Everything that the Markdown is written from; all its figures are those of ``report`` and ``predictions``.

    ``specs``: the models by name. ``thumbnails``: paths within the folder, by sha256 of the image. ``origins``: where,
    under which licence and when images were gathered, by sha256. ``notes``: what was left out, a sentence each.
    """

    title: str
    report: Report
    predictions: Sequence[Prediction]
    specs: Mapping[str, ModelSpec]
    runs: Sequence[TrainingRun] = ()
    thumbnails: Mapping[str, str] = field(default_factory=dict)
    origins: Mapping[str, tuple[str, str, str]] = field(default_factory=dict)
    notes: Sequence[str] = ()

    @property
    def results(self) -> list[Result]:
        """The scores of each model on the first device that it was scored on, without those that failed."""
        of_models: dict[str, Result] = {}
        for result in self.report.results:
            if result.failure is None:
                of_models.setdefault(result.model, result)
        return list(of_models.values())

    @property
    def has_accuracy(self) -> bool:
        """Whether the images have labels."""
        return any(result.top1 is not None for result in self.results)

    def name(self, model: str) -> str:
        """The name of a model, which states that its weights are random."""
        return text_table.model_name(model, untrained=model in self.untrained)

    @property
    def untrained(self) -> list[str]:
        """The models with random weights."""
        return [result.model for result in self.results if result.untrained]

    def abreast(self) -> Iterator[list[Result]]:
        """The models in groups that fit side by side."""
        results = self.results
        for start in range(0, len(results), MODELS_ABREAST):
            yield results[start : start + MODELS_ABREAST]
