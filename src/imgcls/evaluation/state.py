"""What is known of a dataset and its models while they are scored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from imgcls.models.runtimes.base import Classifier
from imgcls.preprocessing.preprocess import Preprocessing
from imgcls.records.config import DatasetSpec
from imgcls.records.data import ImageRef, LabelList, Listing, Matching, Rejection
from imgcls.records.evaluation import Failure, ModelInfo, Pass, RuntimeChoice
from imgcls.stats import units

if TYPE_CHECKING:
    from imgcls.evaluation.pipeline import ModelStage


@dataclass(slots=True)
class ModelState:
    """One model on one dataset. ``missing``: the images (sha256) without a prediction; ``computed``: how many of them
    have one now; ``classifier``: None after its pass; ``outputs``: the number of its classes.

    ``rejected``: reason and detail by sha256, of listed images that give this model no pixels; ``remarks``: the rules
    that pixels were converted by, by sha256.
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
    classifier: Classifier | None
    rejected: dict[str, tuple[str, str]] = field(default_factory=dict)
    remarks: dict[str, Sequence[str]] = field(default_factory=dict)
    missing: frozenset[str] = frozenset()
    from_store: int = 0
    computed: int = 0
    seconds: float = 0.0

    def stage(self) -> ModelStage | None:
        """The model as the pipeline runs it; None where no prediction is missing."""
        from imgcls.evaluation.pipeline import ModelStage  # which imports torch, and saved runs are compared without it

        if not self.classifier or not self.missing:
            return None
        return ModelStage(self.name, self.preprocessing, self.info, self.classifier, self.missing)


@dataclass(slots=True)
class DatasetState:
    """One dataset and the models that it is scored with, by their names.

    ``groups``: the group of each image that belongs to one, by sha256; ``finished``: every pass ran to its end.
    """

    dataset: DatasetSpec
    names: Sequence[str]
    listing: Listing = field(default_factory=lambda: Listing((), (), 0))
    first_file: dict[str, ImageRef] = field(default_factory=dict)
    groups: dict[str, str] = field(default_factory=dict)
    models: dict[str, ModelState] = field(default_factory=dict)
    failures: dict[str, Failure] = field(default_factory=dict)
    passes: list[Pass] = field(default_factory=list)
    listing_seconds: float = 0.0
    finished: bool = False

    def list(self, listing: Listing) -> None:
        """Take a listing; of files with the same bytes the first is the one to read."""
        self.listing = listing
        self.groups = units.merged((image.sha256, image.group) for image in listing.images if image.group is not None)
        for image in listing.images:
            self.first_file.setdefault(image.sha256, image)

    def rejections(self) -> tuple[Rejection, ...]:
        """What was not listed as an image, and then each image that has no pixels for some model."""
        of_images: dict[tuple[str, str, str], list[str]] = {}
        for image in self.listing.images:
            for model in self.models.values():
                if image.sha256 in model.rejected:
                    of_images.setdefault((image.path, *model.rejected[image.sha256]), []).append(model.name)
        rows = (Rejection(self.dataset.name, *why, models=tuple(names)) for why, names in of_images.items())
        return (*self.listing.rejections, *rows)
