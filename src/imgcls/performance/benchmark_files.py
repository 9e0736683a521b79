"""Runs saved by pytest-benchmark whose benchmarks used the ``latency`` fixture, read back for a comparison."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from imgcls import documents
from imgcls.errors import ConfigError
from imgcls.records.performance import Machine


@dataclass(frozen=True, slots=True)
class Timing:
    """The keys of ``extra_info`` that comparisons need."""

    rounds_ns: tuple[int, ...]
    scenario: str
    batch: int
    device: str
    input: str
    threads: int
    machine: Machine


@dataclass(frozen=True, slots=True)
class _Benchmark:
    fullname: str
    extra_info: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class _Document:
    benchmarks: tuple[_Benchmark, ...]


def read(file: Path) -> dict[str, Timing]:
    """The benchmarks of a saved run that have raw rounds, by their full names. Raises ConfigError."""
    document = documents.read(
        file,
        _Document,
        "saved run",
        whose="a run saved by pytest-benchmark",
        way=f"pytest --benchmark-json {file.name} where the model is as it should stay",
    )
    timed = (benchmark for benchmark in document.benchmarks if "rounds_ns" in benchmark.extra_info)
    try:
        timings = {of.fullname: msgspec.convert(of.extra_info, Timing, strict=False) for of in timed}
    except msgspec.ValidationError as error:
        raise ConfigError(f"{file}: its extra_info is not that of this version of imgcls: {error}") from error
    if not timings:
        raise ConfigError(f"{file}: none of its {len(document.benchmarks)} benchmarks used imgcls's latency fixture")
    return timings
