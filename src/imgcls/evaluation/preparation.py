"""Gets a model ready for a dataset: its classes, its runtime, its prediction key, and what the store knows of them."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, replace

from imgcls.data import class_lists, labels
from imgcls.data import dataset as datasets
from imgcls.errors import LabelError
from imgcls.evaluation import plans, runtime_selection
from imgcls.evaluation.decoding import Decoding
from imgcls.evaluation.screening import Screening
from imgcls.evaluation.state import DatasetState, ModelState
from imgcls.models import loader
from imgcls.models.model import Model
from imgcls.models.pool import ModelPool
from imgcls.models.runtimes import base as runtimes
from imgcls.models.sources import registry
from imgcls.records.data import LabelList, Matching
from imgcls.records.evaluation import ModelInfo
from imgcls.records.plan import Plan
from imgcls.store.database import Store


@dataclass(frozen=True, slots=True)
class Preparation:
    """Of the models of one pool, for one dataset. ``plan``: the runtimes, where they were chosen before."""

    state: DatasetState
    decoding: Decoding
    pool: ModelPool
    store: Store
    plan: Plan | None = None

    def prepared(self, model: Model) -> ModelState:
        """A model before its first batch, loaded only where the store lacks what it has to know.

        Raises LabelError where folders and classes do not match.
        """
        state, name = self.state, model.spec.name
        planned = plans.of(self.plan, name, state.dataset.name) if self.plan else None
        classes, matching = self._matched(model)
        started = time.perf_counter()
        rejected = self.store.undecodable(self.decoding.rejecting(model.preprocessing.rule), state.distinct.index)
        task = runtime_selection.Task(
            state.dataset,
            self.decoding.name,
            listed=len(state.listing.images) + sum(state.listing.elsewhere.values()),
            images=state.distinct,
            rejected=rejected.keys(),
            artefacts=self.pool.artefacts,
            planned=planned.choice if planned else None,
            is_whole=not state.listing.elsewhere,
            accepted=matching.accepted,
        )
        choice, exact = runtime_selection.choose(model, task, self.store)
        model = runtime_selection.scored_first(exact, choice, state.dataset.name, self.pool.artefacts)
        key, parts = model.prediction_key(self.decoding.name), model.key_parts(self.decoding.name)
        if planned:
            plans.check(planned, key, parts)
        self.store.put_parts(key, parts)
        outputs = self.store.classes(key) or _count_outputs(model)
        compile_seconds = time.perf_counter() - started
        labels.check_head(classes, outputs, datasets.folder_names(state.listing))
        ready = ModelState(
            name=name,
            info=replace(model.info, notes=(*model.info.notes, *matching.notes)),
            preprocessing=model.preprocessing,
            labels=classes,
            matching=matching,
            key=key,
            outputs=outputs,
            choice=choice,
            load_seconds=model.load_seconds,
            compile_seconds=compile_seconds,
            load=model.load,
            rejected=rejected,
        )
        if choice.screen:
            ready.screening = Screening(choice, key, self.store, matching.accepted)
            ready.again = replace(ready, info=exact.info, load=exact.load, load_seconds=0.0, compile_seconds=0.0)
        return ready

    def _matched(self, model: Model) -> tuple[LabelList, Matching]:
        """A model's classes, and those that are right for the folders. Raises LabelError.

        Where the head has another size than its list, that is the reason for folders that do not match.
        """
        with suppress(LabelError):
            return datasets.match_labels(self.state.dataset, self.state.listing, model.labels)
        return self._matched_or_why(model)

    def _matched_or_why(self, model: Model) -> tuple[LabelList, Matching]:
        """The same, where what is not right is named with the models that it may be mended for. Raises LabelError."""
        listing, specs = self.state.listing, [self.pool.specs[name] for name in self.state.names]
        alike = [] if self.pool.holds_module else registry.with_lists_like(model.labels, specs)
        try:
            return datasets.match_labels(self.state.dataset, listing, model.labels, alike)
        except LabelError:
            folders = datasets.folder_names(listing)
            if model.labels == class_lists.UNSTATED:
                raise labels.unstated(model.spec, loader.output_count(model), folders) from None
            if model.labels != class_lists.FOLDERS:
                labels.check_head(model.labels, loader.output_count(model), folders)
            raise


def starts_slowly(info: ModelInfo) -> bool:
    """Whether the first call takes long: something is compiled, or a GPU loads its kernels."""
    return info.runtime not in runtimes.UNCOMPILED or info.device != "cpu"


def _count_outputs(model: Model) -> int:
    """The number of outputs of a network, from as small a batch as its runtime suits."""
    if model.info.runtime in runtimes.UNCOMPILED:
        return loader.output_count(model)
    from imgcls.evaluation import pipeline  # which imports torch

    return pipeline.warm_up(model.classifier, model.info)
