"""Latencies, memories and profiles of several parts of a run: what one machine measured, each once."""

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from imgcls.comparison.parts import Part
from imgcls.errors import ConfigError
from imgcls.performance import conditions
from imgcls.records.performance import Latency, Memory, Profile, RunEnvironment
from imgcls.records.report import Report

SAME_MACHINE = ("machine", "threads")

Cost = TypeVar("Cost", Latency, Memory, Profile)


def latencies(parts: Sequence[Part]) -> tuple[Latency, ...]:
    """Of every model, device, scenario and batch. Raises ConfigError, as the two others do."""
    return _once("latency", [(part.file, of) for part in parts for of in part.report.latencies])


def memories(parts: Sequence[Part]) -> tuple[Memory, ...]:
    """Of every model, device and batch."""
    return _once("memory", [(part.file, of) for part in parts for of in part.report.memories])


def profiles(parts: Sequence[Part]) -> tuple[Profile, ...]:
    """Of every model and device."""
    return _once("profile", [(part.file, of) for part in parts for of in part.report.profiles])


def check_machines(parts: Sequence[Part]) -> None:
    """Raise ConfigError where figures of one device were measured on several machines."""
    first_on_device: dict[str, tuple[Path, RunEnvironment]] = {}
    for file, of in [(part.file, of) for part in parts for of in _conditions(part.report)]:
        first, other = first_on_device.setdefault(of.device, (file, of))
        if unlike := conditions.unlike(other, of, SAME_MACHINE):
            raise ConfigError(
                f"{first} and {file} have time and memory of {unlike}; "
                "one table has those of one machine, so measure all models in one job"
            )


def _conditions(report: Report) -> list[RunEnvironment]:
    return [
        *(latency.conditions for latency in report.latencies),
        *(memory.conditions for memory in report.memories),
        *(profile.conditions for profile in report.profiles),
    ]


def _once(kind: str, measured: Sequence[tuple[Path, Cost]]) -> tuple[Cost, ...]:
    result: dict[object, tuple[Path, Cost]] = {}
    for file, of in measured:
        key = (of.conditions.model, of.conditions.device, getattr(of, "scenario", None), of.conditions.batch)
        first, same = result.setdefault(key, (file, of))
        if same != of:
            raise ConfigError(
                f"{kind} of {of.conditions.model} on {of.conditions.device} was measured twice, in {first} and in "
                f"{file}: leave one of them out"
            )
    return tuple(of for _, of in result.values())
