"""What a training is asked to do, what each epoch of it came to, and how fast it learns at every step."""

from __future__ import annotations

import difflib
import math
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from imgcls.errors import ConfigError


class _Usual(NamedTuple):
    learning_rate: float
    weight_decay: float


OPTIMIZERS: Final = {"nadam": _Usual(0.001, 0.05), "adamw": _Usual(0.001, 0.05), "sgd": _Usual(0.05, 1e-4)}
"""The optimizers, and what each uses where nothing else is asked for; decay that is not decoupled is far smaller."""

_WARM_UP_SHARE, _WARM_UP_EPOCHS = 0.2, 5.0


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to train: everything, beside the network and the pictures, that the weights depend on.

    ``learning_rate``: the highest one. ``warm_up``: epochs until it is reached. ``scale``: the smallest and largest
    share of a picture's area that a random crop shows. ``flip``: half of all crops are mirrored. ``randaugment``: in
    timm's notation, as in ``rand-m9-mstd0.5``. ``balanced``: mistakes on rare classes weigh more. ``ema``: the decay
    of a running average of the weights, which is then what is evaluated and kept. ``clip_norm``: the longest gradient.
    ``array``: what the reference learns with; everything else learns with torch.
    ``folds``, ``fold``: hold out the ``fold``-th of so many parts, counted from 0. ``None`` is "not at all".

    Raises :class:`ConfigError` for what cannot be trained.
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
        smallest, largest = self.scale
        torch_alone = [
            name
            for name, asked in {
                "--optimizer adamw": self.optimizer == "adamw",
                "--freeze-batch-norm": self.freeze_batch_norm,
                "--ema": self.ema is not None,
                "--clip-norm": self.clip_norm is not None,
                "--precision": self.precision != "float32",
                "--device": self.device != "cpu",
            }.items()
            if asked
        ]
        for holds, complaint in (
            (self.epochs >= 1, f"{self.epochs} epochs train nothing; ask for 1 or more"),
            (0 <= self.seed < 1 << 63, f"seed {self.seed} is not between 0 and {(1 << 63) - 1}"),
            (self.batch_size >= 1, f"a batch of {self.batch_size} pictures is none; ask for 1 or more"),
            (self.optimizer in OPTIMIZERS, f"no optimizer '{self.optimizer}'{_nearest(self.optimizer)}"),
            (0 <= self.learning_rate < math.inf, f"learning rate {self.learning_rate} is no number from 0 up"),
            (0 <= self.weight_decay < math.inf, f"weight decay {self.weight_decay} is no number from 0 up"),
            (0 <= self.warm_up <= self.epochs, f"a warm-up of {self.warm_up} epochs is not within {self.epochs}"),
            (0 <= self.label_smoothing < 1, f"label smoothing {self.label_smoothing} is not in [0, 1), as 0.1 is"),
            (0 < smallest <= largest <= 1, f"scale {smallest} {largest} is not a range within (0, 1], as 0.08 1 is"),
            (self.ema is None or 0 < self.ema < 1, f"a decay of {self.ema} is not in (0, 1), as 0.999 is"),
            (self.clip_norm is None or self.clip_norm > 0, f"gradients cannot be clipped to {self.clip_norm}"),
            (self.array == "torch" or not torch_alone, f"there is no {', '.join(torch_alone)} with {self.array}"),
            (self.folds is None or self.folds >= 2, f"{self.folds} folds hold nothing out; ask for 2 or more"),
            (self.fold == 0 or self.folds is not None, "--fold says which of --folds is held out, and that is missing"),
            (0 <= self.fold < (self.folds or 1), f"there is no fold {self.fold} of {self.folds}; they count from 0"),
        ):
            if not holds:
                raise ConfigError(complaint)


@dataclass(frozen=True, slots=True)
class Side:
    """How a network did on one side of the data: the mean loss, accuracy and macro F1, both in [0, 1]."""

    loss: float
    top1: float
    macro_f1: float


@dataclass(frozen=True, slots=True)
class Epoch:
    """What one epoch came to.

    ``learnt``: over the batches as they were learnt from, augmented, and each before the step that it led to; its
    loss is the one that is made smaller. ``held_out``: plain cross-entropy of the finished epoch's network.
    """

    number: int
    learning_rate: float
    learnt: Side
    held_out: Side
    images_per_second: float


def usual_learning_rate(optimizer: str, weights: str | None) -> float:
    """The highest rate where none is asked for: trained weights take a tenth, or they forget what they know."""
    usual = OPTIMIZERS.get(optimizer, OPTIMIZERS["nadam"]).learning_rate  # Recipe says what is unknown
    return usual if weights is None or weights.startswith("random:") else usual / 10


def usual_warm_up(epochs: int) -> float:
    """Epochs of warm-up where none are asked for: a fifth of all, and at most five."""
    return min(_WARM_UP_EPOCHS, _WARM_UP_SHARE * epochs)


def learning_rate(recipe: Recipe, step: int, steps_per_epoch: int) -> float:
    """The rate of a step, counted from 0: a straight line up to the highest, then half a cosine down to just above 0.

    Sources: P. Goyal et al., "Accurate, Large Minibatch SGD", 2017, section 2.2; I. Loshchilov and F. Hutter,
    "SGDR", 2017, equation 5.
    """
    warm_up, total = recipe.warm_up * steps_per_epoch, recipe.epochs * steps_per_epoch
    if step < warm_up:
        return recipe.learning_rate * (step + 1) / (warm_up + 1)
    return recipe.learning_rate * (1 + math.cos(math.pi * (step - warm_up) / (total - warm_up))) / 2


def _nearest(name: str) -> str:
    close = difflib.get_close_matches(name, OPTIMIZERS, n=1)
    return f"; nearest: {close[0]}" if close else f"; there are {', '.join(OPTIMIZERS)}"
