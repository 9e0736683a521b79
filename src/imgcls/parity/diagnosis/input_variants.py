"""What an export may take an image for: tensors that differ from its own input by one known mistake, or by two."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields

import numpy as np
import torch
from numpy.typing import NDArray

from imgcls.errors import ImgclsError
from imgcls.parity.diagnosis import logits as of_logits
from imgcls.parity.diagnosis.case import Case
from imgcls.records.config import InputSpec
from imgcls.records.parity import Fault

Change = Callable[[torch.Tensor], torch.Tensor]
Family = tuple[tuple[float, ...], tuple[float, ...]]

UNSCALED: Family = ((0.0,) * 3, (1.0,) * 3)

FAMILIES: dict[str, Family] = {
    "[0, 1]": UNSCALED,
    "[0, 255]": ((0.0,) * 3, (1 / 255,) * 3),
    "[-1, 1], mean = std = 0.5": ((0.5,) * 3, (0.5,) * 3),
    "ImageNet's mean and std": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "CLIP's mean and std": ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)),
    "Caffe's means of [0, 255]": ((123.68 / 255, 116.779 / 255, 103.939 / 255), (1 / 255,) * 3),
}
"""Mean and standard deviation of pixels in [0, 1], by what their users call them."""

LEFT = 0.05  # docs/decisions.md#explained-enough
"""The distance, in standard deviations, from which on a second mistake is tried: a large first one hides it."""

GREY = (0.299, 0.587, 0.114)


@dataclass(frozen=True, slots=True)
class Variant:
    """One mistake: how it is undone in a normalised batch (n, channels, h, w), and what it is."""

    group: str
    name: str
    what: str
    undo: Change


def variants(spec: InputSpec) -> tuple[Variant, ...]:
    """Everything that is tried on an input of three channels; for another number what does not depend on it."""
    colours = (*_orders(spec), *_families(spec), _grey(spec)) if spec.channels == 3 else ()
    return (*colours, *_layouts(spec.channels), *_places())


def _pixels(batch: torch.Tensor, family: Family) -> torch.Tensor:
    """Pixels in [0, 1] of a normalised batch."""
    mean, std = (torch.tensor(values).view(-1, 1, 1) for values in family)
    return batch * std + mean


def _normalised(pixels: torch.Tensor, family: Family) -> torch.Tensor:
    mean, std = (torch.tensor(values).view(-1, 1, 1) for values in family)
    return (pixels - mean) / std


def _orders(spec: InputSpec) -> Iterator[Variant]:
    own = (spec.mean, spec.std)
    what = "it takes red for blue and blue for red: its channels are in the order BGR"
    yield Variant("order", "channel order", what, lambda batch: batch.flip(1))
    if len(set(spec.mean)) > 1 or len(set(spec.std)) > 1:
        before = f"{what} before they are normalised"
        yield Variant("order", "channel order", before, lambda batch: _normalised(_pixels(batch, own).flip(1), own))


def _families(spec: InputSpec) -> Iterator[Variant]:
    """Each usual range, mean and standard deviation: as what the file takes, and as what its network gets."""
    own = (spec.mean, spec.std)
    tested = f"({_listed(spec.mean)}), ({_listed(spec.std)})"
    twice = "it normalises what is normalised already: with a normalisation built in, it takes pixels in [0, 1]"
    yield Variant("range", "normalised twice", twice, lambda batch: _pixels(batch, own))
    more = "it takes images that are normalised twice"
    yield Variant("range", "normalised twice", more, lambda batch: _normalised(batch, own))
    for name, family in FAMILIES.items():
        fault = "value range" if name.startswith("[0") else "mean and std"
        if np.allclose(family, own, atol=1e-3):
            continue
        if family != UNSCALED:
            taken = f"it takes pixels as {name}, and gets {tested}"
            yield Variant("range", fault, taken, lambda batch, f=family: _normalised(_pixels(batch, own), f))  # type: ignore[misc]
        got = f"its network gets pixels as {name}, and was tested with {tested}"
        yield Variant("range", fault, got, lambda batch, f=family: _normalised(_pixels(batch, f), own))  # type: ignore[misc]


def _listed(values: tuple[float, ...]) -> str:
    return ", ".join(f"{value:g}" for value in values)


def _layouts(channels: int) -> Iterator[Variant]:
    """(n, h, w, channels) in memory that is read as (n, channels, h, w), and the opposite."""

    def to_last(batch: torch.Tensor) -> torch.Tensor:
        return batch.permute(0, 2, 3, 1).reshape(batch.shape)

    def to_first(batch: torch.Tensor) -> torch.Tensor:
        n, _, height, width = batch.shape
        return batch.reshape(n, height, width, channels).permute(0, 3, 1, 2)

    for undo, (read, meant) in ((to_last, ("NCHW", "NHWC")), (to_first, ("NHWC", "NCHW"))):
        what = f"it reads its input as {read}, and the values are meant as {meant}: the layout is another"
        yield Variant("layout", "layout", what, undo)
    exchanged = "it takes height for width: rows and columns are exchanged"
    yield Variant("layout", "layout", exchanged, lambda batch: batch.transpose(2, 3))


def _places() -> Iterator[Variant]:
    yield Variant("place", "mirrored", "it gets each image mirrored left to right", lambda batch: batch.flip(3))
    yield Variant("place", "upside down", "it gets each image upside down", lambda batch: batch.flip(2))
    for direction, (rows, columns) in {"up": (1, 0), "down": (-1, 0), "left": (0, 1), "right": (0, -1)}.items():
        what = f"it gets each image one pixel too far {direction}"
        yield Variant("place", "one pixel off", what, lambda batch, by=(rows, columns): batch.roll(by, (2, 3)))  # type: ignore[misc]


def _grey(spec: InputSpec) -> Variant:
    own, weights = (spec.mean, spec.std), torch.tensor(GREY).view(-1, 1, 1)

    def undo(batch: torch.Tensor) -> torch.Tensor:
        grey = (_pixels(batch, own) * weights).sum(1, keepdim=True)
        return _normalised(grey.expand_as(batch), own)

    return Variant("grey", "grey", "it was made for grey images", undo)


@dataclass(frozen=True, slots=True)
class Tried:
    """Variants that were undone together, and the logits that the export then gives, ``left`` from the reference's."""

    variants: tuple[Variant, ...]
    share: float
    left: float
    logits: NDArray[np.floating]


