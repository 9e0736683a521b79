"""One run, from any door: what it shares, what it computes, and how it is judged.

Imports of torch, NumPy and Pillow happen when a model or a score is first requested.
"""

from __future__ import annotations

import gc
import sys
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, suppress
from dataclasses import replace
from functools import cached_property, partial
from typing import TYPE_CHECKING

from imgcls.config import loader as configuration
from imgcls.errors import ConfigError, ImgclsError, ModelError, StoreError
from imgcls.models.weights import early
from imgcls.reporting import progress
from imgcls.session import garbage, sharding

if TYPE_CHECKING:
    from imgcls.comparison.baseline import Baseline
    from imgcls.evaluation.ray_engine import RayEngine
    from imgcls.golden.check import Pair
    from imgcls.models.pool import ModelPool
    from imgcls.records.comparison import Comparison
    from imgcls.records.config import DatasetSpec, Settings
    from imgcls.records.data import Listing
    from imgcls.records.evaluation import DatasetOutcome, PairOutcome, Progress, Verdict
    from imgcls.records.performance import Status
    from imgcls.records.plan import Plan
    from imgcls.records.shards import Shard
    from imgcls.session.options import RunOptions
    from imgcls.store.database import Store

    ShowProgress = Callable[[], AbstractContextManager[Progress]]
    ShowStatus = Callable[[], AbstractContextManager[Status]]


