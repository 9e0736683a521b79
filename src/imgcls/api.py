"""The six verbs of ``import imgcls``; their words are the command's, and so are their sessions, store and verdicts.

Wherever a model is expected, each takes a name (``"timm:resnet50.a1_in1k"``, or one of ``config``), a
:class:`~imgcls.records.config.ModelSpec`, a loaded model, or any ``torch.nn.Module`` with ``input=`` and ``labels=``.
Everything that a caller can mend is raised as an :class:`~imgcls.errors.ImgclsError`.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from imgcls.config import datasets, specs
from imgcls.errors import ConfigError, ImgclsError, RejectionWarning
from imgcls.messages import spelled
from imgcls.models import loader
from imgcls.models.model import Model
from imgcls.models.pool import ModelPool
from imgcls.models.weights import early
from imgcls.records.comparison import Comparison, Prediction, SavedRun
from imgcls.records.config import DatasetSpec, InputSpec, ModelSpec, Settings
from imgcls.records.performance import ModelCost
from imgcls.session import results as session_results
from imgcls.session import selection, sharding
from imgcls.session.library import RunDifference, ScoreResult
from imgcls.session.options import RunOptions
from imgcls.session.prediction import Predictions
from imgcls.session.results import Results
from imgcls.session.session import Session
from imgcls.store.schema import HOME

if TYPE_CHECKING:
    import torch

    AnyModel = str | ModelSpec | Model | torch.nn.Module
    InputSettings = InputSpec | Mapping[str, Any]
    ClassNames = str | Path | Sequence[str]
    from imgcls.training.config import AllTrainingOptions
    from imgcls.training.trainer import TrainingResult


def load_model(
    model: AnyModel,
    *,
    device: str = "cpu",
    input: InputSettings | None = None,  # noqa: A002 - the configuration's word
    labels: ClassNames | None = None,
    config: str | Path | None = None,
) -> Model:
    """The loaded network with its input settings and class names, as published or as given.

    ``model(batch)`` takes float32 (n, channels, h, w) and returns the logits (n, classes). ``model.transform(image)``
    makes such a tensor (channels, h, w) of a Pillow image, bit for bit as torchvision's or timm's own transform does.
    """
    return _pool(model, device, input, labels, config).get(_name(model))


def predict(
    model: AnyModel,
    paths: str | Path | Sequence[str | Path],
    *,
    top: int = 5,
    device: str = "cpu",
    input: InputSettings | None = None,  # noqa: A002 - the configuration's word
    labels: ClassNames | None = None,
    config: str | Path | None = None,
) -> Iterator[Prediction]:
    """The ``top`` best classes (at most 10) of every image, and of every image in a folder.

    An image that cannot be decoded is left out with a :class:`~imgcls.errors.RejectionWarning`.
    """
    given = [paths] if isinstance(paths, str | Path) else paths
    pool = _pool(model, device, input, labels, config)
    predictions = Predictions(pool, [Path(path) for path in given], _quiet)
    with closing(predictions):
        for pair in predictions.outcome.pairs:
            if pair.failure:
                raise ImgclsError(*f"{pair.scores.model}: {pair.failure.message}".split("\n"))
        for rejection in predictions.outcome.rejections:
            message = f"{spelled(rejection.path)} is left out: {rejection.reason}: {rejection.detail}"
            warnings.warn(message, RejectionWarning, stacklevel=2)
        yield from predictions.best(top)


def score(
    model: AnyModel,
    data: str | Path | DatasetSpec,
    *,
    device: str = "cpu",
    input: InputSettings | None = None,  # noqa: A002 - the configuration's word
    labels: ClassNames | None = None,
    folders: str = "auto",
    store: str | Path | None = HOME,
    shard: str | None = None,
    plan: str | Path | None = None,
    engine: str | None = None,
    config: str | Path | None = None,
) -> ScoreResult:
    """Score a model on a folder per class, a manifest, or a dataset of ``config``.

    ``folders``: how folders are named, as ``labels`` of ``[datasets.NAME]``, or a map file. ``store``: where
    predictions are stored; None, and any module of this process, stores nothing on disk. ``shard``: score only this
    part of the images, as in ``"1/8"``, by default into a store of its own in ``.imgcls``, without verdicts. ``plan``:
    the file of ``imgcls plan`` that has the runtime. ``engine``: ``"ray"`` scores on a Ray cluster of this machine,
    ``"ray=HOST:PORT"`` on that one.
    Raises ImgclsError where the model fails; an image that cannot be decoded is one of ``rejections``.
    """
    settings = selection.settings([Path(config)]) if config else None
    pool = _pool(model, device, input, labels, config)
    spec = pool.specs[_name(model)]
    dataset = _dataset(data, folders, settings)
    if engine and pool.holds_module:
        raise ConfigError("engine: a module of this process is in no other: name the model, as in timm:resnet50")
    part = sharding.shard("shard =", shard) if shard is not None else None
    stored = None if store is None or pool.holds_module else Path(store)
    if part and stored is None:
        raise ConfigError("shard: nothing would be left of it: name a store, and a model by its name")
    folder = stored / part.folder if part and stored and store == HOME else stored
    planned = Path(plan) if plan else None
    options = RunOptions(working=Path(), store=folder, device=device, shard=part, engine=engine, plan=planned)
    session = Session(options, _settings(spec, dataset, settings), show_progress=lambda: nullcontext(_quiet))
    session.use(pool)
    results = Results(session)
    try:
        _evaluate(session, results)
    except BaseException:
        session.close()
        raise
    return ScoreResult(session, results)


def _evaluate(session: Session, results: Results) -> None:
    """Raises ImgclsError where the model failed."""
    if not session.evaluate():
        raise KeyboardInterrupt
    results.finished = True
    session_results.judge_all(session, results)
    [pair] = results.outcomes[0].pairs
    if pair.failure:
        raise ImgclsError(*f"{pair.scores.model} on {pair.scores.dataset}: {pair.failure.message}".split("\n"))


def compare(before: str | Path | ScoreResult, after: str | Path | ScoreResult) -> RunDifference:
    """What changed between two runs: files saved by ``save``, or results of :func:`score`.

    Runs of one model each are compared although the models differ; otherwise pair by pair of model and dataset.
    """
    from imgcls.comparison import compare as comparing

    first, second = _run(before), _run(after)
    if len(first.scored) == len(second.scored) == 1:
        [old], [new] = first.scored.values(), second.scored.values()
        return RunDifference((comparing.scored_models(old, new),))
    pairs: Mapping[tuple[str, str], Any] = {**second.scored, **first.scored}
    comparisons: list[Comparison] = [comparing.pair(first, second, *pair) for pair in pairs]
    return RunDifference(tuple(comparisons))


def benchmark(
    model: AnyModel,
    *,
    batch_size: int = 1,
    device: str = "cpu",
    input: InputSettings | None = None,  # noqa: A002 - the configuration's word
    labels: ClassNames | None = None,
    config: str | Path | None = None,
) -> ModelCost:
    """Latency for a batch, peak memory in a process of its own, multiply-accumulates and parameters."""
    from imgcls.performance import latency, memory

    if batch_size < 1:
        raise ConfigError(f"batch_size = {batch_size}: a batch is a whole number of images above 0")
    pool = _pool(model, device, input, labels, config)
    loaded = pool.get(_name(model))
    timed = latency.measure(loaded, "SingleStream" if batch_size == 1 else "Offline", batch_size)
    measured = None if loaded.is_module else memory.measure(loaded.spec, device, batch_size)
    return ModelCost(timed, measured, timed.conditions.parameters, timed.conditions.gmacs)


def train(
    data: str | Path,
    architecture: str,
    *,
    out: str | Path,
    epochs: int,
    weights: str | Path | None = None,
    options: Mapping[str, Any] | None = None,
    input: InputSettings | None = None,  # noqa: A002 - the configuration's word
    resume: bool = False,
    tensorboard: bool = False,
    max_rejected: float = 0,
    **training: Unpack[AllTrainingOptions],
) -> TrainingResult:
    """Train an architecture on a folder per class; ``training`` are the command's options, by their own names.

    Returns the history and the best epoch; ``out`` then holds weights, curves, and a configuration that tests them.
    """
    from imgcls.training import config, finetune, trainer

    start = None if weights is None else str(weights)
    network = finetune.model_spec("train", architecture, weights, options, specs.input_table(input))
    return trainer.train(
        data, network, config.with_defaults(architecture, start, epochs=epochs, **training), Path(out),
        resume=resume, tensorboard=tensorboard, max_rejected=max_rejected,
    )  # fmt: skip


# What a caller names, as a run reads it.


def _quiet(_dataset: str, _done: int, _total: int) -> None:
    """Progress of a library is not printed."""


def _name(model: AnyModel) -> str:
    if isinstance(model, str):
        return model
    if isinstance(model, ModelSpec):
        return model.name
    return model.spec.name if isinstance(model, Model) else type(model).__name__


def _pool(
    model: AnyModel,
    device: str,
    input_settings: InputSettings | None,
    labels: ClassNames | None,
    config: str | Path | None,
) -> ModelPool:
    """A pool of this one model."""
    name = _name(model)
    if isinstance(model, str | ModelSpec):
        files = [Path(config)] if config else []
        [spec] = selection.requested_models(files, [model]) if isinstance(model, str) else [specs.as_configured(model)]
        early.require([spec])
        return ModelPool({name: _given(spec, input_settings, labels)}, device)
    if isinstance(model, Model):
        _require_as_loaded(model, device, input_settings, labels)
        loaded = model
    else:
        loaded = loader.from_module(model, name, specs.input_settings(input_settings), labels, device)
    return ModelPool({name: loaded.spec}, device, loaded={name: loaded})


def _require_as_loaded(
    model: Model, device: str, input_settings: InputSettings | None, labels: ClassNames | None
) -> None:
    """Raise ConfigError where a loaded model would have to change."""
    name = model.spec.name
    if model.info.device != device:
        raise ConfigError(f"{name} was loaded on {model.info.device}, and {device} is requested: load it there")
    given = [key for key, value in (("input", input_settings), ("labels", labels)) if value is not None]
    if given:
        raise ConfigError(f"{name} is loaded, with its own {' and '.join(given)}: give them to load_model instead")


def _given(spec: ModelSpec, input_settings: InputSettings | None, labels: ClassNames | None) -> ModelSpec:
    if labels is not None and not isinstance(labels, str | Path):
        raise ConfigError(f"labels of {spec.name}: name a list or a file; a list of names goes with a torch.nn.Module")
    return replace(spec, labels=labels or spec.labels, input={**spec.input, **specs.input_settings(input_settings)})


def _dataset(data: str | Path | DatasetSpec, folders: str, settings: Settings | None) -> DatasetSpec:
    if isinstance(data, DatasetSpec):
        return data
    if settings and str(data) in settings.datasets:
        return settings.datasets[str(data)]
    return datasets.dataset("score", str(data), folders)


def _settings(spec: ModelSpec, dataset: DatasetSpec, settings: Settings | None) -> Settings:
    """Of one model on one dataset; with the gate that the configuration has for the two."""
    gate = settings.gates.get((spec.name, dataset.name)) if settings else None
    return Settings(
        settings.source if settings else Path(),
        {dataset.name: dataset},
        {spec.name: replace(spec, datasets=None)},
        {(spec.name, dataset.name): gate} if gate else {},
    )


def _run(run: str | Path | ScoreResult) -> SavedRun:
    from imgcls.comparison import saved_run

    return run.as_run() if isinstance(run, ScoreResult) else saved_run.read(Path(run))
