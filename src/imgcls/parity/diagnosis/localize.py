"""At which step of a network the error of an export appears, and how much of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from imgcls.parity.diagnosis import alignment, replay
from imgcls.parity.diagnosis import logits as of_logits
from imgcls.parity.diagnosis.alignment import Match
from imgcls.parity.diagnosis.case import Case
from imgcls.parity.diagnosis.trace import Tracer
from imgcls.parity.sample import Sample
from imgcls.records.parity import StepError

if TYPE_CHECKING:
    from imgcls.models.model import Model

STEPS = 10  # docs/decisions.md#names-in-a-message
SMALLEST = 0.01
"""The share below which a step is not worth a line."""


def steps(reference: Model, export: Model, sample: Sample) -> tuple[StepError, ...]:
    """The first step whose error leaves what rounding explains, and then the steps that add most to the distance.

    Empty where the steps of the export's format cannot be seen, or where rounding explains all. Raises ModelError.
    """
    case = Case(reference, export, sample)
    if case.tracer is None or case.is_rounding(sample.export):
        return ()
    found = errors(case)
    if found:
        return _ranked(found)
    return tuple(_unmatched(match) for match in alignment.region(case.matches)[:1])


def errors(case: Case) -> tuple[StepError, ...]:
    """Each step beyond rounding that the export has, too, with the share of the final distance that it adds.

    The export's output takes the place of the reference's there, and the reference computes the rest.
    """
    first = alignment.first_beyond(case.matches)
    exact = replay.logits(case.reference, case.walked_batch)
    own = case.sample.export[: len(exact)]
    if case.tracer is None or own.shape != exact[: len(own)].shape:
        return ()
    final, before, result = of_logits.relative(own, exact[: len(own)]), 0.0, []
    for match in case.matches[first:]:
        if match.export is not None:
            after = _distance_from(case, case.tracer, match, exact)
            share = max(0.0, after - before) / final if 0 < final < np.inf else 0.0
            result.append(StepError(match.reference.name, match.reference.kind, match.error, min(share, 1.0)))
            before = max(before, after)  # a branch has only a part of the error, the step that joins it all of it
    return tuple(result)


def _distance_from(case: Case, tracer: Tracer, match: Match, exact: NDArray[np.floating]) -> float:
    """The distance of the logits where everything after this step is computed as the reference does."""
    assert match.export is not None  # noqa: S101 - it has a counterpart
    output = alignment.as_reference(tracer.output(match.export.key), match)
    edit = replay.with_outputs({match.reference.key: output})
    return of_logits.relative(replay.logits(case.reference, case.walked_batch, edit), exact)


def _ranked(found: Sequence[StepError]) -> tuple[StepError, ...]:
    """The first, and then those that add most."""
    first, *others = found
    largest = sorted((error for error in others if error.share >= SMALLEST), key=lambda error: -error.share)
    return (first, *largest[: STEPS - 1])


def _unmatched(match: Match) -> StepError:
    """A step after which nothing of the export resembles the reference any more: all of the distance is there."""
    return StepError(match.reference.name, match.reference.kind, match.error, 1.0)
