"""Runs saved by pytest-benchmark whose benchmarks used the ``latency`` fixture, read back for a comparison."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from imgcls import documents, limits, noise
from imgcls.errors import ConfigError
from imgcls.measures import Machine, Shift
from imgcls.records import Verdict

WORK = ("scenario", "batch", "device", "input", "threads", "machine")
"""What must be equal, or the two did not do the same work under the same conditions."""


@dataclass(frozen=True, slots=True)
class Timing:
    """As much of ``extra_info`` as comparisons need."""

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


@dataclass(frozen=True, slots=True)
class Compared:
    """One benchmark of two runs; ``shift`` is missing where they cannot be compared."""

    name: str
    verdict: Verdict
    shift: Shift | None = None


def read(file: Path) -> dict[str, Timing]:
    """The benchmarks of a saved run that have raw rounds, by their full names. Raises ConfigError."""
    document = documents.read(
        file,
        _Document,
        "saved run",
        whose="a run saved by pytest-benchmark",
        way=f"pytest --benchmark-json {file.name} where the model is as it should stay",
    )
    known = (found for found in document.benchmarks if "rounds_ns" in found.extra_info)
    try:
        timings = {found.fullname: msgspec.convert(found.extra_info, Timing, strict=False) for found in known}
    except msgspec.ValidationError as error:
        raise ConfigError(f"{file}: its extra_info is not that of this version of imgcls: {error}") from error
    if not timings:
        raise ConfigError(f"{file}: none of its {len(document.benchmarks)} benchmarks used imgcls's latency fixture")
    return timings


def compare(before: Mapping[str, Timing], after: Mapping[str, Timing], effect: float) -> Iterator[Compared]:
    """Every benchmark of either run, held against ``effect``, a fraction; what one run lacks is not green."""
    for name in dict.fromkeys([*after, *before]):
        if name not in before or name not in after:
            side = "first" if name in before else "second"
            yield _refused(name, f"only the {side} of the two runs has it")
        elif unlike := limits.unlike(before[name], after[name], WORK):
            yield _refused(name, unlike)
        else:
            yield _compared(name, before[name], after[name], effect)


def _compared(name: str, before: Timing, after: Timing, effect: float) -> Compared:
    try:
        seen = noise.shift(before.rounds_ns, after.rounds_ns)
    except ValueError as error:
        return _refused(name, str(error))
    return Compared(name, limits.compared(name, effect, seen), seen)


def _refused(name: str, why: str) -> Compared:
    return Compared(name, Verdict("comparable", "error", f"{name}: cannot be compared: {why}"))
