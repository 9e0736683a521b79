"""imgcls.performance.profile_diff: which operator is to blame when a call becomes slower."""

import re
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn

from builders import CONDITIONS, MACHINE
from imgcls.errors import ConfigError
from imgcls.models.model import Model
from imgcls.models.runtimes.eager import EagerClassifier
from imgcls.performance import profile_diff, profiler
from imgcls.records.config import InputSpec, ModelSpec
from imgcls.records.data import LabelList
from imgcls.records.evaluation import ModelInfo
from imgcls.records.performance import Operator, OperatorChange, Profile, RunEnvironment


def _operator(name: str, self_ns: int, spread: int = 10, calls: int = 1) -> Operator:
    return Operator(name, calls, self_ns, self_ns, 0, 0, self_ns - spread, self_ns + spread)


def _of(*rows: Operator, repeats: int = 5, conditions: RunEnvironment = CONDITIONS) -> Profile:
    totals = [sum(row.self_cpu_ns for row in rows) + number for number in range(repeats)]
    return Profile(conditions, tuple(totals), rows)


def test_a_slower_torch_ends_with_an_operators_name() -> None:
    """The largest movers come first, in whichever direction they moved, and the total is their sum."""
    before = _of(_operator("aten::a", 1000), _operator("aten::b", 2000), _operator("aten::gone", 50, calls=3))
    newer = replace(CONDITIONS, versions={"torch": "2.15.0"}, state_sha256="ab" * 32)
    after = _of(_operator("aten::a", 1005), _operator("aten::b", 2900, calls=2), conditions=newer)
    [diff] = profile_diff.compare(before, after)
    assert (diff.model, diff.clock) == ("net", "cpu")
    assert diff.changed == ("weights cdcdcdcd -> abababab", "torch 2.14.0 -> 2.15.0")
    assert diff.movers == (
        OperatorChange("aten::b", 2000, 2900, 1, 2, real=True),
        OperatorChange("aten::gone", 50, 0, 3, 0, real=True),
        OperatorChange("aten::a", 1000, 1005, 1, 1, real=False),
    )
    assert diff.total == OperatorChange("total", 3050, 3905, 5, 3, real=True)


class Sorting(nn.Module):
    """Its logits are the means of the channels; ``sorts``: how often it sorts 30,000 numbers as well."""

    def __init__(self, sorts: int) -> None:
        super().__init__()
        self.sorts, self.numbers = sorts, torch.rand(30_000, generator=torch.Generator().manual_seed(0))

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        for _ in range(self.sorts):
            self.numbers.sort()
        return torch.mean(batch, dim=(2, 3))


def test_an_operator_that_a_change_brings_in_is_found() -> None:
    """Planted: a network that sorts 30,000 numbers three times more than before."""
    half = (0.5, 0.5, 0.5)
    info = ModelInfo(
        "eager", "float32", "cpu", InputSpec(8, (8, 8), "center", "bilinear", half, half), None, "cd" * 32, 0, 1.0, 0
    )
    spec, labels = ModelSpec("net", "python:nets:net"), LabelList("x", ("a", "b", "c"))

    def profiled(sorts: int) -> Profile:
        classifier = EagerClassifier(Sorting(sorts), "float32", "cpu")
        return profiler.profile(Model(spec, lambda: classifier, labels, info, {}, 0.0), repeats=4)

    before, after = profiled(0), profiled(3)
    worst = profile_diff.compare(before, after)[0].movers[0]
    assert (worst.name, worst.before_calls, worst.after_calls, worst.real) == ("aten::sort", 0, 3, True)


@pytest.mark.parametrize(("after", "real"), [(1019, False), (1020, False), (1021, True), (979, True), (980, False)])
def test_overlapping_ranges_are_noise(after: int, real: bool) -> None:
    """The repeats lie within 10 ns of the median, on either side; touching ranges are not apart."""
    [diff] = profile_diff.compare(_of(_operator("aten::a", 1000)), _of(_operator("aten::a", after)))
    assert [mover.real for mover in diff.movers] == [real]