class Session:
    """One run from its options to its predictions and verdicts.

    ``configured``: the whole configuration; ``settings``: what is selected of it. ``needed``: the models that each
    dataset is scored with, where that is less than all. ``show_progress`` and
    ``show_waiting``: how the caller shows it, and for which other process it waits.
    """

    def __init__(
        self,
        options: RunOptions,
        configured: Settings,
        run_id: str | None = None,
        show_progress: ShowProgress | None = None,
        show_waiting: ShowStatus | None = None,
    ) -> None:
        """Raises ConfigError where options and configuration do not go together."""
        settings = configuration.select(configured, options.models, options.datasets)
        settings = configuration.with_access(settings, offline=options.offline, quiet=options.verbosity < 0)
        if options.shard:
            given = {name: getattr(options, name.replace("-", "_")) for name in sharding.OPTIONS}
            sharding.check(given, options.prefix)
            settings = sharding.without_gates(settings)
        self.options, self.configured = options, configured
        self.settings = configuration.with_margins(settings, options.compare_fail)
        if options.compare_fail and not options.baseline:
            prefix = options.prefix
            raise ConfigError(f"{prefix}compare-fail needs something to compare with: {prefix}baseline FILE")
        written = (options.json, options.csv, options.markdown, options.report, options.save)
        for file in (*written, options.comment, options.code_quality):
            if file:
                from imgcls import documents

                documents.check_writable(file)
        self.run_id = run_id or uuid.uuid4().hex
        self.needed: dict[str, list[str]] = {}
        self.show_progress = show_progress or partial(progress.shown, sys.stderr)
        self.show_waiting = show_waiting or (lambda: progress.notices(sys.stderr))
        self._pools: dict[str, ModelPool] = {}

    # What a run shares.

    @cached_property
    def store(self) -> Store:
        """The store of predictions. Raises StoreError."""
        from imgcls.store.database import Store

        return Store(self.options.store, self.show_waiting)

    @cached_property
    def plan(self) -> Plan | None:
        """The runtimes that were chosen before, where a plan was named. Raises ConfigError."""
        from imgcls.evaluation import plans

        return plans.read(self.options.plan) if self.options.plan else None

    @cached_property
    def engine(self) -> RayEngine | None:
        """What runs the networks, where that is not this process. Raises ConfigError and MachineError."""
        if self.options.engine is None:
            return None
        from imgcls.evaluation import ray_cluster
        from imgcls.evaluation.ray_engine import RayEngine

        cluster = ray_cluster.named(f"{self.options.prefix}engine", self.options.engine)
        cluster.check()  # before files are hashed for it
        return RayEngine(cluster, self.settings.models, self.options.scoring_device, self.store.parts)

    @cached_property
    def baseline(self) -> Baseline | None:
        """The run to compare with, where one was requested. Raises ConfigError."""
        if self.options.baseline is None:
            return None
        from imgcls.comparison import baseline

        file = baseline.locate(self.options.baseline, self.options.working.absolute(), self.options.store)
        return baseline.Baseline(file, self.settings.margins)

    def pool(self, device: str | None = None) -> ModelPool:
        """The models that are loaded on a device, by default the one that models are scored on."""
        from imgcls.models.pool import ModelPool

        device = device or self.options.scoring_device
        return self._pools.setdefault(device, ModelPool(self.settings.models, device, self.store.artefacts))

    @property
    def exact_pool(self) -> ModelPool:
        """The models as their golden records hold them: eager, in one precision, from exact pixels."""
        from imgcls.models.pool import ModelPool

        device, specs = self.options.scoring_device, self.settings.models.items()
        exact = {n: replace(s, runtime="eager", precision=s.loaded_precision, decode="exact") for n, s in specs}
        return self._pools.setdefault(f"{device}, exact", ModelPool(exact, device))

    def use(self, pool: ModelPool) -> None:
        """Score with these models; what their runtimes compile goes into this run's store."""
        pool.artefacts = self.store.artefacts
        self._pools[pool.device] = pool

    def release(self, model: str) -> None:
        """Free a model's memory on every device; it is loaded again when it is requested again."""
        for pool in self._pools.values():
            pool.release(model)

    def _leave_engine(self) -> None:
        if engine := vars(self).get("engine"):
            engine.close()

    def close(self) -> None:
        """Drop what this run left in the store for its own report, and close the store."""
        self._leave_engine()
        if "store" in vars(self):
            with closing(self.store), suppress(StoreError):  # what a lost store would forget is lost
                shipped = [name for name, spec in self.settings.models.items() if spec.exports]
                of_models = (*map(self._exact_run_id, self.settings.models), *map(self.parity_run_id, shipped))
                for run_id in (self.run_id, *of_models):
                    self.store.forget(run_id)

    # What a run computes.

    def evaluate(self) -> bool:
        """Score dataset by dataset; false where that was interrupted. Predictions are in the store."""
        early.require(self.settings.models[name] for name in dict.fromkeys(model for model, _ in self.settings.pairs()))
        gc.freeze()  # half a million objects of imported libraries are not garbage; looking through them takes 0.2 s
        self.store.plan(self.run_id, self.settings.pairs())
        try:
            for dataset, models in self.settings.models_by_dataset().items():
                if models:
                    self._scored(dataset, models)
        except KeyboardInterrupt:
            return False
        finally:
            self._leave_engine()
        return True

    def dataset_outcome(self, model: str, dataset: str) -> DatasetOutcome:
        """The outcome of a dataset; the first call scores it with every model that is needed on it."""
        known = self.store.outcome(self.run_id, dataset)
        if known is None or model not in {pair.scores.model for pair in known.pairs}:
            return self._scored(dataset, self.needed.get(dataset, [model]))
        return known

    def _scored(self, dataset: str, models: Sequence[str]) -> DatasetOutcome:
        with self.show_progress() as shown, garbage.collected_rarely():  # around imports that take seconds, too
            early.connect(self.settings.models[name] for name in models)
            from imgcls.evaluation import evaluator

            find = partial(self.list_images, shard=self.options.shard)
            spec = self.settings.datasets[dataset]
            shared = (self.pool(), self.store, shown, find, self.plan, self.engine)
            return evaluator.evaluate(self.run_id, spec, models, *shared)

    def list_images(self, dataset: DatasetSpec, *, shard: Shard | None = None) -> Listing:
        """The images of a dataset or of one of its shards, with the stored hashes of files where these are trusted."""
        from imgcls.data import dataset as datasets
        from imgcls.evaluation import hash_cache

        if self.options.trust_mtime:
            return hash_cache.listing(self.store, dataset, shard=shard)
        return datasets.list_images(dataset, shard=shard)

    def outcome(self, model: str, dataset: str) -> PairOutcome:
        """One pair's counts, or why there are none."""
        from imgcls.records.evaluation import Failure, PairOutcome, Scores

        try:
            known = self.store.outcome(self.run_id, dataset)
            if known is None:
                early.require(self.settings.models[name] for name in self.needed.get(dataset, [model]))
            return self.dataset_outcome(model, dataset).pair(model)
        except ImgclsError as error:
            return PairOutcome(Scores(model, dataset), failure=Failure(error.exit_code, str(error)))

    def exact_pair(self, model: str, dataset: DatasetSpec) -> Pair:
        """The model on the dataset without what makes it faster, as in :attr:`exact_pool`. Raises ImgclsError."""
        from imgcls.evaluation import evaluator
        from imgcls.golden.check import Pair
        from imgcls.models.runtimes import base as runtimes

        outcome = self.dataset_outcome(model, dataset.name)
        spec, scored = self.settings.models[model], outcome.pair(model)
        used = {scored.facts.runtime if scored.facts else "eager", runtimes.requested(spec)}
        if spec.decode == "exact" and not scored.screened and used <= runtimes.UNCOMPILED:
            return Pair(self.run_id, self.store, self.pool(), dataset, outcome, model)
        run_id = self._exact_run_id(model)
        with self.show_progress() as shown:
            exact = evaluator.evaluate(run_id, dataset, [model], self.exact_pool, self.store, shown)
        return Pair(run_id, self.store, self.exact_pool, dataset, exact, model)

    def _exact_run_id(self, model: str) -> str:
        return f"{self.run_id}-{model}"

    def parity_run_id(self, model: str) -> str:
        """The id under which a model's exports are scored."""
        return f"{self.run_id}-parity-{model}"

    # How a run is judged.

    def judge(self, outcome: PairOutcome) -> tuple[Verdict, ...]:
        """The verdicts of thresholds and baseline on a pair; none where there are neither. Raises ImgclsError."""
        from imgcls.gates import accuracy, regression

        model, dataset = outcome.scores.model, outcome.scores.dataset
        gate = self.settings.gates.get((model, dataset))
        verdicts = accuracy.evaluate(gate, self._with_accepted(outcome)) if gate else ()
        if self.baseline is None or outcome.failure:
            return verdicts
        if (model, dataset) in self.new_pairs:
            return (*verdicts, regression.new_pair(model, dataset, self.baseline.run.name))
        comparison = self.comparison(self.baseline, model, dataset)
        return verdicts + regression.compared(comparison, self.baseline.margins, common=self.options.compare_common)

    def comparison(self, baseline: Baseline, model: str, dataset: str) -> Comparison:
        """A pair of this run against the same in the baseline. Raises ImgclsError where it was not scored."""
        stored = self.store.outcome(self.run_id, dataset)
        if stored is None or model not in {pair.scores.model for pair in stored.pairs}:
            raise ModelError(f"{model} on {dataset} was not scored in this run")
        return baseline.comparison(self.store, self.run_id, stored, model)

    def _with_accepted(self, outcome: PairOutcome) -> PairOutcome:
        """The pair with the classes that this run accepts, where all that is known of it are scores."""
        if outcome.accepted or outcome.failure:
            return outcome
        stored = self.store.outcome(self.run_id, outcome.scores.dataset)
        accepted = {pair.scores.model: pair.accepted for pair in stored.pairs} if stored else {}
        return replace(outcome, accepted=accepted.get(outcome.scores.model, {}))

    @cached_property
    def new_pairs(self) -> list[tuple[str, str]]:
        """The pairs that are newer than the baseline. Raises ConfigError where that cannot be read."""
        return self.baseline.new_pairs(self.configured.pairs()) if self.baseline else []

    @property
    def compared_pairs(self) -> list[tuple[str, str]]:
        """The selected pairs that are held against a baseline, or should be."""
        if self.options.baseline is None and (self.options.save or not self.settings.margins):
            return []
        return [pair for pair in self.settings.pairs() if pair not in self.new_pairs]

    def baseline_notes(self) -> Iterator[str]:
        """What is not compared, and why that is in order."""
        if self.baseline is None:
            if self.settings.margins and self.options.save:
                name = self.options.save.name
                yield f"compare: no baseline was named, so nothing was compared; this run is saved as one: {name}"
            return
        for model, dataset in self.baseline.gone_pairs(self.configured.pairs()):
            yield f"compare: {model} on {dataset} is in {self.baseline.run.name}, and no more in the configuration"


def exit_codes(outcomes: Sequence[DatasetOutcome]) -> set[int]:
    """The exit codes of the pairs that failed."""
    return {pair.failure.exit_code for outcome in outcomes for pair in outcome.pairs if pair.failure}


def worst_exit_code(codes: set[int]) -> int:
    """A wrong configuration (2) comes before a machine that cannot (3), and that before a gate that failed (1)."""
    return next((code for code in (2, 3, 1) if code in codes), 0)
