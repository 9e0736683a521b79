"""From the evidence of what was served to the faults that explain it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from imgcls.records.parity import Fault
from imgcls.serving import variants
from imgcls.serving.culprit import Culprit, Evidence, Search
from imgcls.serving.evidence import Network
from imgcls.serving.images import OF_DATASET, SEARCHED
from imgcls.serving.steps import Steps
from imgcls.serving.variants import Variant

SEARCHED_OF_DATASET = 2  # docs/decisions.md#searching-for-a-culprit
"""How many images of the dataset are searched, too."""

LEFT = 0.5  # docs/decisions.md#searching-for-a-culprit
"""What a variant of unusual files may leave of the difference on them."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """``faults``: those that explain most first; ``explained``: how much all of them do on ordinary images.

    ``variants``: the rows of the faults; ``explained`` is None where ordinary images do not differ.
    """

    faults: tuple[Fault, ...]
    variants: tuple[Variant, ...]
    explained: float | None = None


def diagnosed(
    network: Network,
    steps: Steps,
    evidence: Evidence,
    served: Sequence[int],
    accepted: Mapping[int, frozenset[int]],
    *,
    service: bool,
) -> Diagnosis:
    """The culprits on ordinary images, then those on unusual files that these leave unexplained.

    ``served``: the images of which there is something; ``accepted``: the right classes of those that have a label.
    """
    ordinary = _ordinary(network, served)
    ordinary = ordinary[::2] if service else ordinary
    search = Search(evidence, steps, ordinary, variants.of_all(steps, service=service))
    chosen = search.best() if ordinary and search.residual(()) > 0 else ()
    found = search.culprits(chosen)
    explained = 1 - search.residual(chosen) / search.residual(()) if found else None
    base = variants.applied(steps, chosen)
    found += _of_files(network, base, evidence, [image for image in served if image not in ordinary])
    rows = tuple(culprit.variant for culprit in found)
    faults = tuple(_fault(network, steps, culprit, accepted) for culprit in found)
    return Diagnosis(faults, rows, explained)


def _ordinary(network: Network, served: Sequence[int]) -> list[int]:
    """Images on which nothing is unusual: made ones of several sizes, and a few of the dataset."""
    kinds = {image: network.images[image].kind for image in served}
    made = [image for image, kind in kinds.items() if kind in SEARCHED]
    return made + [image for image, kind in kinds.items() if kind == OF_DATASET][:SEARCHED_OF_DATASET]


def _of_files(network: Network, base: Steps, evidence: Evidence, images: Sequence[int]) -> Iterator[Culprit]:
    """What is done otherwise with unusual files, on top of ``base``: by their kinds."""
    for row in variants.of_files(base):
        theirs = [image for image in images if network.images[image].kind.startswith(row.kinds)]
        differ = [image for image in theirs if not evidence.is_same(base, [image])]
        if not differ:
            continue
        before, after = (evidence.residual(steps, differ) for steps in (base, variants.applied(base, [row])))
        if after <= LEFT * before:
            yield Culprit(row, 1 - after / before)


def _fault(network: Network, steps: Steps, culprit: Culprit, accepted: Mapping[int, frozenset[int]]) -> Fault:
    row = culprit.variant
    lost = _top1_lost(network, steps, variants.applied(steps, [row]), accepted) if accepted else None
    return Fault(row.stage, row.name, row.what, culprit.explained, lost)


def _top1_lost(network: Network, steps: Steps, otherwise: Steps, accepted: Mapping[int, frozenset[int]]) -> int:
    """How many images more are predicted wrong because of one variant."""
    images = list(accepted)

    def right(of: Steps) -> int:
        best = np.argmax(network.probabilities(of, images), axis=1)
        return sum(int(index) in accepted[image] for index, image in zip(best, images, strict=True))

    return right(steps) - right(otherwise)
