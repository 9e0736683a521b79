"""Whether an export is a function of one image: the same twice, and whatever is next to the image in its batch."""

from __future__ import annotations

from imgcls.parity.diagnosis import logits as of_logits
from imgcls.parity.diagnosis.case import Case
from imgcls.records.parity import Fault

SAME = 1e-3  # docs/decisions.md#rounding-of-exports
"""The distance of two runs, in standard deviations, that rounding of float32 explains."""


def changes(case: Case) -> Fault | None:
    """The fault of an export whose logits for an image are others the second time, or with other images beside it."""
    batch = case.sample.export_batch[: case.images]
    first, again = (case.export(batch).numpy() for _ in range(2))
    limit = max(SAME, case.tolerance)
    if (apart := of_logits.relative(again, first)) > limit:
        what = f"two runs of the same images differ by {apart:.2g} standard deviations: dropout is active in the file"
        return Fault("layer", "dropout active", what)
    if (apart := of_logits.relative(case.export(batch[:1]).numpy(), first[:1])) > limit:
        what = (
            f"logits move by {apart:.2g} standard deviations with the other images of a batch: batch norms use its "
            "mean and variance, because the network was exported in training mode; call eval() before"
        )
        return Fault("layer", "batch norm in training mode", what)
    return None
