"""Train a classifier on folders of images, read top to bottom.

In every epoch each image is trained on once, as another crop of itself, in another order; the learning rate warms up
and then falls along half a cosine; then the validation split is evaluated, which changes nothing. After each epoch
everything is on the disk, so that a training that was killed continues from there. On the CPU, the same configuration,
images, versions and number of threads write the same bytes, resumed or not.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from imgcls import messages, reference
from imgcls.errors import ConfigError, ImgclsError, MachineError
from imgcls.messages import one_line
from imgcls.models.runtimes import base as runtimes
from imgcls.models.sources import registry
from imgcls.preprocessing import decode
from imgcls.records.config import ModelSpec
from imgcls.system import devices
from imgcls.training import checkpoints, epoch, finetune, history, lag, run_folder
from imgcls.training import images as training_images
from imgcls.training import split as splits
from imgcls.training.config import TrainingConfig
from imgcls.training.dataloader import Loader
from imgcls.training.finetune import InitialModel
from imgcls.training.history import Epoch
from imgcls.training.images import TrainingImages
from imgcls.training.learner import Learner
from imgcls.training.run_folder import RunFolder
from imgcls.training.split import Split
from imgcls.training.torch_learner import TorchLearner

CUBLAS_WORKSPACE = "CUBLAS_WORKSPACE_CONFIG"


def _ignore(*_: object) -> None:
    pass


class TrainingCallbacks(NamedTuple):
    """Functions that follow a training: they get each line of text, each epoch, and the images done and in all."""

    message: Callable[[str], object] = _ignore
    epoch: Callable[[Epoch], object] = _ignore
    images: Callable[[int, int], object] = _ignore


@dataclass(frozen=True, slots=True)
class TrainingResult:
    """The epochs of a training. ``best``: the one whose weights are ``best.safetensors`` in the folder ``out``."""

    out: Path
    history: tuple[Epoch, ...]
    best: Epoch
    train_images: int
    validation_images: int


def train(
    data: str | Path,
    spec: ModelSpec,
    config: TrainingConfig,
    out: Path,
    callbacks: TrainingCallbacks | None = None,
    *,
    resume: bool = False,
    tensorboard: bool = False,
    max_rejected: float = 0,
) -> TrainingResult:
    """Train ``spec.arch`` on ``data`` (see :func:`imgcls.training.images.list_images`) and write the folder ``out``.

    ``spec.weights``: what it begins with (see :func:`imgcls.training.finetune.begin`). The folder then holds
    ``best.safetensors`` (of the epoch that :func:`imgcls.training.history.best` chooses) and ``last.safetensors``,
    whose metadata state how they were made; ``checkpoint.pt``, to continue from with ``resume``; ``metrics.csv``,
    ``curves.svg`` and ``curves.png``; ``classes.txt`` and ``imgcls.toml``, with which ``pytest`` tests the best
    weights; and, with ``tensorboard``, event files in the folder of that name. ``max_rejected``: how many files that
    give no image are left out, a number (an integer) or a share of all; the training is the same as without them.

    Raises ConfigError for a configuration, a network, a folder or an image that cannot be used, or a training that is
    resumed as another; ModelError where weights do not fit, the network does not take the images or its loss is not
    finite; and MachineError where memory or the disk is full or a device is absent.
    """
    data, callbacks = str(data), callbacks or TrainingCallbacks()
    runtimes.check_device(config.device)
    checkpoints.require_usable(out, run_folder.FILES, resume=resume)
    images = _listed(data, out, max_rejected, callbacks.message)
    if config.freeze_batch_norm and spec.weights is None:
        raise ConfigError(
            "--freeze-batch-norm is for --weights: norms that begin from scratch would stay as they begin"
        )
    with ExitStack() as stack:
        stack.enter_context(_reproducible(config))
        stack.enter_context(decode.quiet_pillow())
        split = _split(images, config, max_rejected)
        loader = stack.enter_context(Loader(split, registry.input_spec(spec), config))
        if max_rejected or images.broken:
            split = loader.split = _without_broken(images, loader, max_rejected, callbacks.message)
        run = _begun(spec, config, split, loader, out, callbacks.message, resume=resume)
        checkpoints.make_folder(out, run_folder.FILES)
        write_event: Callable[[Epoch], None] = _ignore
        if tensorboard:
            write_event = stack.enter_context(history.events(out / "tensorboard", len(run.history)))
        with _abandoned_without_epoch(run):
            loader.prepare()
        _report_remarks(loader, callbacks.message)
        run.save()
        for number in range(len(run.history) + 1, config.epochs + 1):
            with _abandoned_without_epoch(run):
                run.history.append(epoch.run(run.learner, loader, config, number, callbacks.images))
            run.save()
            callbacks.epoch(run.history[-1])
            write_event(run.history[-1])
    if why := lag.remark(spec, run, loader.steps):
        callbacks.message(why)
    best = history.best(run.history)
    return TrainingResult(out, tuple(run.history), best, len(split.train), len(split.validation))


def _begun(
    spec: ModelSpec,
    config: TrainingConfig,
    split: Split,
    loader: Loader,
    out: Path,
    message: Callable[[str], object],
    *,
    resume: bool,
) -> RunFolder:
    """The training before its next epoch, which is the first one unless it is resumed."""
    initial = finetune.begin(spec, len(split.classes), split.classes)
    if not resume:
        message(split.validation_share())
        message(f"begins {'from scratch' if spec.weights is None else f'with {spec.weights}'}")
        for note in initial.notes:
            message(note)
        if initial.replaced:
            message(f"new head for {messages.counted(len(split.classes), 'class')}: {', '.join(initial.replaced)}")
    class_weights = _class_weights(split) if config.balanced else None
    learner = _learner(spec, initial, config, class_weights)
    provenance = run_folder.provenance(spec, initial, split, loader.spec, config)
    run = RunFolder(out, split, config, loader.spec, learner, provenance)
    if resume:
        run.resume(message)
    return run


def _listed(data: str, out: Path, max_rejected: float, message: Callable[[str], object]) -> TrainingImages:
    """The images of ``data``; what was guessed of them is reported. Raises ConfigError."""
    training_images.require_tolerance(max_rejected)
    images = training_images.list_images(data)
    images.require_outside(out)
    for note in images.notes:
        message(note)
    return images


def _split(images: TrainingImages, config: TrainingConfig, max_rejected: float) -> Split:
    """Raises ConfigError, with the broken files first: they may be what a class lacks."""
    try:
        return splits.split(images, config)
    except ConfigError as error:
        try:
            images.without(images.broken, max_rejected)
        except ConfigError as broken:
            raise ConfigError(f"{broken}; and {error}") from error
        raise


def _without_broken(
    images: TrainingImages, loader: Loader, max_rejected: float, message: Callable[[str], object]
) -> Split:
    """The split as if there were no file that gives no image, each of which is reported.

    Raises ConfigError with all of them where there are more than ``max_rejected``.
    """
    with _named_memory_errors():
        broken = [*images.broken, *loader.broken()]
    usable = images.without(broken, max_rejected)
    for file in broken:
        message(f"left out: {file}")
    return splits.split(usable, loader.config)


def _report_remarks(loader: Loader, message: Callable[[str], object]) -> None:
    """The rules that pixels were converted by, with the number of images; a training has no keys to change them."""
    remarks = Counter(remark.partition(":")[0] for remarks in loader.remarks.values() for remark in remarks)
    for remark, count in remarks.items():
        message(f"{count} image{'' if count == 1 else 's'}: {remark}")


@contextmanager
def _named_memory_errors() -> Iterator[None]:
    """Within this context, a full memory is an error that states what to try."""
    try:
        yield
    except MemoryError as error:
        message = f"out of memory: {one_line(error)}; try half the --batch-size, or a smaller input"
        raise MachineError(message) from error


@contextmanager
def _abandoned_without_epoch(run: RunFolder) -> Iterator[None]:
    """Within this context, an error before there is any epoch leaves nothing behind that would have to be resumed."""
    try:
        with _named_memory_errors():
            yield
    except ImgclsError:
        if not run.history:
            checkpoints.abandon(run.out)
        raise


def _learner(
    spec: ModelSpec, initial: InitialModel, config: TrainingConfig, class_weights: Sequence[float] | None
) -> Learner:
    """PyTorch, or the reference with its own arrays."""
    if config.array == "torch":
        return TorchLearner(initial.network, config, class_weights, initial.replaced)
    from imgcls.training.array_learner import ArrayLearner

    source, name = spec.architecture.source, spec.architecture.name
    if source != "reference":
        raise ConfigError(f"{spec.arch} trains only with torch; --array {config.array} is for reference:NAME")
    architecture = reference.variant(name, initial.options["num_classes"])
    return ArrayLearner(architecture, initial.network, config, class_weights, initial.replaced)


def _class_weights(split: Split) -> list[float]:
    """Inverse to the number of images of each class, so that every class has the same weight in all.

    Source: G. King and L. Zeng, "Logistic Regression in Rare Events Data", 2001, section 4.2.
    """
    counts = np.bincount([split.target(ref) for ref in split.train], minlength=len(split.classes))
    return [float(weight) for weight in len(split.train) / (len(counts) * counts)]


@contextmanager
def _reproducible(config: TrainingConfig) -> Iterator[None]:
    """Fix every setting that changes bits, and restore it afterwards; a GPU only warns where it has no such way."""
    import torch

    from imgcls.models.runtimes.eager import exact_float32

    strict = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    cuda: Any = torch.cuda  # untyped
    is_in_use = devices.kind(config.device) == "cuda" or cuda.is_initialized()
    gpus = range(cuda.device_count() if is_in_use else 0)  # a seed is that of all devices
    with torch.random.fork_rng(devices=gpus, device_type="cuda"), exact_float32(), _cublas_workspace(config.device):
        torch.manual_seed(config.seed)
        torch.use_deterministic_algorithms(True, warn_only=config.device != "cpu")
        try:
            yield
        finally:
            torch.use_deterministic_algorithms(strict, warn_only=warn_only)


@contextmanager
def _cublas_workspace(device: str) -> Iterator[None]:
    """What cuBLAS needs to be deterministic, which it reads when a process first uses it."""
    if devices.kind(device) != "cuda" or CUBLAS_WORKSPACE in os.environ:
        yield
        return
    os.environ[CUBLAS_WORKSPACE] = ":4096:8"
    try:
        yield
    finally:
        del os.environ[CUBLAS_WORKSPACE]
