"""imgcls.reporting.operator_table: the tables of a profile and of what moved."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from builders import CONDITIONS
from imgcls.records.performance import Operator, OperatorChange, Profile, ProfileDiff
from imgcls.reporting import operator_table
from imgcls.reporting.presentation import Presentation

WIDE = Presentation(400)

CONVOLUTION = Operator("aten::mkldnn_convolution", 53, 8_000_000, 8_500_000, 44_500_000, 0, 7_000_000, 9_000_000)
EMPTY = Operator("aten::empty", 372, 1_999_500, 1_999_500, 45_300_000, 45_300_000, 1_000_000, 2_000_000)
VIEW = Operator("aten::view", 1, 500, 500, 0, -4, 400, 600)
PROFILE = Profile(CONDITIONS, (10_000_000,) * 5, (CONVOLUTION, EMPTY, VIEW))
ON_GPU: dict[str, Any] = {
    "cuda_total_ns": 3_000_000,
    "cuda_memory_bytes": 1_000,
    "self_cuda_low_ns": 0,
    "self_cuda_high_ns": 9_000_000,
}


def _text(profile: Profile, sort: operator_table.Order = "time") -> str:
    return "\n".join(block.rstrip("\n") for block in operator_table.text(profile, WIDE, sort)) + "\n"


def _differences(diff: ProfileDiff) -> str:
    return "\n".join(block.rstrip("\n") for block in operator_table.differences(diff, WIDE)) + "\n"


def _cells(text: str) -> list[list[str]]:
    """The rows of the table, without its title, its head and the lines."""
    rows = [line.split("  ") for line in text.splitlines() if line.startswith((" aten::", " total"))]
    return [[cell.strip() for cell in row if cell.strip()] for row in rows]


def _heads(text: str) -> list[str]:
    return [head.strip() for head in text.splitlines()[2].split("  ") if head.strip()]


def _names(text: str) -> list[str]:
    return [row[0] for row in _cells(text)]


def test_a_row_has_share_time_memory_and_calls() -> None:
    """Shares are of the self time of all operators; the average is of the total time over the calls."""
    text = _text(PROFILE)
    assert text.splitlines()[0] == (
        "operators of net on cpu, batch 1, 2 threads: 10.00 ms of CPU, median of 5 profiled calls"
    )
    assert _heads(text) == [
        "operator", "self CPU %", "self CPU", "CPU total %", "CPU total", "average", "CPU memory", "self CPU memory",
        "calls",
    ]  # fmt: skip
    assert _cells(text) == [
        ["aten::mkldnn_convolution", "80.0 %", "8.00 ms", "85.0 %", "8.50 ms", "160.4 µs", "44.5 MB", "0 B", "53"],
        ["aten::empty", "20.0 %", "2.00 ms", "20.0 %", "2.00 ms", "5.4 µs", "45.3 MB", "45.3 MB", "372"],
        ["aten::view", "0.0 %", "0.5 µs", "0.0 %", "0.5 µs", "0.5 µs", "0 B", "-4 B", "1"],
    ]


def test_memory_may_come_first() -> None:
    """The operator that allocates most itself is on top."""
    assert _names(_text(PROFILE, "memory")) == ["aten::empty", "aten::mkldnn_convolution", "aten::view"]


def test_a_gpu_has_columns_of_its_own_and_decides_the_order() -> None:
    """Operators are sorted by the GPU's time, or by its memory."""
    rows = (
        replace(CONVOLUTION, self_cuda_ns=1_000_000, self_cuda_memory_bytes=2_000_000, **ON_GPU),
        replace(EMPTY, self_cuda_ns=3_000_000, self_cuda_memory_bytes=1_500, **ON_GPU),
    )
    on_gpu = replace(PROFILE, operators=rows, repeats_cuda_ns=(4_000_000,) * 5)
    text = _text(on_gpu)
    assert "10.00 ms of CPU, 4.00 ms of CUDA, median" in text
    assert _heads(text)[8:] == ["self CUDA %", "self CUDA", "CUDA total", "CUDA memory", "self CUDA memory", "calls"]
    assert _cells(text)[0][8:] == ["75.0 %", "3.00 ms", "3.00 ms", "1.0 kB", "1.5 kB", "372"]
    assert _names(text) == ["aten::empty", "aten::mkldnn_convolution"]
    assert _names(_text(on_gpu, "memory")) == ["aten::mkldnn_convolution", "aten::empty"]


