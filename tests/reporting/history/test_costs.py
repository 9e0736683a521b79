"""Time and memory between two runs: only what is shown has a word."""

from dataclasses import replace

import pytest

from builders import MACHINE, make_latency, make_memory, noisy_rounds
from imgcls.comparison.history import Point
from imgcls.reporting.history import costs
from run_rows import make_history, make_run


def _point(*, factor: float = 1.0, seed: int = 1, cpu: str = MACHINE.cpu, peak: int = 130_000_000) -> Point:
    latency, memory = make_latency(rounds_ns=noisy_rounds(seed, factor)), make_memory(inference=peak)
    conditions = replace(latency.conditions, machine=replace(MACHINE, cpu=cpu))
    part = make_run(0, 0, images=3, latencies=(replace(latency, conditions=conditions),), memories=(memory,))
    return make_history(part).points["net", "photos"][0]


@pytest.mark.parametrize(
    ("after", "word"),
    [
        (_point(factor=1.3, seed=2), "slower"), (_point(factor=0.7, seed=2), "faster"),
        (_point(seed=2), "no change shown"), (_point(factor=1.3, cpu="another"), "other conditions"),
    ],
)  # fmt: skip
def test_latency_by_blocks_of_rounds(after: Point, word: str) -> None:
    """As ``imgcls bench-compare`` judges it, on the same machine."""
    assert costs.latency(_point(), after) == word


@pytest.mark.parametrize(("peak", "word"), [(130_010_000, "same"), (135_000_000, "larger"), (120_000_000, "smaller")])
def test_memory_beyond_its_noise(peak: int, word: str) -> None:
    """Also on another machine, because a peak does not depend on it."""
    assert costs.memory(_point(), _point(peak=peak, cpu="another")) == word


def test_nothing_is_said_without_a_measurement() -> None:
    """Nor of a run and itself."""
    bare = make_history(make_run(0, 0, images=3)).points["net", "photos"][0]
    point = _point()
    assert (costs.latency(bare, point), costs.memory(point, bare)) == (None, None)
    assert (costs.latency(point, point), costs.memory(point, point)) == (None, None)
    few = make_run(0, 0, images=3, latencies=(make_latency(rounds_ns=(1, 2)),))
    assert costs.latency(point, make_history(few).points["net", "photos"][0]) == "too few rounds"
