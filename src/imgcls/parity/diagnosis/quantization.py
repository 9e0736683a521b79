"""What the integers of a quantised export cannot hold."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from imgcls.messages import spelled
from imgcls.parity.diagnosis.trace import Operation
from imgcls.records.parity import Fault, StepError

# docs/decisions.md#quantised-exports
CLIPPED = 0.002
OUTLYING = 0.3
TIMES = 4.0


def too_narrow(export: Sequence[Operation]) -> Fault | None:
    """The fault of a calibration whose ranges do not hold the activations of other images."""
    shares = {step.name: step.clipped for step in export if step.clipped is not None}
    if not shares or max(shares.values()) < CLIPPED:
        return None
    narrow = [name for name, share in shares.items() if share >= CLIPPED]
    worst = max(shares, key=lambda name: shares[name])
    what = (
        f"{len(narrow)} of {len(shares)} quantised activations are out of range for more than {CLIPPED:.1%} of their "
        f"values, {shares[worst]:.1%} at {spelled(worst)}: the calibration saw too few kinds of images; calibrate with "
        "images of all classes"
    )
    return Fault("precision", "calibration too narrow", what)


def spread(errors: Sequence[StepError]) -> Fault:
    """Which step adds more than the others, or that none does."""
    worst = max(errors, key=lambda error: error.share)
    usual = median(error.share for error in errors)
    if worst.share >= OUTLYING and worst.share >= TIMES * usual:
        what = (
            f"{spelled(worst.name)} ({worst.operation}) adds {worst.share:.0%} of the distance, and the "
            f"median step {usual:.1%}"
        )
        return Fault("precision", "one layer", what)
    what = (
        f"no fault: every layer is rounded to integers, and no single one stands out; {spelled(worst.name)} adds most, "
        f"{worst.share:.0%} of the distance; flips and accuracies tell whether that is too much"
    )
    return Fault("precision", "rounding of all layers", what)