def test_ten_are_shown_and_the_rest_is_counted() -> None:
    """A line below the table states how many are left out."""
    rows = [replace(VIEW, name=f"aten::{number:02}", self_cpu_ns=1000 - number) for number in range(12)]
    text = _text(replace(PROFILE, operators=tuple(rows)))
    assert _names(text) == [f"aten::{number:02}" for number in range(10)]
    assert text.endswith("\nand 2 more operators (all are in the JSON document)\n")
    assert "more operators" not in _text(replace(PROFILE, operators=tuple(rows[:10])))


def test_an_empty_profile_is_no_table() -> None:
    """Without operators there is only a line; an operator without time or calls is a row all the same."""
    assert _text(replace(PROFILE, operators=())) == (
        "operators of net on cpu, batch 1, 2 threads: 0.0 µs of CPU, median of 5 profiled calls\n"
    )
    idle = replace(VIEW, calls=0, self_cpu_ns=0, cpu_total_ns=0)
    assert _cells(_text(replace(PROFILE, operators=(idle,))))[0][1:3] == ["-", "0.0 µs"]


# Differences.


def _diff(movers: Sequence[OperatorChange], total: OperatorChange, **figures: Any) -> ProfileDiff:
    return replace(ProfileDiff("net", "cpu", ("torch 2.13.0 -> 2.14.0",), 1 / 126, tuple(movers), total), **figures)


MOVERS = (
    OperatorChange("aten::sort", 1_000_000, 4_000_000, 53, 53, real=True),
    OperatorChange("aten::add", 2_000_000, 1_000_000, 3, 0, real=False),
)
TOTAL = OperatorChange("total", 3_000_000, 5_000_000, 56, 53, real=True)


def test_a_mover_has_before_after_and_its_share_of_the_difference() -> None:
    """The shares of all operators add up to the total, which comes last."""
    text = _differences(_diff(MOVERS, TOTAL))
    assert text.splitlines()[0] == "net, what moved in CPU time: torch 2.13.0 -> 2.14.0"
    assert _heads(text) == ["operator", "self CPU before", "after", "difference", "share", "calls", "verdict"]
    assert _cells(text) == [
        ["aten::sort", "1.00 ms", "4.00 ms", "+3.00 ms", "150.0 %", "53", "real"],
        ["aten::add", "2.00 ms", "1.00 ms", "-1.00 ms", "-50.0 %", "3 -> 0", "noise"],
        ["total", "3.00 ms", "5.00 ms", "+2.00 ms", "100.0 %", "56 -> 53", "real"],
    ]
    assert text.splitlines()[-1] == (
        "real: all repeats of one profile are faster than all of the other, "
        "which chance does to 0.8 % of the operators where nothing has changed"
    )


def test_the_total_is_below_the_ten_that_moved_most() -> None:
    """The total is the last row, however many operators there are."""
    text = _differences(_diff(MOVERS * 6, TOTAL))
    assert _names(text) == ["aten::sort", "aten::add"] * 5 + ["total"]
    assert "\nand 2 more operators (all are in the JSON document)\nreal: " in text


def test_a_diff_without_evidence_is_called_so() -> None:
    """Too few repeats, no difference at all, and nothing else that has changed are named."""
    same = OperatorChange("total", 1000, 1000, 1, 1, real=False)
    text = _differences(_diff([], same, changed=(), by_chance=None, clock="cuda"))
    assert text.splitlines()[0] == "net, what moved in CUDA time: nothing else has changed"
    assert _cells(text) == [["total", "1.0 µs", "1.0 µs", "0.0 µs", "-", "1", "noise"]]
    assert text.endswith("\ntoo few repeats to tell a change from noise: profile both with --repeats 4 or more\n")


# Units.


@pytest.mark.parametrize(
    ("ns", "text"),
    [(0, "0.0 µs"), (1234, "1.2 µs"), (-999_900, "-999.9 µs"), (1_000_000, "1.00 ms"), (2_500_000_000, "2.50 s")],
)
def test_times_have_units_that_fit(ns: int, text: str) -> None:
    """A time is in microseconds, milliseconds or seconds, by its size."""
    assert operator_table.time(ns) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (-999, "-999 B"),
        (1000, "1.0 kB"),
        (-1_500_000, "-1.5 MB"),
        (999_900_000, "999.9 MB"),
        (2e9, "2.00 GB"),
    ],
)
def test_sizes_have_units_that_fit(count: int, text: str) -> None:
    """A size is in bytes, kB, MB or GB, by thousands."""
    assert operator_table.size(count) == text
