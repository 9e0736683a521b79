"""What is known of a dataset and its models while they are scored."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from imgcls.evaluation.distinct import DistinctImages, Flags
from imgcls.evaluation.screening import Screening
from imgcls.records.config import DatasetSpec
from imgcls.records.data import ImageRef, Images, LabelList, Listing, Matching, Rejection
from imgcls.records.evaluation import Failure, ModelInfo, Output, Pass
from imgcls.records.runtime import RuntimeChoice, Screened
from imgcls.stats import units

if TYPE_CHECKING:
    from imgcls.evaluation.pipeline import ModelStage
    from imgcls.models.runtimes.base import Classifier
    from imgcls.preprocessing.preprocess import Preprocessing

Value = TypeVar("Value", bound=np.generic)


class RemarksByImage:
    """The rules that pixels were converted by, by the first position of the image. 4 bytes of memory for each image.

    ``numbers``: int32 (n,), by position, into :attr:`phrases`.
    """

    def __init__(self, images: int) -> None:
        self.numbers = np.zeros(images, np.int32)
        self._number_of: dict[tuple[str, ...], int] = {(): 0}

    def add(self, remarks: Iterable[tuple[int, Sequence[str]]]) -> None:
        """Take what is said of images, by their positions; what was said of them before is replaced."""
        for position, phrases in remarks:
            self.numbers[position] = self._number_of.setdefault(tuple(phrases), len(self._number_of))

    @property
    def phrases(self) -> Sequence[tuple[str, ...]]:
        """What is said of an image, by the image's number; nothing for 0."""
        return tuple(self._number_of)


@dataclass(slots=True)
class ModelState:
    """One model on one dataset. ``load``: what loads it; ``classifier``: what was loaded, None outside of its pass.

    ``missing``: by position, bool (n,), the first images of their bytes that have neither a prediction nor a rejection;
    ``stored``: those that had a prediction before this run; ``computed``: how many images have one of this run;
    ``outputs``: the number of its classes.
    ``rejected``: reason and detail by first position, of images that give this model no pixels; ``remarks``: shared by
    models of the same rule, None before the store was read. ``screening``: which predictions are made ``again``, by
    the same model in float32; None for both, where there is one way to make them. ``note``: a sentence on its batches.
    """

    name: str
    info: ModelInfo
    preprocessing: Preprocessing
    labels: LabelList
    matching: Matching
    key: str
    outputs: int
    choice: RuntimeChoice
    load_seconds: float
    compile_seconds: float
    load: Callable[[], Classifier]
    rejected: dict[int, tuple[str, str]] = field(default_factory=dict)
    remarks: RemarksByImage | None = None
    missing: Flags = field(default_factory=lambda: np.zeros(0, bool))
    classifier: Classifier | None = None
    stored: Flags = field(default_factory=lambda: np.zeros(0, bool))
    from_store: int = 0
    computed: int = 0
    seconds: float = 0.0
    screening: Screening | None = None
    again: ModelState | None = None
    note: str | None = None

    def as_stored(self, scored: Sequence[tuple[ImageRef, Output]]) -> list[tuple[str, Output]]:
        """Its predictions as they are stored, by sha256. Raises StoreError."""
        if self.screening is None:
            return [(image.sha256, output) for image, output in scored]
        return self.screening.first(scored) if self.again else self.screening.again(scored)

    def left(self, state: DatasetState) -> Flags:
        """By position: the scored images that are to be scored again. Raises StoreError."""
        scored = state.scored(self)
        return self.screening.left(state.distinct, scored) if self.screening else np.zeros(len(scored), bool)

    def screened(self, state: DatasetState) -> Screened | None:
        """How many images were scored in which precision; None where there is one. Raises StoreError."""
        return self.screening.counted(state.distinct, state.scored(self)) if self.screening else None

    def note_reduced_failure(self, failure: Failure) -> None:
        """State why what the reduced precision has not scored is scored in float32 only."""
        error = failure.message.partition("\n")[0]
        why = f'precision = "auto": in {self.info.precision} {error}; what was left is scored in float32 only'
        self.choice = replace(self.choice, why="; ".join(reason for reason in (self.choice.why, why) if reason))

    def add_notes(self) -> None:
        """State what was noted while it was scored, in either precision."""
        for model in (self, self.again):
            if model and model.note:
                also = f"in {model.info.precision} " if self.again else ""
                self.info = replace(self.info, notes=(*self.info.notes, also + model.note))

    def add_costs_of_again(self) -> None:
        """Count what scoring again has cost as its own."""
        if self.again:
            for name in ("seconds", "load_seconds", "compile_seconds"):
                setattr(self, name, getattr(self, name) + getattr(self.again, name))

    def stage(self) -> ModelStage:
        """The loaded model as the pipeline runs it."""
        from imgcls.evaluation.pipeline import ModelStage  # which imports torch, and saved runs are compared without it

        assert self.classifier is not None  # noqa: S101 - its engine loaded it
        return ModelStage(self.name, self.preprocessing, self.info, self.classifier, outputs=self.outputs)

    def release(self) -> None:
        """Let go of the network, and of what would load it."""
        self.classifier, self.load = None, _released
        if self.again:
            self.again.release()


