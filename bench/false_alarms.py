"""How often ``imgcls bench-compare`` calls a model slower than itself, and how often it finds a planted slowdown.

    python bench/false_alarms.py [COMPARISONS]

A model is compared with itself, interleaved, and with itself slowed down by a tenth, in turn. Prints how many
of each were called SLOWER, FASTER, NOT SLOWER and INCONCLUSIVE, with 95 % intervals (Clopper-Pearson).
"""

import sys
import time
from collections import Counter

from scipy.stats import binomtest

from imgcls.gates import cost
from imgcls.models import loader
from imgcls.performance import latency
from imgcls.performance.stopwatch import Timed
from imgcls.records.config import ModelSpec

EFFECT = 0.05  # docs/decisions.md#blocks-of-rounds
SLOWDOWN = 0.10  # docs/decisions.md#blocks-of-rounds
MODEL = ModelSpec("mobilenetv2_100", "timm:mobilenetv2_100", "random:0")


class Slowed(Timed):
    """The same model, each call longer by a tenth."""

    def __call__(self) -> None:
        started = time.perf_counter_ns()
        super().__call__()
        ends = started + round((time.perf_counter_ns() - started) * (1 + SLOWDOWN))
        while time.perf_counter_ns() < ends:
            pass


def main(comparisons: int) -> None:
    """Compare, count, print."""
    model = loader.load(MODEL, "cpu")
    batches = latency.batches(model, 1)
    words: dict[type[Timed], Counter[str]] = {Timed: Counter(), Slowed: Counter()}
    started = time.perf_counter()
    for number in range(comparisons):
        for kind, counter in words.items():
            change = latency.interleaved(Timed(model, batches), kind(model, batches), EFFECT)
            counter[cost.compared("", EFFECT, change).message.partition(":")[0]] += 1
        print(f"\r{number + 1} of {comparisons}", end="", file=sys.stderr, flush=True)
    print(f"\n{MODEL.name} on cpu, {comparisons} comparisons of each, {time.perf_counter() - started:.0f} s")
    for kind, title in ((Timed, "with itself"), (Slowed, f"with itself, {100 * SLOWDOWN:g} % slower")):
        print(f"{title}: {', '.join(f'{count} {word}' for word, count in words[kind].most_common())}")
    false_alarms = words[Timed]["SLOWER"] + words[Timed]["FASTER"]
    print(f"false alarms: {_share(false_alarms, comparisons)}")
    print(f"slowdowns found: {_share(words[Slowed]['SLOWER'], comparisons)}")


def _share(count: int, of: int) -> str:
    interval = binomtest(count, of).proportion_ci(0.95)
    return f"{100 * count / of:.1f} % ({count} of {of}; {100 * interval.low:.1f} to {100 * interval.high:.1f} %)"


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 300)
