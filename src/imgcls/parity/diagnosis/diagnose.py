"""The reasons why an export differs from its reference: what is tried, what is looked up, and where it arises."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from imgcls.parity.diagnosis import behaviour, computed, input_variants, output_variants
from imgcls.parity.diagnosis.case import ENOUGH, WORTH_NAMING, Case
from imgcls.parity.sample import Sample
from imgcls.records.parity import Fault

if TYPE_CHECKING:
    from imgcls.models.model import Model


def faults(reference: Model, export: Model, sample: Sample) -> tuple[Fault, ...]:
    """Why the logits of a sample differ, what explains most first; empty where rounding explains the difference.

    Raises ModelError where either network fails.
    """
    case = Case(reference, export, sample)
    found = [*_labels(case), *_softmax(case)]
    if found or case.is_rounding(sample.export):
        return tuple(found)
    is_comparable = sample.export.shape == sample.reference.shape
    for search in SEARCHES if is_comparable else (_output,):
        new = list(search(case))
        found += new
        if any(fault.explained is None or fault.explained >= ENOUGH for fault in new):
            break
    return largest_first(found or (computed.unexplained(case) if is_comparable else ()))


def largest_first(found: Iterable[Fault]) -> tuple[Fault, ...]:
    """By what they explain; those of which it is not known come last, in their own order."""
    return tuple(sorted(found, key=lambda fault: -1.0 if fault.explained is None else fault.explained, reverse=True))


def _labels(case: Case) -> Iterator[Fault]:
    if fault := output_variants.other_labels(case.reference.labels, case.export.labels):
        yield fault


def _softmax(case: Case) -> Iterator[Fault]:
    """Probabilities in the place of logits, where nothing states them and nothing else differs."""
    fault = output_variants.softmax_built_in(case.sample.export, case.sample.reference)
    if fault and case.export.spec.returns != "probabilities" and case.is_rounding(_logarithms(case.sample.export)):
        yield fault


def _logarithms(values: NDArray[np.floating]) -> NDArray[np.floating]:
    """Those of probabilities; logarithms stay as they are."""
    is_probability = output_variants.is_probability(values)
    return np.log(np.maximum(values, np.finfo(np.float32).tiny)) if is_probability else values


def _output(case: Case) -> Iterator[Fault]:
    """What is made of the logits."""
    sample = case.sample
    best = output_variants.best(sample.export, sample.reference, case.reference.labels)
    if best and best.share >= ENOUGH:
        yield replace(best.fault, explained=best.share, top1_lost=case.lost(best.logits))


def _preprocessing(case: Case) -> Iterator[Fault]:
    """An input of the export's own, where the reference's restores agreement."""
    sample = case.sample
    ours, theirs = (batch[: case.images] for batch in (sample.batch, sample.export_batch))
    others = input_variants.other_input(case.reference.input, case.export.input)
    if not others or ours.shape != theirs.shape or torch.equal(ours, theirs):
        return
    logits = case.export(ours).numpy()
    share = case.explained(logits)
    if share >= WORTH_NAMING:
        yield from (replace(fault, explained=share, top1_lost=case.lost(logits)) for fault in others)


def _numbers(case: Case) -> Iterator[Fault]:
    """Numbers that a narrow type cannot hold, or that are others every time."""
    if fault := computed.overflow(case) or behaviour.changes(case):
        yield fault


def _input(case: Case) -> Iterator[Fault]:
    """What the file may take an image for."""
    tried = input_variants.search(case)
    if tried and tried.share >= WORTH_NAMING:
        lost = case.lost(tried.logits)
        yield from (Fault("preprocessing", one.name, one.what, tried.share, lost) for one in tried.variants)


SEARCHES = (
    _output,
    _preprocessing,
    _numbers,
    computed.of_inner_weights,
    _input,
    computed.of_first_weights,
    computed.of_steps,
)
"""In this order, until the difference is explained."""
