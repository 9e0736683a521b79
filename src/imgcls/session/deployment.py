"""What ships held against what was tested, in one session: exports, serving and contracts, each computed once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from imgcls.records.config import DatasetSpec, ExportSpec
from imgcls.records.parity import ContractCheck, Parity, ServingCheck

if TYPE_CHECKING:
    from imgcls.parity.costs import Costs
    from imgcls.records.data import ImageRef
    from imgcls.session.session import Session

CONTRACT_IMAGES = 16  # docs/decisions.md#images-of-a-contract
"""Images on which contracts are tried."""


class Deployment:
    """The exports, the serving and the contracts of a session's models.

    ``costs``: whether exports are timed and their memory measured, once for all datasets; ``localize``: whether the
    layer at fault is sought.
    """

    def __init__(self, session: Session, *, costs: bool = False, localize: bool = False) -> None:
        self.session, self.localize = session, localize
        self._costs = _costs() if costs else None
        self._parities: dict[tuple[str, str], list[Parity]] = {}
        self._images: dict[str, Sequence[ImageRef]] = {}

    def parity(self, model: str, export: str, dataset: str) -> Parity:
        """One export on one dataset, judged; the first call compares all exports of the model. Raises ImgclsError."""
        return next(parity for parity in self.parities(model, dataset) if parity.export == export)

    def parities(self, model: str, dataset: str) -> list[Parity]:
        """All exports of a model on one dataset, with the verdicts of their gates. Raises ImgclsError."""
        if (model, dataset) not in self._parities:
            self._parities[model, dataset] = [self._judged(parity) for parity in self._compared(model, dataset)]
        return self._parities[model, dataset]

    def _compared(self, model: str, dataset: str) -> list[Parity]:
        from imgcls.parity import check

        session = self.session
        exports: Sequence[ExportSpec] = list(session.settings.models[model].exports.values())
        with session.show_progress() as shown:
            return check.compare(
                session.settings.models[model],
                exports,
                session.settings.datasets[dataset],
                store=session.store,
                device=session.options.scoring_device,
                run_id=session.parity_run_id(model),
                progress=shown,
                costs=self._costs,
                localize=self.localize,
            )

    def _judged(self, parity: Parity) -> Parity:
        from imgcls.gates import parity as gate

        thresholds = self.session.settings.parity.get((parity.model, parity.dataset))
        return replace(parity, verdicts=gate.evaluate(thresholds, parity)) if thresholds else parity

    def serving(self, model: str) -> ServingCheck:
        """A model's own preprocessing or service. Raises ImgclsError where the model or the serving does not load."""
        from imgcls.models.pool import ModelPool
        from imgcls.serving import check

        session = self.session
        spec = session.settings.models[model]
        assert spec.serving is not None  # noqa: S101 - it is requested of models that have one
        reference = replace(spec, runtime="eager", precision="float32", decode="exact")
        pool = ModelPool({model: reference}, session.options.scoring_device)
        dataset = self._first_dataset(model)
        images = self.images(dataset) if dataset else ()
        return check.compare(pool.get(model), spec.serving, dataset, images=images, folder=spec.folder)

    def contract(self, model: str, name: str) -> ContractCheck:
        """One contract, tried on a model as it is configured. Raises ImgclsError where the model does not load."""
        from imgcls.contracts import check

        dataset = self._first_dataset(model)
        images = self.images(dataset)[:CONTRACT_IMAGES] if dataset else ()
        exif = dataset.exif if dataset else "ignore"
        return check.check(name, self.session.pool().get(model), images, exif=exif)

    def _first_dataset(self, model: str) -> DatasetSpec | None:
        """The first dataset that a model is scored on."""
        names = self.session.settings.models_by_dataset()
        return next((self.session.settings.datasets[name] for name, models in names.items() if model in models), None)

    def images(self, dataset: DatasetSpec) -> Sequence[ImageRef]:
        """Up to 32 images of a dataset, spread evenly over it."""
        from imgcls.data import dataset as datasets

        if dataset.name not in self._images:
            listing = datasets.list_images(dataset)
            self._images[dataset.name] = next(datasets.samples(listing.images, 2 * CONTRACT_IMAGES))
        return self._images[dataset.name]


def _costs() -> Costs:
    from imgcls.parity.costs import Costs

    return Costs()
