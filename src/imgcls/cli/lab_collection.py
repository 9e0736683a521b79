"""What a report of models is made of: their scores and costs on one set of images, on every device."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from imgcls.cli import costs, output
from imgcls.errors import ImgclsError, ModelError
from imgcls.messages import sentences, spelled
from imgcls.records.comparison import Prediction
from imgcls.records.config import BUILTIN_DIGITS, Accuracy, DatasetSpec, ModelSpec, Settings
from imgcls.records.data import ImageRef
from imgcls.records.performance import Latency, Memory, Profile
from imgcls.records.report import Report
from imgcls.session.options import RunOptions
from imgcls.session.results import Results
from imgcls.session.session import Session

if TYPE_CHECKING:
    from imgcls.models.pool import ModelPool


@dataclass(frozen=True, slots=True)
class Subject:
    """What the models are scored on; ``has_labels``: whether folders or a manifest state what is right."""

    dataset: DatasetSpec
    has_labels: bool

    @property
    def title(self) -> str:
        path = Path(self.dataset.path)
        return self.dataset.name if self.has_labels else spelled(path.resolve().name or self.dataset.name)

    @property
    def folder(self) -> Path:
        """The folder or the image, where there are no labels."""
        from imgcls.data import digits

        return digits.folder("test") if self.dataset.path == BUILTIN_DIGITS else Path(self.dataset.path)

    def images(self) -> Sequence[ImageRef]:
        """The files, as they are now. Raises ConfigError."""
        from imgcls.data import dataset as listed
        from imgcls.data import listing

        if self.has_labels:
            return listed.list_images(self.dataset).images
        return listing.find_unlabelled(self.dataset.name, [self.folder]).images


@dataclass
class Collected:
    """What was scored and measured so far, device by device."""

    subject: Subject
    models: Mapping[str, ModelSpec]
    documents: list[Report] = field(default_factory=list)
    predictions: list[Prediction] = field(default_factory=list)
    latencies: list[Latency] = field(default_factory=list)
    memories: list[Memory] = field(default_factory=list)
    profiles: list[Profile] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    codes: set[int] = field(default_factory=set)

    def measure(self, options: RunOptions, models: Mapping[str, ModelSpec]) -> None:
        """Score the models on the device of the options, and measure those that could be scored."""
        scored = self._labelled if self.subject.has_labels else self._unlabelled
        with scored(options, models) as (document, predictions, pool):
            self.documents.append(document)
            self.predictions = self.predictions or predictions
            for result in document.results:
                if result.failure:
                    self._note(result.model, result.failure.message, result.failure.exit_code)
                elif not result.scored:
                    self._note(result.model, _why_nothing(document), 1)
                else:
                    self._costs(pool, result.model)

    @contextmanager
    def _labelled(
        self, options: RunOptions, models: Mapping[str, ModelSpec]
    ) -> Iterator[tuple[Report, list[Prediction], ModelPool]]:
        dataset = self.subject.dataset
        all_here = {name: replace(spec, datasets=None) for name, spec in models.items()}
        with closing(Session(options, Settings(Path(), {dataset.name: dataset}, all_here, {}))) as session:
            results = Results(session)
            results.finished = session.evaluate()
            if not results.finished:
                raise KeyboardInterrupt
            yield results.document, list(results.predictions()), session.pool()

    @contextmanager
    def _unlabelled(
        self, options: RunOptions, models: Mapping[str, ModelSpec]
    ) -> Iterator[tuple[Report, list[Prediction], ModelPool]]:
        from imgcls.models.pool import ModelPool
        from imgcls.reporting import progress, result_document
        from imgcls.session.prediction import Predictions

        pool = ModelPool(models, options.scoring_device)
        with progress.shown(sys.stderr) as shown:
            predictions = Predictions(pool, [self.subject.folder], shown)
        with closing(predictions):
            document = result_document.build([predictions.outcome], {}, complete=True)
            yield _without_accuracy(document), list(predictions), pool

    def _costs(self, pool: ModelPool, name: str) -> None:
        """Operators, time and memory of a model; a failure of one does not stop the others."""
        try:
            self._profile(pool, name)
            costs.measure(pool, name, self.latencies, self.memories)
        except ImgclsError as error:
            self._note(name, str(error), error.exit_code)

    def _profile(self, pool: ModelPool, name: str) -> None:
        """The operators; a runtime of which torch.profiler sees no operators is a note and no failure."""
        from imgcls.performance import profiler

        try:
            self.profiles.append(profiler.profile(pool.get(name)))
        except ModelError as error:
            self.notes.append(f"no table of operators: {error}")

    def _note(self, model: str, message: str, code: int) -> None:
        output.error(f"imgcls: {model}: {message}")
        self.notes.append(f"{model}: {message}")
        self.codes.add(code)

    @property
    def scored(self) -> bool:
        return any(result.scored for document in self.documents for result in document.results)

    @property
    def report(self) -> Report:
        """All devices as one document."""
        first = self.documents[0]
        return replace(
            first,
            results=tuple(result for document in self.documents for result in document.results),
            passes=tuple(walk for document in self.documents for walk in document.passes),
            latencies=tuple(self.latencies),
            memories=tuple(self.memories),
            profiles=tuple(self.profiles),
        )


def _why_nothing(document: Report) -> str:
    """Why a model that did not fail has scored no image."""
    why = [f"{spelled(one.path)}: {one.reason}: {one.detail}" for one in document.rejections]
    return f"no image could be scored: {sentences(why)}" if why else "there is no image"


def _without_accuracy(document: Report) -> Report:
    """The same where there are no labels, so that nothing is right or wrong."""
    unknown: dict[str, Any] = dict.fromkeys(
        f"{metric}{end}" for metric in get_args(Accuracy) for end in ("", "_err", "_low", "_high")
    )
    results = (replace(result, **unknown, macro_f1=None, units=None) for result in document.results)
    return replace(document, results=tuple(results))
