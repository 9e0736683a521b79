"""Runs saved by pytest-benchmark whose benchmarks used the ``latency`` fixture, read back for a comparison."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from imgcls import documents
from imgcls.errors import ConfigError
from imgcls.records.performance import Machine


@dataclass(frozen=True, slots=True)
class Timing:
    """The keys of ``extra_info`` that comparisons need."""

    rounds_ns: tuple[int, ...]
    model: str
    scenario: str
    batch: int
    device: str
    input: str
    threads: int
    machine: Machine
    state_sha256: str


@dataclass(frozen=True, slots=True)
class _Benchmark:
    fullname: str
    extra_info: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class _Document:
    benchmarks: tuple[_Benchmark, ...]


def timing_of(extra_info: Mapping[str, Any]) -> Timing | None:
    """What a benchmark has measured; None for one that did not use the ``latency`` fixture.

    Raises ConfigError where it is that of another version of imgcls.
    """
    if not {"rounds_ns", "scenario"} <= extra_info.keys():
        return None
    try:
        return msgspec.convert(extra_info, Timing, strict=False)
    except msgspec.ValidationError as error:
        raise ConfigError(f"its extra_info is not that of this version of imgcls: {error}") from error


def read(file: Path) -> dict[str, Timing]:
    """The benchmarks of a saved run that have raw rounds, by their full names. Raises ConfigError."""
    document = documents.read(
        file,
        _Document,
        "saved run",
        whose="a run saved by pytest-benchmark",
        way=f"pytest --benchmark-json {file} where the model is as it should stay",
    )
    try:
        all_timings = {benchmark.fullname: timing_of(benchmark.extra_info) for benchmark in document.benchmarks}
    except ConfigError as error:
        raise ConfigError(f"{file}: {error}") from error
    timings = {name: timing for name, timing in all_timings.items() if timing}
    if not timings:
        raise ConfigError(f"{file}: none of its {len(document.benchmarks)} benchmarks used imgcls's latency fixture")
    return timings
