"""imgcls.gates.benchmarks: which benchmark became slower between two saved runs, and which cannot be compared."""

from dataclasses import replace
from typing import Any

import pytest

from builders import MACHINE, noisy_rounds
from imgcls.gates import benchmarks
from imgcls.gates.benchmarks import Compared
from imgcls.performance.benchmark_files import Timing
from imgcls.records.evaluation import Verdict

NAME = "bench/test_latency.py::test_latency[net-cpu-SingleStream]"


def _timing(seed: int, factor: float = 1.0) -> Timing:
    rounds = noisy_rounds(seed, factor)
    return Timing(rounds, "SingleStream", 1, "cpu", "resize(8, bilinear)", 2, MACHINE)


@pytest.mark.parametrize(("factor", "status"), [(1.0, "pass"), (1.1, "fail"), (0.9, "pass")])
def test_a_slowdown_is_held_against_the_effect(factor: float, status: str) -> None:
    """A tenth slower fails an effect of 5 %, equal and faster runs pass, and the change is part of the outcome."""
    [compared] = benchmarks.compare({NAME: _timing(0)}, {NAME: _timing(1, factor)}, 0.05)
    assert (compared.name, compared.verdict.status) == (NAME, status)
    assert (compared.verdict.metric, compared.verdict.threshold) == ("slowdown", 0.05)
    assert compared.shift
    assert compared.shift.ratio == pytest.approx(factor, rel=0.02)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"machine": replace(MACHINE, cpu="Another CPU")}, "another machine: machine Machine(cpu='A fine"),
        ({"threads": 4}, "another threads: threads 2 and 4"),
        ({"batch": 8}, "another batch: batch 1 and 8"),
        ({"input": "resize(9)"}, "another input: input resize(8, bilinear) and resize(9)"),
        ({"device": "cuda"}, "another device: device cpu and cuda"),
        ({"scenario": "Offline"}, "another scenario: scenario SingleStream and Offline"),
        ({"rounds_ns": (1, 2, 3)}, "200 and 3 rounds are too few"),
    ],
)
def test_other_work_is_not_compared(change: dict[str, Any], reason: str) -> None:
    """Another machine, number of threads or amount of work is an error that names what differs."""
    [compared] = benchmarks.compare({NAME: _timing(0)}, {NAME: replace(_timing(0), **change)}, 0.05)
    assert (compared.verdict.metric, compared.verdict.status, compared.shift) == ("comparable", "error", None)
    assert compared.verdict.message.startswith(f"{NAME}: cannot be compared: {reason}")


def test_a_benchmark_that_one_run_lacks_is_an_error() -> None:
    """Neither one that was lost nor one that is new has been compared with anything."""
    before, after = {NAME: _timing(0), "lost": _timing(0)}, {NAME: _timing(1), "new": _timing(1)}
    _, *refused = benchmarks.compare(before, after, 0.05)
    assert refused == [
        Compared(name, Verdict("comparable", None, "comparable", "error", f"{name}: cannot be compared: {reason}"))
        for name, reason in (
            ("new", "only the second of the two runs has it"),
            ("lost", "only the first of the two runs has it"),
        )
    ]
