"""Train a classifier on folders of pictures: the recipe, read top to bottom.

Every epoch each picture is learnt from once, as another crop of itself, in another order; the learning rate warms up
and then falls along half a cosine; then the network is asked about the held-out pictures, which changes nothing.
After each epoch everything stands on the disk, so that a training that was killed continues where it was. On the CPU,
the same recipe, pictures, versions and number of threads write the same bytes, continued or not.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from imgcls import checkpoints, curves, pixels, reference, resolve, runtimes, training_data, training_run, transfer
from imgcls.errors import ConfigError, ImgclsError, MachineError, ModelError, one_line
from imgcls.learner import Learner, TorchLearner
from imgcls.loading import Loader
from imgcls.recipe import Epoch, Recipe, Side, learning_rate
from imgcls.records import ModelSpec
from imgcls.training_data import Division
from imgcls.training_run import KEPT, Run, best
from imgcls.transfer import Start


class Told(NamedTuple):
    """Who is told of a training: of what is worth a line, of every epoch, and of pictures done out of all."""

    say: Callable[[str], None]
    epoch: Callable[[Epoch], None]
    images: Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Result:
    """What a training came to; ``best``: the epoch whose weights are ``best.safetensors``."""

    history: tuple[Epoch, ...]
    best: Epoch
    learnt: int
    held_out: int


def train(
    data: str,
    spec: ModelSpec,
    recipe: Recipe,
    out: Path,
    told: Told,
    *,
    resume: bool = False,
    tensorboard: bool = False,
) -> Result:
    """Train ``spec.arch`` on ``data`` (see :func:`training_data.divide`) and keep what it came to in ``out``.

    ``spec.weights``: what it begins with (see :func:`transfer.begin`). The folder ``out`` then holds
    ``best.safetensors`` (of the epoch that :func:`training_run.best` names) and ``last.safetensors``, whose metadata
    state how they were made; ``checkpoint.pt``, to continue from with ``resume``; ``metrics.csv``, ``curves.svg`` and
    ``curves.png``; ``classes.txt`` and ``imgcls.toml``, with which ``pytest`` tests the best weights; and, with
    ``tensorboard``, event files in the folder of that name.

    Raises :class:`ConfigError` for a recipe, a network, a folder or a picture that will not do, or a training that is
    continued as another; :class:`ModelError` where weights do not fit, the network does not take the pictures or its
    loss is no number any more; and :class:`MachineError` where memory or the disk is full or a device is absent.
    """
    runtimes.check_device(recipe.device)
    checkpoints.require_place(out, KEPT, resume=resume)
    division = training_data.divide(data, recipe)
    training_data.require_outside(out, data)
    if recipe.freeze_batch_norm and spec.weights is None:
        raise ConfigError(
            "--freeze-batch-norm is for --weights: norms that begin from scratch would stay as they begin"
        )
    input_spec = resolve.input_spec(spec)
    with ExitStack() as stack:
        stack.enter_context(_reproducible(recipe))
        stack.enter_context(pixels.quiet_pillow())
        start = transfer.begin(spec, len(division.classes), division.classes)
        if not resume:
            told.say(f"begins {'from scratch' if spec.weights is None else f'with {spec.weights}'}")
            if start.replaced:
                told.say(f"new head for {len(division.classes)} classes: {', '.join(start.replaced)}")
        loader = stack.enter_context(Loader(division, input_spec, recipe))
        weights = _class_weights(division) if recipe.balanced else None
        learner = _learner(spec, start, recipe, weights)
        about = training_run.about(spec, start, division, input_spec, recipe)
        run = Run(out, division, recipe, input_spec, learner, about)
        if resume:
            run.resume(told.say)
        checkpoints.make_place(out, KEPT)
        wrote = curves.events(out / "tensorboard", len(run.history)) if tensorboard else nullcontext(_nowhere)
        event = stack.enter_context(wrote)
        with _abandoned(run):
            loader.prepare()
        run.keep()
        for number in range(len(run.history) + 1, recipe.epochs + 1):
            with _abandoned(run):
                run.history.append(_epoch(learner, loader, recipe, number, told))
            run.keep()
            told.epoch(run.history[-1])
            event(run.history[-1])
    return Result(tuple(run.history), best(run.history), len(division.learn), len(division.held_out))


@contextmanager
def _abandoned(run: Run) -> Iterator[None]:
    """What goes wrong before there is any epoch leaves nothing behind that would have to be continued."""
    try:
        yield
    except (MemoryError, ImgclsError) as error:
        if not run.history:
            checkpoints.abandon(run.out)
        if isinstance(error, ImgclsError):
            raise
        said = f"out of memory: {one_line(error)}; try half the --batch-size, or a smaller input"
        raise MachineError(said) from error


def _learner(spec: ModelSpec, start: Start, recipe: Recipe, class_weights: Sequence[float] | None) -> Learner:
    """PyTorch, or the reference with its own arrays."""
    if recipe.array == "torch":
        return TorchLearner(start.network, recipe, class_weights, start.replaced)
    from imgcls.array_learner import ArrayLearner

    kind, _, name = spec.arch.partition(":")
    if kind != "reference":
        raise ConfigError(f"{spec.arch} learns with torch alone; --array {recipe.array} is for reference:NAME")
    architecture = reference.variant(name, start.options["num_classes"])
    return ArrayLearner(architecture, start.network, recipe, class_weights, start.replaced)


def _nowhere(_: Epoch) -> None:
    pass


# One epoch.


def _epoch(learner: Learner, loader: Loader, recipe: Recipe, number: int, told: Told) -> Epoch:
    started = time.perf_counter()
    learnt, rate = _learnt(learner, loader, recipe, number, told)
    images_per_second = len(loader.division.learn) / (time.perf_counter() - started)
    return Epoch(number, rate, learnt, _asked(learner, loader, recipe, number), images_per_second)


def _learnt(learner: Learner, loader: Loader, recipe: Recipe, number: int, told: Told) -> tuple[Side, float]:
    """Learn from every picture once; how that went, and the last learning rate."""
    tally, per_epoch = _Tally(len(loader.division.classes)), len(loader.division.learn)
    for step, (pictures, targets) in enumerate(loader.learn(number)):
        rate = learning_rate(recipe, (number - 1) * loader.steps + step, loader.steps)
        loss, logits = learner.learn(pictures, targets, rate)
        _require_number(loss, f"epoch {number}, batch {step + 1} of {loader.steps}", recipe)
        tally.add(loss, logits, targets)
        told.images((number - 1) * per_epoch + tally.seen, recipe.epochs * per_epoch)
    return tally.side(), rate


def _asked(learner: Learner, loader: Loader, recipe: Recipe, number: int) -> Side:
    """How the network does on the held-out pictures."""
    tally = _Tally(len(loader.division.classes))
    for pictures, targets in loader.held_out():
        logits = learner.predict(pictures)
        loss = _cross_entropy(logits, targets)
        _require_number(loss, f"epoch {number}, on the held-out pictures", recipe)
        tally.add(loss, logits, targets)
    return tally.side()


def _require_number(loss: float, where: str, recipe: Recipe) -> None:
    if not math.isfinite(loss):
        raise ModelError(
            f"the loss is {loss} in {where} (seed {recipe.seed}, learning rate {recipe.learning_rate}); "
            f"try a lower --lr, {'--clip-norm 1, ' if recipe.array == 'torch' else ''}another --seed, or an input mean "
            "and std nearer to those of the pictures"
        )


def _cross_entropy(logits: npt.NDArray[np.float32], targets: npt.NDArray[np.int64]) -> float:
    """The mean of ``logsumexp(logits) - logits[target]``, in float64."""
    from scipy.special import logsumexp

    values = logits.astype(np.float64)
    return float(np.mean(logsumexp(values, axis=1) - values[np.arange(len(targets)), targets]))


@dataclass(slots=True)
class _Tally:
    """Adds up batches of one side. ``losses``: of each batch, times its pictures."""

    classes: int
    losses: float = 0.0
    answers: list[int] = field(default_factory=list)
    targets: list[int] = field(default_factory=list)

    @property
    def seen(self) -> int:
        return len(self.targets)

    def add(self, loss: float, logits: npt.NDArray[np.float32], targets: npt.NDArray[np.int64]) -> None:
        self.losses += loss * len(targets)
        self.answers += logits.argmax(axis=1).tolist()
        self.targets += targets.tolist()

    def side(self) -> Side:
        from sklearn.metrics import f1_score

        macro = f1_score(self.targets, self.answers, labels=range(self.classes), average="macro", zero_division=0)
        right = sum(answer == target for answer, target in zip(self.answers, self.targets, strict=True))
        return Side(self.losses / self.seen, right / self.seen, float(macro))


def _class_weights(division: Division) -> list[float]:
    """Inverse to how many pictures there are of each class, so that all weigh the same together.

    Source: G. King and L. Zeng, "Logistic Regression in Rare Events Data", 2001, section 4.2.
    """
    counts = np.bincount([division.target(ref) for ref in division.learn], minlength=len(division.classes))
    return [float(weight) for weight in len(division.learn) / (len(counts) * counts)]


# What changes bits.


@contextmanager
def _reproducible(recipe: Recipe) -> Iterator[None]:
    """Fix everything that changes bits, and put it back as it was; a GPU only warns where it has but one way."""
    import torch

    from imgcls.runtimes.eager import exact_float32

    strict = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # without it, cuBLAS refuses to be deterministic
    with torch.random.fork_rng(devices=[]), exact_float32():
        torch.manual_seed(recipe.seed)
        torch.use_deterministic_algorithms(True, warn_only=recipe.device != "cpu")
        try:
            yield
        finally:
            torch.use_deterministic_algorithms(strict, warn_only=warn_only)
