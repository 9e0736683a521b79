"""Whether an image's output depends on the images next to it, and which numbers of images a network takes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from imgcls import messages
from imgcls.contracts import layers
from imgcls.contracts.layers import Call, Measure
from imgcls.contracts.subject import COUNT, Finding, Skipped, Subject
from imgcls.errors import ImgclsError, ModelError
from imgcls.evaluation import agreement
from imgcls.messages import one_line, spelled
from imgcls.models.outputs import NoLogits
from imgcls.records.config import Precision

VALUES = 65_536  # docs/decisions.md#values-of-a-layer
"""The most values of a tensor that are compared where a layer is looked for."""

EXTREME = 4  # docs/decisions.md#extreme-neighbours
"""An image of this many times the largest value of the others is a neighbour, too: statistics of a batch follow it."""

SIZES = (COUNT, 2, 1, 0)
"""Numbers of images of a batch; the largest first, because a runtime that compiles fills smaller ones up."""


class _Neighbourhood(NamedTuple):
    """A batch, and the position of the image in it that is compared."""

    batch: torch.Tensor
    position: int


class _Scale(NamedTuple):
    """The standard deviation of the logits, and in units of it what rounding in another order explains."""

    std: float
    limit: float


def batch_invariant(subject: Subject) -> Finding:
    """Whether an image has the same output in a batch of its own, first and last, and next to other images."""
    if subject.model.classifier.max_batch_size == 1:
        raise Skipped("the network takes one image at a time")
    whole = subject.samples()
    batch, name = subject.batch(whole.items), spelled(whole.items[0].name)
    try:
        single = subject.logits(batch[:1])
        scale = _scale(subject, batch)
        apart = 0.0
        for place, neighbourhood in _neighbourhoods(batch).items():
            row = subject.logits(neighbourhood.batch)[neighbourhood.position]
            apart = max(apart, float(np.abs(row - single[0]).max()) / scale.std)
            if why := _difference(single[0], row, scale):
                where = _where(subject, *neighbourhood)
                return Finding("fail", f"{name} has another output alone than {place}: {why}{where}")
    except _Incomparable as reason:
        return Finding("inconclusive", str(reason))
    except ModelError as error:
        return Finding("fail", str(error).partition("\n")[0])
    most = f"by up to {apart:.2g} standard deviations of the logits, and rounding explains {scale.limit:.2g}"
    return Finding("pass", f"alone, first, last and next to other images an output differs {most} ({whole.what})")


class _Incomparable(Exception):
    """A difference would mean nothing; the text is the reason."""


def _scale(subject: Subject, batch: torch.Tensor) -> _Scale:
    """Raises _Incomparable where outputs differ without any change of the batch, or for a change of a millionth."""
    model, first = subject.model, subject.logits(batch)
    std, sensitivity = agreement.sensitivity(model.classifier, model.info, batch)
    precision = model.info.precision
    limit = agreement.allowed(sensitivity, precision)
    if not np.isfinite(first).all():
        raise _Incomparable("its logits are not finite: see the contract finite")
    if not np.array_equal(first, subject.logits(batch)):
        raise _Incomparable("the same batch gives other outputs each time: see the contract deterministic")
    if precision == "float32" and limit > agreement.MAX_TOLERANCE:  # docs/decisions.md#chaotic-networks
        raise _Incomparable(f"its logits move by {sensitivity:.2g} standard deviations when its input moves by 1e-6")
    return _Scale(std or 1.0, limit)


def _difference(single: NDArray[np.float32], row: NDArray[np.float32], scale: _Scale) -> str | None:
    """How two outputs of one image differ by more than rounding, in words; None where they do not."""
    apart = float(np.abs(row - single).max()) / scale.std
    if apart <= scale.limit:  # then another best class is a tie
        return None
    best = "" if row.argmax() == single.argmax() else f", and the best class is {row.argmax()}, not {single.argmax()}"
    return f"logits are {apart:.2g} standard deviations apart, and rounding explains {scale.limit:.2g}{best}"


def _neighbourhoods(batch: torch.Tensor) -> Mapping[str, _Neighbourhood]:
    """Batches that the first image is in."""
    first, half = batch[:1], len(batch) // 2 + 1
    extreme = torch.full_like(first, float(batch.abs().max()) * EXTREME)
    return {
        "first in a batch": _Neighbourhood(batch, 0),
        "last in a batch": _Neighbourhood(batch.flip(0), len(batch) - 1),
        "next to other images": _Neighbourhood(torch.cat([batch[half:], first]), len(batch) - half),
        "next to an image of one extreme value": _Neighbourhood(torch.cat([first, extreme]), 0),
    }


def _where(subject: Subject, batch: torch.Tensor, position: int) -> str:
    """The module at which the output of one image begins to depend on the others, as the end of a message."""
    try:
        classifier = subject.eager
        noise = torch.randn(batch[:1].shape, generator=torch.Generator().manual_seed(0))
        single = batch[position : position + 1]
        plain, noisy = (
            layers.calls(classifier, images, _values(0, 1))
            for images in (single, single * (1 + agreement.NOISE * noise))
        )
        beside = layers.calls(classifier, batch, _values(position, len(batch)))
    except Skipped:
        return ""
    except ImgclsError as error:
        return f"; module by module, {one_line(error)}"
    place = layers.parting(
        _paired(plain, noisy), beside, lambda pair, other: _is_far(pair[0], pair[1], other, subject.precision)
    )
    return f"; it begins at {place}" if place else ""


def _values(position: int, images: int) -> Measure:
    """Values of one image of a batch; None of a tensor that has no rows of images."""

    def measure(tensor: torch.Tensor) -> Any:
        if not tensor.ndim or not tensor.is_floating_point() or not tensor.numel() or len(tensor) % images:
            return None
        rows = len(tensor) // images
        values = tensor[position * rows : (position + 1) * rows].flatten()
        return np.array(values[:: math.ceil(values.numel() / VALUES)].float().cpu().numpy())

    return measure


def _paired(plain: list[Call], noisy: list[Call]) -> list[Call]:
    """Calls with what was kept of both runs."""
    return [
        replace(
            one,
            before=tuple(zip(one.before, other.before, strict=False)),
            after=tuple(zip(one.after, other.after, strict=False)),
        )
        for one, other in zip(plain, noisy, strict=False)
    ]


def _is_far(plain: Any, noisy: Any, other: Any, precision: Precision) -> bool:
    """Whether one image's values differ by more than noise in the input of the network explains at this place."""
    if plain is None or other is None or noisy is None or plain.shape != other.shape:
        return False
    sensitivity = agreement.distance(plain, noisy) if plain.shape == noisy.shape else 0.0
    return agreement.distance(plain, other) > agreement.allowed(sensitivity, precision)


def batch_sizes(subject: Subject) -> Finding:
    """Whether the network takes batches of 1, 2 and 5 images, and what it does with one of none."""
    if subject.model.classifier.max_batch_size == 1:
        raise Skipped("the network takes one image at a time")
    whole = subject.samples()
    batch = subject.batch(whole.items)
    problems, classes, none = [], set(), "a batch of 0 gives (0, classes)"
    for size in SIZES:
        try:
            shape = subject.logits(batch[:size]).shape
        except Exception as error:  # noqa: BLE001 - a runtime may raise anything
            if size or isinstance(error, NoLogits):
                problems.append(f"{messages.counted(size, 'image')}: {one_line(error).partition('; ')[0]}")
            else:
                none = f"a batch of 0 is refused ({one_line(error)[:150]})"
            continue
        classes.add(shape[1] if len(shape) == 2 else 0)
        if len(shape) != 2 or shape[0] != size or len(classes) > 1:
            problems.append(f"{messages.counted(size, 'image')}: logits of shape {shape}")
    if problems:
        return Finding("fail", "; ".join(problems))
    return Finding("pass", f"batches of 1, 2 and {COUNT} images give one row each, and {none} ({whole.what})")
