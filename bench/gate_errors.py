"""How often kinds of gates pass a model that is worse by exactly what they are to rule out, counted exactly.

    python bench/gate_errors.py [N ...]

Of the candidate each image flips from right to wrong with probability 0.02, and none from wrong to right: it is worse
than its baseline by exactly the margin. Against a fixed threshold of 0.76, its accuracy is 0.74. Prints for each number
of images N how often each kind of gate passes it, in per cent: the sum over all numbers of losses, or of right images,
that pass, of their binomial probabilities. Nothing is sampled, the bootstrap neither.
"""

import math
import sys
from collections.abc import Callable, Mapping, Sequence

from scipy.stats import binom

from imgcls.gates import accuracy, regression
from imgcls.records.comparison import Comparison, Difference
from imgcls.records.evaluation import PairOutcome, Scores
from imgcls.records.thresholds import Gate, Margin, ProvenThreshold
from imgcls.stats import paired

MARGIN, THRESHOLD, CONFIDENCE = 0.02, 0.76, 0.95
SIZES = (20, 50, 100, 200, 500, 1000)

Passes = Callable[[int, int], bool]
"""Whether a gate passes with so many losses, or right images, out of n."""


def observed_drop(losses: int, n: int) -> bool:
    """The accuracy dropped by at most the margin."""
    return losses <= _whole(n * MARGIN)


def no_significant_difference(losses: int, n: int) -> bool:  # noqa: ARG001 - McNemar's test does not look at n
    """McNemar's exact test does not reject that both are equal."""
    return paired.mcnemar(losses, 0) > 1 - CONFIDENCE


def percentile_bootstrap(losses: int, n: int) -> bool:
    """The lower end of the 95 % percentile interval of the mean difference is not below minus the margin.

    Of n differences that are drawn with replacement from ``losses`` that are -1 and others that are 0, the number of -1
    is binomial, so the percentile needs no sampling.
    """
    most = binom.ppf((1 + CONFIDENCE) / 2, n, losses / n)
    return bool(most <= _whole(n * MARGIN))


def not_worse(losses: int, n: int) -> bool:
    """The verdict of ``[compare]`` is NOT WORSE."""
    difference = Difference("top1", n, n, n - losses, losses, 0, -losses / n, -1.0, 1.0, 1.0, None)
    comparison = Comparison("photos", "baseline", "candidate", "before", "after", differences=(difference,))
    [verdict] = regression.not_worse(comparison, {"top1": Margin(MARGIN, CONFIDENCE)}, "candidate on photos", "")
    return verdict.status == "pass"


def observed_threshold(right: int, n: int) -> bool:
    """The verdict of ``top1 = 0.76`` is a pass: the threshold was observed."""
    return _top1(Gate(top1=THRESHOLD), right, n)


def shown_threshold(right: int, n: int) -> bool:
    """The verdict of ``top1 = { min = 0.76, confidence = 0.95 }`` is a pass: the threshold was shown."""
    return _top1(Gate(top1=ProvenThreshold(THRESHOLD, CONFIDENCE)), right, n)


AGAINST_A_BASELINE: Mapping[str, Passes] = {
    "observed drop <= 0.02": observed_drop,
    "no significant difference": no_significant_difference,
    "percentile bootstrap": percentile_bootstrap,
    "NOT WORSE": not_worse,
}
AGAINST_A_THRESHOLD: Mapping[str, Passes] = {"top1 >= 0.76": observed_threshold, "top1 shown": shown_threshold}


def pass_rate(passes: Passes, n: int, share: float) -> float:
    """How often a gate passes where each of n images counts with probability ``share``."""
    return math.fsum(float(binom.pmf(count, n, share)) for count in _likely(n, share) if passes(count, n))


def _likely(n: int, share: float) -> range:
    """All counts but those that together have a chance of less than 1e-12."""
    first, last = (float(binom.ppf(chance, n, share)) for chance in (1e-13, 1 - 1e-13))
    return range(max(0, int(first)), min(n, int(last)) + 1)


def _whole(count: float) -> int:
    """The largest whole number that is not above the count, whose last bit may be rounded."""
    return math.floor(count + 1e-9)


def _top1(gate: Gate, right: int, n: int) -> bool:
    scores = Scores("candidate", "photos", scored=n, distinct=n, top1_count=right, top5_count=n)
    return accuracy.evaluate(gate, PairOutcome(scores))[0].status == "pass"


def main(sizes: Sequence[int]) -> None:
    """Two tables with a row per number of images."""
    for title, gates, share in (
        (f"worse than a baseline by exactly {MARGIN:g}, only losses", AGAINST_A_BASELINE, MARGIN),
        (f"top-1 {THRESHOLD - MARGIN:g}, threshold {THRESHOLD:g}", AGAINST_A_THRESHOLD, THRESHOLD - MARGIN),
    ):
        print(title)
        print(f"{'n':>6}", *(f"{name:>27}" for name in gates))
        for n in sizes:
            print(f"{n:>6}", *(f"{100 * pass_rate(gate, n, share):27.1f}" for gate in gates.values()), flush=True)


if __name__ == "__main__":
    main([int(n) for n in sys.argv[1:]] or SIZES)
