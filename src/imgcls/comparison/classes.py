"""Which classes changed between two runs by more than chance explains."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from imgcls.records.comparison import ClassDifference, Comparison
from imgcls.stats import paired

if TYPE_CHECKING:  # the lines of a saved run are printed without NumPy
    import numpy as np
    from numpy.typing import NDArray

ALPHA = 0.05  # docs/decisions.md#one-gate-for-many-classes


def differences(
    labels: Sequence[str | None], before: NDArray[np.bool_], after: NDArray[np.bool_]
) -> tuple[ClassDifference, ...]:
    """The folders of which an image became right or wrong, by name.

    ``labels``: the folder of each image; ``before`` and ``after``: whether the image is right, shape (images,). Holm
    is over all folders, also over those in which nothing changed.
    """
    import numpy as np

    names = sorted({label for label in labels if label is not None})
    number = {name: place for place, name in enumerate(names)}
    places = np.array([number.get(label, -1) if label is not None else -1 for label in labels], dtype=int)

    def count(images: NDArray[np.bool_]) -> list[int]:
        return [int(n) for n in np.bincount(places[images & (places >= 0)], minlength=len(names))]

    totals, right_before, right_now = count(np.ones_like(before)), count(before), count(after)
    losses, gains = count(before & ~after), count(after & ~before)
    p_values = [paired.mcnemar(*discordant) for discordant in zip(losses, gains, strict=True)]
    return tuple(
        ClassDifference(
            names[place],
            totals[place],
            right_before[place],
            right_now[place],
            losses[place],
            gains[place],
            p_values[place],
            p_holm,
            real=p_holm <= ALPHA,
        )
        for place, p_holm in enumerate(paired.holm(p_values))
        if losses[place] or gains[place]
    )


def lost(comparison: Comparison) -> list[ClassDifference]:
    """The classes that lost more than chance explains, the largest loss first."""
    worse = [each for each in comparison.classes if each.real and each.losses > each.gains]
    return sorted(worse, key=lambda each: (each.gains - each.losses, each.label))
