"""What is made of the logits in an export: a softmax too many, other class numbers, a class for the background."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imgcls.messages import named, spelled
from imgcls.parity.diagnosis import logits as of_logits
from imgcls.parity.diagnosis.logits import Logits
from imgcls.parity.distance import centred
from imgcls.records.data import LabelList
from imgcls.records.parity import Fault

SUM_OF_ONE = 1e-3  # docs/decisions.md#tried-outputs
SHIFTS = (1, -1, 2, -2)
FLOOR = 1e-7  # docs/decisions.md#tried-outputs
SAMPLED_CLASSES = 0.9  # docs/decisions.md#tried-outputs


@dataclass(frozen=True, slots=True)
class Undone:
    """The export's logits with one fault of the output undone; ``share``: of the distance that goes with it."""

    fault: Fault
    logits: Logits
    share: float


def softmax_built_in(export: NDArray[np.floating], reference: NDArray[np.floating]) -> Fault | None:
    """The fault that an export returns probabilities, or their logarithms, and its reference logits."""
    if not _is_normalised(export) or _is_normalised(reference):
        return None
    what = (
        "the file returns probabilities and the reference logits: whoever takes a softmax of its outputs takes it twice"
    )
    return Fault("output", "softmax built in", what, 1.0)


def _is_normalised(logits: NDArray[np.floating]) -> bool:
    """Whether these are probabilities, or their logarithms."""
    return is_probability(logits) or bool(np.allclose(_logsumexp(logits), 0, atol=SUM_OF_ONE))


def is_probability(values: NDArray[np.floating]) -> bool:
    """Whether each row has values from 0 to 1 whose sum is one."""
    sums = values.sum(axis=1)
    return bool((values >= 0).all() and np.allclose(sums, 1, atol=SUM_OF_ONE))


def _logsumexp(logits: NDArray[np.floating]) -> Logits:
    exact = np.asarray(logits, np.float64)
    best = exact.max(axis=1, keepdims=True)
    return np.asarray(np.log(np.exp(exact - best).sum(axis=1)) + best[:, 0])


def best(export: NDArray[np.floating], reference: NDArray[np.floating], labels: LabelList) -> Undone | None:
    """What explains most of the difference; None where nothing can be tried. ``labels``: of the reference."""
    tried = [_double_softmax(export, reference), *_renumbered(export, reference, labels)]
    found = [undone for undone in tried if undone is not None]
    return max(found, key=lambda undone: undone.share, default=None)


def _double_softmax(export: NDArray[np.floating], reference: NDArray[np.floating]) -> Undone | None:
    """A softmax of a softmax: its logarithm is a probability and a constant, which the sum of one determines."""
    if export.shape != reference.shape or not (_is_normalised(export) and np.isfinite(export).all()):
        return None
    inner = np.log(np.maximum(export, FLOOR)) if is_probability(export) else np.asarray(export, np.float64)
    probabilities = inner + (1 - inner.sum(axis=1, keepdims=True)) / inner.shape[1]
    expected = of_logits.softmax(reference)
    before = of_logits.relative(of_logits.softmax(export), expected)
    share = of_logits.explained(before, of_logits.relative(probabilities, expected))
    what = "a softmax is taken of probabilities: the file has a softmax built in, and another one after it"
    logits = np.log(np.maximum(probabilities, FLOOR))
    return Undone(Fault("output", "softmax twice", what, share), logits, share)


def _renumbered(
    export: NDArray[np.floating], reference: NDArray[np.floating], labels: LabelList
) -> Iterator[Undone | None]:
    classes = reference.shape[1]
    if export.shape[1] == classes + 1:
        yield _undone(reference, export, export[:, 1:], _background(classes, "first"))
        yield _undone(reference, export, export[:, :-1], _background(classes, "last"))
        return
    if export.shape != reference.shape:
        return
    for shift in SHIFTS:
        what = f"class k is output k{shift:+d} of the file: all class numbers are shifted by {shift:+d}"
        fault = Fault("labels", "classes shifted", what)
        yield _undone(reference, export, np.roll(export, -shift, axis=1), fault)
    order = _order(centred(export), centred(reference))
    if order is not None:
        yield _undone(reference, export, export[:, order], _other_order(order, labels))


def _background(classes: int, where: str) -> Fault:
    what = (
        f"the file has {classes + 1} outputs and the reference {classes} classes: its {where} output is one more, "
        "as for a background"
    )
    return Fault("labels", "background class", what)


def _undone(
    reference: NDArray[np.floating], export: NDArray[np.floating], logits: NDArray[np.floating], fault: Fault
) -> Undone:
    classes = reference.shape[1]
    before = max(of_logits.relative(part, reference) for part in (export[:, :classes], export[:, -classes:]))
    share = of_logits.explained(before, of_logits.relative(logits, reference))
    return Undone(Fault(fault.stage, fault.name, fault.what, share), np.asarray(logits, np.float64), share)


def _order(export: Logits, reference: Logits) -> NDArray[np.int64] | None:
    """For each class the output that has its values, where most classes have one of their own."""
    squares = (export**2).sum(axis=0)[None] - 2 * reference.T @ export  # less what is the same for all outputs
    order = np.asarray(squares.argmin(axis=1), np.int64)
    distinct = len(set(order.tolist())) / len(order)
    is_same = bool((order == np.arange(len(order))).all())
    return None if is_same or distinct < SAMPLED_CLASSES else order


def _other_order(order: NDArray[np.int64], labels: LabelList) -> Fault:
    """A fault that names what order it is, and a few classes."""
    moved = [index for index, output in enumerate(order) if index != output]
    names = labels.names or ()
    ranked = sorted(range(len(names)), key=lambda index: names[index]) if len(names) == len(order) else []
    kind = "in the order of their names" if ranked and _agrees(ranked, order) else "in another order"
    shown = [f"{_name(index, names)} is output {order[index]}" for index in moved[:3]]
    what = f"the classes are {kind}: {named(shown)}; {len(moved)} of {len(order)} are elsewhere"
    return Fault("labels", "class order", what)


def _agrees(ranked: Sequence[int], order: NDArray[np.int64]) -> bool:
    """Whether classes are where their names' order has them; classes of the same name may be exchanged."""
    same = float(np.mean(order[list(ranked)] == np.arange(len(order))))
    return same >= SAMPLED_CLASSES


def _name(index: int, names: Sequence[str]) -> str:
    return f"{index} ({spelled(names[index])})" if index < len(names) else str(index)


def other_labels(labels: LabelList, own: LabelList) -> Fault | None:
    """The fault that an export's own list of classes has other names than the reference's."""
    if not labels.names or not own.names or labels.names == own.names:
        return None
    if len(labels.names) != len(own.names):
        what = f"the file states {len(own.names)} classes and the reference has {len(labels.names)}"
        return Fault("labels", "class names", what)
    moved = [index for index, pair in enumerate(zip(labels.names, own.names, strict=True)) if pair[0] != pair[1]]
    at = moved[0]
    what = (
        f"{len(moved)} of {len(own.names)} classes have other names in the file: {at} is {spelled(own.names[at])} "
        f"there and {spelled(labels.names[at])} in the reference"
    )
    return Fault("labels", "class names", what)