def _released() -> Classifier:
    raise RuntimeError("its pass is over")


@dataclass(slots=True)
class DatasetState:
    """One dataset and the models that it is scored with, by their names.

    ``groups``: the group of each image that belongs to one, by sha256; ``contested``: by position, the images whose
    bytes are listed twice or belong to a group; ``finished``: every pass ran to its end.
    """

    dataset: DatasetSpec
    names: Sequence[str]
    listing: Listing = field(default_factory=lambda: Listing(Images(), (), 0))
    distinct: DistinctImages = field(default_factory=lambda: DistinctImages(Images()))
    groups: dict[str, str] = field(default_factory=dict)
    contested: Flags = field(default_factory=lambda: np.zeros(0, bool))
    models: dict[str, ModelState] = field(default_factory=dict)
    failures: dict[str, Failure] = field(default_factory=dict)
    passes: list[Pass] = field(default_factory=list)
    listing_seconds: float = 0.0
    finished: bool = False

    @property
    def images(self) -> Images:
        """The listed images."""
        return self.distinct.images

    def list(self, listing: Listing) -> None:
        """Take a listing; of files with the same bytes the first is the one to read."""
        images = listing.images
        self.listing, self.distinct = listing, DistinctImages(images)
        self.contested = np.zeros(len(images), bool)
        if len(self.distinct) < len(images):
            self.contested = np.bincount(self.distinct.first)[self.distinct.first] > 1
        if images.grouped:
            self.groups = units.merged((image.sha256, image.group) for image in images if image.group is not None)
            self.contested |= np.fromiter((image.sha256 in self.groups for image in images), bool, len(images))

    def scored(self, model: ModelState) -> Flags:
        """By position: the first images of their bytes that have a prediction of this model."""
        flags = self.distinct.flags & ~model.missing
        flags[list(model.rejected)] = False
        return flags

    def listed(self, values: NDArray[Value]) -> NDArray[Value]:
        """By position: the value of the first image of the same bytes, such as a flag."""
        return values[self.distinct.first]

    def rejected(self, model: ModelState) -> Flags:
        """By position: the listed images that give a model no pixels."""
        flags = np.zeros(len(self.images), bool)
        flags[list(model.rejected)] = True
        return self.listed(flags)

    def rejections(self) -> tuple[Rejection, ...]:
        """What was not listed as an image, and then each image that has no pixels for some model."""
        of_images: dict[tuple[str, str, str], list[str]] = {}
        rejected = np.zeros(len(self.images), bool)
        for model in self.models.values():
            rejected |= self.rejected(model)
        positions = np.flatnonzero(rejected)
        firsts = self.distinct.first[positions].tolist()
        for image, first in zip(self.images.at(positions.tolist()), firsts, strict=True):
            for model in self.models.values():
                if first in model.rejected:
                    of_images.setdefault((image.path, *model.rejected[first]), []).append(model.name)
        rows = (Rejection(self.dataset.name, *why, models=tuple(names)) for why, names in of_images.items())
        return (*self.listing.rejections, *rows)