def search(case: Case) -> Tried | None:
    """What explains most of the distance: one variant, or two of different groups where one does not explain all.

    None where the export runs with none of them.
    """
    known = variants(case.export.input)
    top: Tried | None = None
    for variant in known:
        tried = _try(case, (variant,))
        if tried and tried.left <= case.tolerance:
            return tried
        top = min((each for each in (top, tried) if each), key=lambda each: each.left, default=None)
    if top is None or top.left <= LEFT:
        return top
    pairs = [tried for pair in _pairs(known) if (tried := _try(case, pair))]
    pair = min(pairs, key=lambda tried: tried.left, default=top)
    return pair if pair.left < top.left / 2 else top


def _pairs(known: tuple[Variant, ...]) -> Iterator[tuple[Variant, Variant]]:
    """An order of channels or a layout with a range: what is found together in practice."""
    ranges = [variant for variant in known if variant.group == "range"]
    for first in known:
        if first.group in {"order", "layout"}:
            yield from ((first, second) for second in ranges)


def _try(case: Case, chosen: tuple[Variant, ...]) -> Tried | None:
    batch = case.sample.export_batch[: case.images]
    for variant in chosen:
        batch = variant.undo(batch)
    try:
        logits = case.export(batch.contiguous()).numpy()
    except ImgclsError:
        return None  # a file for one size refuses an exchanged image that is not square
    left = of_logits.relative(logits, case.sample.reference[: len(logits)])
    return Tried(chosen, case.explained(logits), left, logits)


FAULTS = {
    "resize": "resize",
    "crop": "crop size",
    "crop_mode": "crop mode",
    "interpolation": "interpolation",
    "mean": "mean and std",
    "std": "mean and std",
    "function": "own preprocessing",
}


def other_input(reference: InputSpec, export: InputSpec) -> tuple[Fault, ...]:
    """What an export's own input has otherwise than its reference's, one fault for each kind of it."""
    faults: dict[str, list[str]] = {}
    for field in fields(InputSpec):
        theirs, ours = getattr(export, field.name), getattr(reference, field.name)
        if theirs != ours:
            faults.setdefault(FAULTS[field.name], []).append(
                f"{field.name} is {_shown(theirs)} for the export and {_shown(ours)} for the reference"
            )
    return tuple(Fault("preprocessing", name, "; ".join(whats)) for name, whats in faults.items())


def _shown(value: object) -> str:
    return _listed(value) if isinstance(value, tuple) else str(value)
