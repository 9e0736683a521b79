"""Whether a model's predictions are those of its golden record, and the writing of that record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

from imgcls import messages
from imgcls.errors import ConfigError, ModelError
from imgcls.golden import files
from imgcls.golden.records import CurrentResults, Golden, GoldenContext, Trace
from imgcls.records.evaluation import DatasetOutcome, Status, Verdict

if TYPE_CHECKING:
    from imgcls.models.model import Model
    from imgcls.models.pool import ModelPool
    from imgcls.records.config import DatasetSpec
    from imgcls.store.database import Store


@dataclass(frozen=True, slots=True)
class Pair:
    """A model on a dataset as a run scored it, and where its predictions and its network are."""

    run_id: str
    store: Store
    pool: ModelPool
    dataset: DatasetSpec
    outcome: DatasetOutcome
    name: str

    def model(self) -> Model:
        """The loaded network. Raises ImgclsError."""
        return self.pool.get(self.name)

    def current_results(self) -> CurrentResults:
        """What the run stored. Raises ModelError where the model failed, StoreError."""
        from imgcls.golden import recorder

        if failure := self.outcome.pair(self.name).failure:
            lines = f"{self.name} on {self.dataset.name}: {failure.stage}: {failure.message}".split("\n")
            raise ModelError(*lines)
        return recorder.current_results(self.store, self.run_id, self.outcome, self.pool.specs[self.name])


def compare(pair: Pair, file: Path, title: str, command: str) -> Verdict:
    """The verdict on a pair by its record; ``command`` writes the record where the change is intended.

    Raises ImgclsError where the pair was not scored or the record cannot be read.
    """
    current = pair.current_results()
    verdict = judge(files.read(file, command), current, pair.model, pair.dataset, title)
    if verdict.status == "pass":
        return verdict
    return _verdict(verdict.status, f"{verdict.message}\n  where this is intended: {command}")


def update(pair: Pair, file: Path, title: str, command: str) -> str:
    """Write the record of a pair where it does not hold; what that changes, in words. Raises ImgclsError."""
    from imgcls.golden import recorder

    current = pair.current_results()
    golden = recorder.record(current, pair.model(), pair.dataset)
    if not file.exists():
        files.write(file, golden)
        return f"new golden record {title}, {messages.counted(len(golden.images), 'image')}"
    try:
        before = files.read(file, command)
    except ConfigError:
        if not files.has_content(file):
            raise
        files.write(file, golden)
        images = messages.counted(len(golden.images), "image")
        return f"golden record written anew, because it could not be read: {title}, {images}"
    verdict = judge(before, current, pair.model, pair.dataset, title)
    changes = _context_changes(before, golden)
    if verdict.status == "pass" and not changes:
        return f"golden record as it was: {verdict.message}"
    files.write(file, golden)
    return "\n  ".join([f"golden record rewritten: {verdict.message}", *changes])


def judge(
    golden: Golden, current: CurrentResults, model: Callable[[], Model], dataset: DatasetSpec, title: str
) -> Verdict:
    """Whether a run's results are those of a golden record, and, where not, which stage moved which images.

    ``model`` is called only where something moved. Raises ImgclsError.
    """
    from imgcls.golden import attribution, diff, recorder

    allowed = diff.tolerance(golden, current.context)
    changes = diff.image_changes(golden, current, allowed)
    beyond = diff.beyond(changes, allowed)
    paths = [change.path for change in beyond]
    trace = recorder.trace(golden, paths, model(), dataset) if beyond else Trace({}, {}, {})
    if stages := attribution.stage_changes(golden, current, beyond, trace, allowed):
        return _verdict("fail", attribution.message(title, stages, beyond))
    return _verdict("pass", f"{title}: {diff.within_tolerance(changes, allowed)}")


def _verdict(status: Status, message: str) -> Verdict:
    return Verdict("golden", None, "golden", status, message)


def _context_changes(before: Golden, after: Golden) -> list[str]:
    """How the contexts of two records differ, in words; what was measured of the network may differ."""
    return [
        f"{field.name} {getattr(before, field.name)} -> {getattr(after, field.name)}"
        for field in fields(GoldenContext)
        if getattr(before, field.name) != getattr(after, field.name)
    ]
