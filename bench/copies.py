"""How often gates pass falsely where images are copied or come in groups, and how often they would if files counted.

    python bench/copies.py [N ...]

The model is just not good enough: its accuracy is the threshold, or it is worse than the baseline by the margin.
Prints how often a gate passes nevertheless with 95 % confidence, in per cent and counted exactly: at the threshold
0.76, at the worst of the thresholds 0.50 to 0.99, and, for a margin of 0.02, at the worst share of gains up to 0.1;
each where every file counts, and as imgcls counts. N: the numbers of different images, or of groups whose images are
right or wrong together.
"""

import math
import sys
from collections.abc import Sequence

import numpy as np
from scipy.stats import binom

from imgcls.gates import accuracy
from imgcls.records.evaluation import PairOutcome, Scores, Units
from imgcls.records.thresholds import Gate, ProvenThreshold
from imgcls.stats import noninferiority, units

NOMINAL, MARGIN = 0.05, 0.02
THRESHOLDS, USUAL = tuple(percent / 100 for percent in range(50, 100)), 0.76
GAINED = np.linspace(0, 0.1**0.5, 101) ** 2
LAYOUTS = {
    "every image once": (1, False),
    "every image twice": (2, False),
    "every image 5 times": (5, False),
    "every image 20 times": (20, False),
    "groups of 10": (10, True),
}
"""How many files a unit has, and whether they are images of one group."""


def drawn(n: int, files: int, *, grouped: bool) -> int:
    """The number of images that count, of which each is of another unit."""
    images = [(f"{unit}-{file if grouped else 0}", "cat") for unit in range(n) for file in range(files)]
    groups = {sha256: sha256.partition("-")[0] for sha256, _ in images} if grouped else {}
    counted = [place // files for place in units.drawn(images, groups)]
    if len({*counted}) != len(counted):
        raise AssertionError("a unit counts twice")
    return len(counted)


def false_pass(n: int, files: int, counted: int) -> tuple[float, float]:
    """How often a proven gate passes at its threshold: at the usual one, and at the worst.

    ``n``: independent images or groups, of ``files`` files each; ``counted``: how many count for the gate.
    """
    per_unit = counted // n

    def passes(right: int, threshold: float) -> bool:
        of_units = Units(counted, per_unit * right, per_unit * right)
        scores = Scores("net", "photos", scored=n * files, distinct=n, units=of_units)
        gate = Gate(top1=ProvenThreshold(threshold, 1 - NOMINAL))
        return accuracy.evaluate(gate, PairOutcome(scores))[0].status == "pass"

    def fewest(threshold: float) -> int:
        low, high = 0, n + 1
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if passes(middle, threshold) else (middle + 1, high)
        return low

    rates = {threshold: float(binom.sf(fewest(threshold) - 1, n, threshold)) for threshold in THRESHOLDS}
    return rates[USUAL], max(rates.values())


def false_not_worse(n: int, counted: int) -> float:
    """How often NOT WORSE is said of a model that is worse by the margin, at the worst share of gains."""
    per_unit, most = counted // n, n * (GAINED[-1] + MARGIN)
    losses = np.arange(min(n, math.ceil(most + 6 * math.sqrt(most) + 3)) + 1)
    fewest = np.array(_fewest_gains(n, per_unit, len(losses)))
    lost = (GAINED + MARGIN)[:, None]
    tails = binom.sf(fewest - 1, n - losses, GAINED[:, None] / (1 - lost))
    return float(np.sum(binom.pmf(losses, n, lost) * tails, axis=1).max())


def _fewest_gains(n: int, per_unit: int, count: int) -> list[int]:
    """For 0 and more losses the fewest gains with which NOT WORSE is shown: a staircase, climbed once."""
    gains, fewest = 0, []
    for losses in range(count):
        while losses + gains <= n:
            counts = (per_unit * losses, per_unit * gains, per_unit * n)
            if noninferiority.not_worse_p(*counts, MARGIN) <= NOMINAL:
                break
            gains += 1
        fewest.append(gains)
    return fewest


def main(sizes: Sequence[int]) -> None:
    """A row per number of units and layout."""
    titles = ("top1 >= 0.76", "top1, worst", "NOT WORSE")
    print(f"{'n':>5}  {'what is scored':<20}  {'files':>6}", *(f"{f'{title}: files, ours':>25}" for title in titles))
    for n in sizes:
        for title, (files, grouped) in LAYOUTS.items():
            both = [
                (*false_pass(n, files, counted), false_not_worse(n, counted))
                for counted in (n * files, drawn(n, files, grouped=grouped))
            ]
            rates = (f"{100 * naive:17.2f} {100 * ours:7.2f}" for naive, ours in zip(*both, strict=True))
            print(f"{n:>5}  {title:<20}  {n * files:>6}", *rates, flush=True)


if __name__ == "__main__":
    main([int(n) for n in sys.argv[1:]] or (50, 200, 1000))
