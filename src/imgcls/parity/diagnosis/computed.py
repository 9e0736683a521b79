"""Faults of what a network computes: its weights, its numbers, and its single steps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from imgcls.messages import spelled
from imgcls.parity.diagnosis import alignment, layers, localize, mutants, quantization, replay, weights
from imgcls.parity.diagnosis.alignment import Match
from imgcls.parity.diagnosis.case import ENOUGH, Case
from imgcls.parity.diagnosis.mutants import Mutant
from imgcls.parity.diagnosis.trace import Operation
from imgcls.records.parity import Fault

WEIGHTS_WORTH_NAMING = 0.02  # docs/decisions.md#weights-in-a-file
"""A tensor that is seen to be another is named for less than what was only tried."""

LARGEST_HALF = 65504
NOT_FINITE = Fault("precision", "not finite", "the export's logits are NaN or infinite, and the reference's are finite")


def overflow(case: Case) -> Fault | None:
    """The first step whose values are not finite: a narrow type cannot hold them, or its weights are not finite."""
    is_finite = bool(np.isfinite(case.sample.export).all())
    step = alignment.first_overflow(case.steps[1]) if case.precision != "float32" or not is_finite else None
    if step is None:
        return None if is_finite else NOT_FINITE
    alike = [match for match in case.matches if match.reference.shape == step.shape]
    largest = max((match.reference.largest for match in alike), default=np.inf)
    what = f"values of {spelled(step.name)} ({step.kind}) are not finite"
    if broken := [name for name in ("weight", "bias") if not _is_finite(getattr(step, name))]:
        return Fault("weights", "not finite", f"{what}: its {broken[0]} in the file is NaN or infinite")
    what += f": they reach {largest:.3g} in the reference"
    if case.precision != "float16":
        return Fault("precision", "not finite", what)
    return Fault("precision", "float16 overflow", f"{what}, and float16 holds up to {LARGEST_HALF}")


def _is_finite(values: NDArray[np.floating] | None) -> bool:
    return values is None or bool(np.isfinite(values).all())


def of_inner_weights(case: Case) -> Iterator[Fault]:
    """Tensors that are others than the reference's, with what they explain; not those of the first layer only."""
    yield from (fault for is_first, fault in _of_weights(case) if not is_first)


def of_first_weights(case: Case) -> Iterator[Fault]:
    """Those of the first layer, which may have a preprocessing folded into it, so that another search comes first."""
    yield from (fault for is_first, fault in _of_weights(case) if is_first)


def _of_weights(case: Case) -> Iterator[tuple[bool, Fault]]:
    ours, theirs = (layers.of(steps) for steps in case.steps)
    for finding in weights.findings(layers.pairs(ours, theirs), case.precision):
        is_first = all(pair.reference is ours[0] for pair in finding.pairs)
        share = case.shown(replay.with_layers(finding.pairs, finding.parts))
        if share >= WEIGHTS_WORTH_NAMING or finding.is_certain:
            yield is_first, _explaining(case, finding.fault, share)


def _explaining(case: Case, fault: Fault, share: float) -> Fault:
    """What is lost is known where a fault explains all."""
    lost = case.lost(case.sample.reference) if share >= ENOUGH else None
    return replace(fault, explained=share, top1_lost=lost)


def of_steps(case: Case) -> Iterator[Fault]:
    """What one step, or each step of its kind, computes otherwise; for integers, where their rounding adds up."""
    if case.precision == "int8":
        if fault := quantization.too_narrow(case.steps[1]):
            yield fault
        return
    region = alignment.region(case.matches)
    best = max(_tried(case, region), key=lambda fault: fault.explained or 0, default=None)
    if best and (best.explained or 0) >= ENOUGH:
        yield _explaining(case, best, best.explained or 0)


def unexplained(case: Case) -> Iterator[Fault]:
    """Where the difference arises, if no known reason explains it: a step, all of them, or why that is not known."""
    if not case.matches:
        what = f"the steps of the file cannot be seen ({case.unseen}), so that its weights and layers were not compared"
        yield Fault("layer", "not located", what)
    elif case.precision == "int8":
        yield from (quantization.spread(found) for found in (localize.errors(case),) if found)
    elif region := alignment.region(case.matches):
        yield _located(region)
    else:
        largest = max(match.error for match in case.matches if match.export is not None)
        what = (
            f"no fault: no step leaves what rounding explains, and errors add up, to {largest:.2g} standard deviations "
            "at most"
        )
        yield Fault("precision", "rounding of all layers", what)


def _located(region: tuple[Match, ...]) -> Fault:
    """The step from which on an export differs."""
    match = next((match for match in region if match.export is not None), region[0])
    name, kind = spelled(match.reference.name), match.reference.kind
    apart = f"differs by {match.error:.2g} standard deviations" if np.isfinite(match.error) else "has no counterpart"
    return Fault("layer", f"layer {name}", f"the output of {name} ({kind}) {apart} from here on")


def _tried(case: Case, region: tuple[Match, ...]) -> Iterator[Fault]:
    """Everything that is known of the steps of a region, in one of them and in all of their kind."""
    tried: set[tuple[str, str]] = set()
    for match in region:
        step = match.reference
        alike = [other.reference for other in case.matches if _is_alike(other.reference, step)]
        for mutant in mutants.of(step):
            share = _shown(case, mutant, [step])
            yield _fault(mutant, spelled(step.name), share)
            if share < ENOUGH and len(alike) > 1 and (step.kind, mutant.what) not in tried:
                tried.add((step.kind, mutant.what))
                where = f"each of {len(alike)} steps of the kind of {spelled(step.name)}"
                yield _fault(mutant, where, _shown(case, mutant, alike))


def _is_alike(other: Operation, step: Operation) -> bool:
    return other.kind == step.kind and bool(mutants.of(other))


def _shown(case: Case, mutant: Mutant, steps: list[Operation]) -> float:
    try:
        return case.shown(mutants.edit(mutant, [step.key for step in steps]))
    except RuntimeError:
        return 0.0  # its output has another shape, with which the next step cannot go on


def _fault(mutant: Mutant, where: str, share: float) -> Fault:
    return Fault("layer", mutant.name, f"{where} {mutant.what}", share)
