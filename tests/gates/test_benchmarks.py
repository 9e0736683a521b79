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
    return Timing(rounds, "net", "SingleStream", 1, "cpu", "resize(8, bilinear)", 2, MACHINE, "cd" * 32)


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
        ({"machine": replace(MACHINE, quota=1.0)}, "another machine: quota none and 1.0"),
        ({"model": "other"}, "another model: model net and other"),
        ({"machine": replace(MACHINE, cpu="Another CPU")}, "another machine: cpu A fine CPU and Another CPU"),
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
    before = {NAME: _timing(0), "lost": replace(_timing(0), model="a")}
    after = {NAME: _timing(1), "new": replace(_timing(1), model="b")}
    _, *refused = benchmarks.compare(before, after, 0.05)
    assert refused == [
        Compared(name, Verdict("comparable", None, "comparable", "error", f"{name}: cannot be compared: {reason}"))
        for name, reason in (
            ("new", "only the second of the two runs has it"),
            ("lost", "only the first of the two runs has it"),
        )
    ]


MOVED = "tests/speed/test_all.py::test_speed[net]"


def test_a_moved_test_is_the_same_measurement() -> None:
    """Model, scenario, device and batch count, not the name of the test; both names are in the message."""
    [compared] = benchmarks.compare({NAME: _timing(0)}, {MOVED: _timing(1, 1.1)}, 0.05)
    assert (compared.name, compared.verdict.status) == (f"{MOVED} (before: {NAME})", "fail")
    assert f"{MOVED} (before: {NAME}): p50 " in compared.verdict.message


def test_a_renamed_test_goes_with_its_own_measurement() -> None:
    """A name that another measurement has now is not taken for it."""
    before = {"a": _timing(0), "b": replace(_timing(1), batch=8, scenario="Offline")}
    after = {"b": _timing(2), "c": replace(_timing(3), batch=8, scenario="Offline")}
    compared = list(benchmarks.compare(before, after, 0.05))
    assert [(of.name, of.verdict.status) for of in compared] == [("b (before: a)", "pass"), ("c (before: b)", "pass")]


def test_several_of_one_key_go_by_their_names() -> None:
    """Two tests of one file that time the same are told apart by name; a single one that is left is the moved one."""
    before, after = {"a": _timing(0), "b": _timing(1)}, {"b": _timing(2), "c": _timing(3)}
    assert [of.name for of in benchmarks.compare(before, after, 0.05)] == ["b", "c (before: a)"]


def test_several_of_one_key_under_other_names_are_said_to_be() -> None:
    """Which of two was which cannot be known, and is an error that names all of them."""
    [compared] = benchmarks.compare({"a": _timing(0), "b": _timing(1)}, {"c": _timing(2), "d": _timing(3)}, 0.05)
    assert compared.verdict.status == "error"
    assert compared.verdict.message == (
        "c: cannot be compared: several benchmarks have the same model, scenario, device, batch: "
        "a and b before, c and d after"
    )
