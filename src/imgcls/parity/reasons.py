"""The reasons of a difference: which faults explain it, and at which steps of the network it appears."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from imgcls import messages
from imgcls.errors import ImgclsError, StoreError
from imgcls.models.model import Model
from imgcls.parity.diagnosis import diagnose, localize
from imgcls.parity.sample import Sample
from imgcls.records.parity import Fault, Parity

DIAGNOSED_IMAGES = 64  # docs/decisions.md#images-of-a-parity
"""Images on which faults are tried; half of them flipped, where so many did."""


@dataclass(frozen=True, slots=True)
class Sought:
    """What is sought where an export is different: ``diagnose`` its faults, ``localize`` the steps that add most."""

    diagnose: bool = True
    localize: bool = False


def added(parity: Parity, reference: Model, export: Model, sample: Sample | None, sought: Sought) -> Parity:
    """The parity with the reasons that are found on a sample; a note where that fails. Raises StoreError."""
    if sample is None:
        return parity
    tried = sample.at(_places(sample))
    try:
        if sought.diagnose:
            parity = _diagnosed(parity, diagnose.faults(reference, export, tried))
        if sought.localize:
            parity = replace(parity, steps=localize.steps(reference, export, tried))
    except StoreError:
        raise
    except Exception as error:  # noqa: BLE001 - a graph of somebody else is walked; the comparison itself stays
        why = str(error) if isinstance(error, ImgclsError) else f"{type(error).__name__}: {messages.one_line(error)}"
        return replace(parity, notes=(*parity.notes, f"the reason of the difference was not found: {why}"))
    return parity


def _diagnosed(parity: Parity, faults: tuple[Fault, ...]) -> Parity:
    """With the faults; a note where there are none, because rounding to a narrow type goes as far."""
    if not faults and parity.precision in {"float16", "bfloat16"} and parity.failure is None:
        note = f"no fault was found: rounding to {parity.precision} moves logits as far as these are apart"
        return replace(parity, notes=(*parity.notes, note))
    return replace(parity, faults=diagnose.largest_first(faults))


def _places(sample: Sample) -> list[int]:
    """The rows of a sample on which faults are tried: flips first, up to half of them, then the others."""
    is_flip = sample.reference.argmax(axis=1) != sample.export.argmax(axis=1)
    flips, others = np.flatnonzero(is_flip), np.flatnonzero(~is_flip)
    some = flips[: max(DIAGNOSED_IMAGES // 2, DIAGNOSED_IMAGES - len(others))]
    return sorted([*some.tolist(), *others[: DIAGNOSED_IMAGES - len(some)].tolist()])
