"""A model and its exports, scored in one pass over a dataset, and what comparisons read of that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

from imgcls.comparison import current_run
from imgcls.data import dataset as datasets
from imgcls.evaluation import evaluator
from imgcls.models.model import Model
from imgcls.models.pool import ModelPool
from imgcls.parity import candidates, predictions, sample
from imgcls.parity.candidates import Candidate
from imgcls.parity.predictions import Common
from imgcls.parity.sample import Sample
from imgcls.records.config import DatasetSpec, ExportSpec, ModelSpec
from imgcls.records.data import ImageRef, Listing
from imgcls.records.evaluation import PairOutcome, Progress
from imgcls.store.database import Store

SPREAD_IMAGES = 64  # docs/decisions.md#images-of-a-sample
"""Images, spread evenly over the dataset, whose logits are compared."""

FLIPPED_IMAGES = 64  # docs/decisions.md#images-of-a-parity
"""Images whose best class is another, which are compared too."""


class Scored:
    """The pass of a reference and its exports over a dataset. Methods raise StoreError, and ModelError of a model."""

    def __init__(
        self,
        model: ModelSpec,
        exports: Sequence[ExportSpec],
        dataset: DatasetSpec,
        *,
        store: Store,
        device: str,
        run_id: str,
        progress: Progress,
    ) -> None:
        self.reference, self.dataset, self.store = candidates.reference_of(model), dataset, store
        self.exports = [candidates.of(export, self.reference, store.artefacts) for export in exports]
        specs = [self.reference, *(each.spec for each in self.exports if isinstance(each, Candidate))]
        self.pool = ModelPool({spec.name: spec for spec in specs}, device, store.artefacts)
        self.outcome = evaluator.evaluate(
            run_id, dataset, list(self.pool.specs), self.pool, store, progress, self._listed
        )
        self._scored = current_run.scored(store, run_id, [self.outcome]).scored

    def _listed(self, _: DatasetSpec) -> Listing:
        return self.listing

    @cached_property
    def listing(self) -> Listing:
        """The images of the dataset."""
        return datasets.list_images(self.dataset)

    def outcome_of(self, spec: ModelSpec) -> PairOutcome:
        """What was counted of the reference or of an export."""
        return self.outcome.pair(spec.name)

    def keys(self, candidate: Candidate) -> tuple[str, str]:
        """The prediction keys of the reference and of an export, both of which were scored."""
        before, after = (str(self.outcome_of(spec).prediction_key) for spec in (self.reference, candidate.spec))
        return before, after

    def models(self, candidate: Candidate) -> tuple[Model, Model]:
        """The reference and an export, loaded."""
        return self.pool.get(self.reference.name), self.pool.get(candidate.spec.name)

    def common(self, candidate: Candidate) -> Common:
        """What both predict, without the images that calibrated the export."""
        before, after = (self._scored[spec.name, self.dataset.name] for spec in (self.reference, candidate.spec))
        return predictions.common(before, after, candidate.calibration)

    def calibrating(self, candidate: Candidate) -> int:
        """How many images of the dataset calibrated an export."""
        return sum(sha256 in candidate.calibration for sha256 in self._images)

    def sample(self, candidate: Candidate, flipped: Sequence[str] = ()) -> Sample | None:
        """Images spread evenly over the dataset, and after them some of those that flipped; None without any image."""
        images = [image for sha256, image in self._images.items() if sha256 not in candidate.calibration]
        spread = next(datasets.samples(images, SPREAD_IMAGES))
        among = {image.sha256 for image in spread}
        flips = [self._images[sha256] for sha256 in flipped if sha256 in self._images and sha256 not in among]
        drawn = [*spread, *next(datasets.samples(flips, FLIPPED_IMAGES))]
        return sample.draw(*self.models(candidate), drawn, self.dataset, self._accepted)

    @cached_property
    def _images(self) -> Mapping[str, ImageRef]:
        """The images that were not rejected, by sha256."""
        rejected = {rejection.path for rejection in self.outcome.rejections}
        usable = [image for image in self.listing.images if image.path not in rejected]
        return {image.sha256: image for image in usable}

    @property
    def _accepted(self) -> Mapping[str, Sequence[int]]:
        return self.outcome_of(self.reference).accepted