def test_the_total_has_a_noise_of_its_own() -> None:
    """Operators may move while their total does not."""
    before = _of(_operator("aten::a", 1000), _operator("aten::b", 2000))
    after = _of(_operator("aten::a", 2000), _operator("aten::b", 1001))
    [diff] = profile_diff.compare(before, after)
    assert [mover.real for mover in diff.movers] == [True, True]
    assert diff.total == OperatorChange("total", 3000, 3001, 2, 2, real=False)


@pytest.mark.parametrize(
    ("repeats", "by_chance"), [((5, 5), 1 / 126), ((4, 4), 1 / 35), ((3, 3), None), ((1, 9), None)]
)
def test_few_repeats_show_nothing(repeats: tuple[int, int], by_chance: float | None) -> None:
    """Of all orders of 3 and 3 repeats, one in ten has them apart: no change is real then."""
    sides = [_of(_operator("aten::a", ns), repeats=count) for ns, count in zip((1000, 9000), repeats, strict=True)]
    [diff] = profile_diff.compare(*sides)
    assert diff.by_chance == pytest.approx(by_chance)
    assert {diff.movers[0].real, diff.total.real} == {by_chance is not None}


def test_on_a_gpu_both_clocks_are_compared() -> None:
    """The CUDA time of an operator is compared, and so is its time on the host."""

    def gpu(self_cpu_ns: int, self_cuda_ns: int) -> Profile:
        row = _operator("aten::a", self_cpu_ns)
        row = replace(row, self_cuda_ns=self_cuda_ns, self_cuda_low_ns=self_cuda_ns, self_cuda_high_ns=self_cuda_ns)
        return replace(_of(row), repeats_cuda_ns=(self_cuda_ns,) * 5)

    by_cuda, by_cpu = profile_diff.compare(gpu(1000, 70), gpu(1003, 71))
    assert (by_cuda.clock, by_cuda.movers) == ("cuda", (OperatorChange("aten::a", 70, 71, 1, 1, real=True),))
    assert (by_cpu.clock, by_cpu.movers) == ("cpu", (OperatorChange("aten::a", 1000, 1003, 1, 1, real=False),))
    assert (by_cuda.total.real, by_cpu.total.real) == (True, False)


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        ({"device": "cuda"}, "another device: device cpu and cuda"),
        ({"batch": 8}, "another batch: batch 1 and 8"),
        ({"input": "resize(9)"}, "another input: input resize(8, bilinear) and resize(9)"),
        ({"threads": 4}, "another threads: threads 2 and 4"),
        ({"machine": replace(MACHINE, cpu="A poor CPU")}, "another machine: cpu A fine CPU and A poor CPU"),
        ({"batch": 8, "threads": 4}, "another batch, threads: batch 1 and 8; threads 2 and 4"),
    ],
)
def test_other_work_is_not_compared(other: dict[str, Any], reason: str) -> None:
    """The error names what differs, with both values."""
    sides = [_of(_operator("aten::a", 1)), _of(_operator("aten::a", 1), conditions=replace(CONDITIONS, **other))]
    with pytest.raises(ConfigError, match=f"^the profiles cannot be compared: {re.escape(reason)}"):
        profile_diff.compare(*sides)


def test_what_is_compared_is_named() -> None:
    """Another network or precision is not refused."""
    other = replace(
        CONDITIONS, model="wide", arch="python:nets:wide", precision="bfloat16", versions={"timm": "1.0.31"}
    )
    [diff] = profile_diff.compare(_of(), _of(conditions=other))
    assert diff.changed == (
        "model net -> wide",
        "arch python:nets:net -> python:nets:wide",
        "precision float32 -> bfloat16",
        "timm unknown -> 1.0.31",
    )
