"""The training configuration, its defaults, and the learning rate of every step."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, TypedDict, Unpack

from imgcls import messages
from imgcls.errors import ConfigError
from imgcls.records.config import Architecture, RandomWeights, parse_weights


class OptimizerDefaults(NamedTuple):
    """What an optimizer uses where nothing else is given."""

    learning_rate: float
    weight_decay: float


OPTIMIZERS: Final = {  # docs/decisions.md#training-defaults
    "nadam": OptimizerDefaults(0.001, 0.05),
    "adamw": OptimizerDefaults(0.001, 0.05),
    "sgd": OptimizerDefaults(0.05, 1e-4),
}

_FINE_TUNING_DIVISOR = 10  # docs/decisions.md#training-defaults
_WARM_UP_SHARE, _WARM_UP_EPOCHS = 0.2, 5.0  # docs/decisions.md#training-defaults


@dataclass(frozen=True, slots=True)
class TrainingConfig:
    """How to train: everything that the weights depend on, except the network and the images.

    ``learning_rate``: the highest one. ``warm_up``: epochs until it is reached. ``scale``: the smallest and largest
    share of an image's area that a random crop shows. ``flip``: half of all crops are mirrored. ``randaugment``: in
    timm's notation, as in ``rand-m9-mstd0.5``. ``balanced``: mistakes on rare classes weigh more. ``ema``: the decay
    of a running average of the weights, which is then what is evaluated and kept. ``clip_norm``: the longest gradient.
    ``array``: what ``reference:NAME`` trains with; all other networks train with torch.
    ``folds``, ``fold``: the validation split is the ``fold``-th of this number of parts, counted from 0.
    ``None`` is "not at all".

    Raises ConfigError for a value that cannot be trained with.
    """

    epochs: int
    seed: int = 0
    batch_size: int = 32
    optimizer: str = "nadam"
    learning_rate: float = OPTIMIZERS["nadam"].learning_rate
    weight_decay: float = OPTIMIZERS["nadam"].weight_decay
    warm_up: float = 0.0
    label_smoothing: float = 0.1
    scale: tuple[float, float] = (0.08, 1.0)
    flip: bool = True
    randaugment: str | None = None
    balanced: bool = False
    freeze_batch_norm: bool = False
    ema: float | None = None
    clip_norm: float | None = None
    precision: Literal["float32", "bfloat16", "float16"] = "float32"
    device: str = "cpu"
    array: Literal["torch", "numpy", "cupy"] = "torch"
    folds: int | None = None
    fold: int = 0

    def __post_init__(self) -> None:
        for is_valid, error in (*_optimization_rules(self), *_data_rules(self)):
            if not is_valid:
                raise ConfigError(error)


class TrainingOptions(TypedDict, total=False):
    """Fields of :class:`TrainingConfig` whose default is fixed; see there."""

    seed: int
    batch_size: int
    label_smoothing: float
    scale: tuple[float, float]
    flip: bool
    randaugment: str | None
    balanced: bool
    freeze_batch_norm: bool
    ema: float | None
    clip_norm: float | None
    precision: Literal["float32", "bfloat16", "float16"]
    device: str
    folds: int | None
    fold: int


class AllTrainingOptions(TrainingOptions, total=False):
    """Also the fields whose default depends on the optimizer, the weights or the architecture."""

    optimizer: str
    learning_rate: float | None
    weight_decay: float | None
    warm_up: float | None
    array: Literal["torch", "numpy", "cupy"] | None


def with_defaults(
    architecture: str,
    weights: Path | str | None,
    *,
    epochs: int,
    optimizer: str = "nadam",
    learning_rate: float | None = None,
    weight_decay: float | None = None,
    warm_up: float | None = None,
    array: Literal["torch", "numpy", "cupy"] | None = None,
    **options: Unpack[TrainingOptions],
) -> TrainingConfig:
    """The configuration of a training of ``architecture`` (``KIND:NAME``) that begins with ``weights``.

    ``None`` is the default for this optimizer, these weights and this architecture. Raises ConfigError.
    """
    defaults = OPTIMIZERS.get(optimizer, OPTIMIZERS["nadam"])  # TrainingConfig refuses an unknown optimizer
    is_reference = Architecture.parse(architecture).source == "reference"
    return TrainingConfig(
        epochs=epochs,
        optimizer=optimizer,
        learning_rate=default_learning_rate(optimizer, weights) if learning_rate is None else learning_rate,
        weight_decay=defaults.weight_decay if weight_decay is None else weight_decay,
        warm_up=default_warm_up(epochs) if warm_up is None else warm_up,
        array=array or ("numpy" if is_reference else "torch"),
        **options,
    )


def default_learning_rate(optimizer: str, weights: Path | str | None) -> float:
    """The highest learning rate where none is given; trained weights get a tenth of it."""
    highest = OPTIMIZERS.get(optimizer, OPTIMIZERS["nadam"]).learning_rate  # TrainingConfig refuses an unknown one
    is_trained = weights is not None and not isinstance(parse_weights(weights), RandomWeights)
    return highest / _FINE_TUNING_DIVISOR if is_trained else highest


def default_warm_up(epochs: int) -> float:
    """Epochs of warm-up where none are given: a fifth of all, and at most five."""
    return min(_WARM_UP_EPOCHS, _WARM_UP_SHARE * epochs)


def learning_rate(config: TrainingConfig, step: int, steps_per_epoch: int) -> float:
    """The rate of a step, counted from 0: a straight line up to the highest, then half a cosine down to just above 0.

    Sources: P. Goyal et al., "Accurate, Large Minibatch SGD", 2017, section 2.2; I. Loshchilov and F. Hutter,
    "SGDR", 2017, equation 5.
    """
    warm_up, total = config.warm_up * steps_per_epoch, config.epochs * steps_per_epoch
    if step < warm_up:
        return config.learning_rate * (step + 1) / (warm_up + 1)
    return config.learning_rate * (1 + math.cos(math.pi * (step - warm_up) / (total - warm_up))) / 2


def _optimization_rules(config: TrainingConfig) -> Iterator[tuple[bool, str]]:
    """Whether each value can be trained with, and the error where it cannot."""
    yield config.epochs >= 1, f"{config.epochs} epochs train nothing; give 1 or more"
    yield 0 <= config.seed < 1 << 63, f"seed {config.seed} is not between 0 and {(1 << 63) - 1}"
    yield config.batch_size >= 1, f"a batch of {config.batch_size} images is empty; give 1 or more"
    unknown = f"no optimizer '{config.optimizer}'{messages.nearest(config.optimizer, OPTIMIZERS)}"
    yield config.optimizer in OPTIMIZERS, unknown
    for name, value in (("learning rate", config.learning_rate), ("weight decay", config.weight_decay)):
        yield 0 <= value < math.inf, f"{name} {value} is not a number from 0 up"
    warm_up = f"a warm-up of {config.warm_up} epochs is not within {config.epochs}"
    yield 0 <= config.warm_up <= config.epochs, warm_up
    smoothing = f"label smoothing {config.label_smoothing} is not in [0, 1), as 0.1 is"
    yield 0 <= config.label_smoothing < 1, smoothing
    yield config.ema is None or 0 < config.ema < 1, f"a decay of {config.ema} is not in (0, 1), as 0.999 is"
    yield config.clip_norm is None or config.clip_norm > 0, f"gradients cannot be clipped to {config.clip_norm}"
    only_torch = _only_with_torch(config)
    yield config.array == "torch" or not only_torch, f"there is no {', '.join(only_torch)} with {config.array}"


def _data_rules(config: TrainingConfig) -> Iterator[tuple[bool, str]]:
    smallest, largest = config.scale
    scale = f"scale {smallest} {largest} is not a range within (0, 1], as 0.08 1 is"
    yield 0 < smallest <= largest <= 1, scale
    yield config.folds is None or config.folds >= 2, f"{config.folds} folds leave nothing to validate; give 2 or more"
    missing = "--fold states which of --folds is the validation split, and --folds is missing"
    yield config.fold == 0 or config.folds is not None, missing
    fold = f"there is no fold {config.fold} of {config.folds}; they count from 0"
    yield 0 <= config.fold < (config.folds or 1), fold


def _only_with_torch(config: TrainingConfig) -> list[str]:
    """The given options that the arrays of the reference do not have."""
    given: dict[str, Any] = {
        "--optimizer adamw": config.optimizer == "adamw",
        "--freeze-batch-norm": config.freeze_batch_norm,
        "--ema": config.ema is not None,
        "--clip-norm": config.clip_norm is not None,
        "--precision": config.precision != "float32",
        "--device": config.device != "cpu",
    }
    return [option for option, is_given in given.items() if is_given]
