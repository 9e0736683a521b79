"""What a test of a session produced, in the one form in which it travels in the test's report.

Reports cross from the workers of pytest-xdist to the controller.
"""

from __future__ import annotations

import msgspec

from imgcls.records.evaluation import Verdict
from imgcls.records.parity import ContractCheck, Parity, ServingCheck
from imgcls.records.performance import Latency, Memory


class PairJudged(msgspec.Struct, frozen=True, tag="scores"):
    """The verdicts of thresholds and baseline on a model's scores on a dataset."""

    model: str
    dataset: str
    verdicts: tuple[Verdict, ...]


class GoldenChecked(msgspec.Struct, frozen=True, tag="golden"):
    """The outcome of one golden record: a verdict, or, where records are updated, the ``change`` in words."""

    model: str
    dataset: str
    file: str
    verdict: Verdict | None = None
    change: str | None = None


class LatencyMeasured(msgspec.Struct, frozen=True, tag="latency"):
    """How long a model takes, without the single rounds."""

    latency: Latency


class MemoryMeasured(msgspec.Struct, frozen=True, tag="memory"):
    """How much memory a model takes."""

    memory: Memory


class LimitsJudged(msgspec.Struct, frozen=True, tag="limits"):
    """The verdicts of a model's limits; ``kind`` is ``latency`` or ``memory``."""

    kind: str
    model: str
    verdicts: tuple[Verdict, ...]


class ParityChecked(msgspec.Struct, frozen=True, tag="parity"):
    """An export held against its reference, with the verdicts of its gate."""

    parity: Parity


class ServingChecked(msgspec.Struct, frozen=True, tag="serving"):
    """A model's own preprocessing or service held against the reference."""

    check: ServingCheck


class ContractChecked(msgspec.Struct, frozen=True, tag="contract"):
    """One contract that every model should keep, tried on one model."""

    check: ContractCheck


Event = (
    PairJudged
    | GoldenChecked
    | LatencyMeasured
    | MemoryMeasured
    | LimitsJudged
    | ParityChecked
    | ServingChecked
    | ContractChecked
)


def encode(event: Event) -> str:
    return msgspec.json.encode(event).decode()


def decode(text: str) -> Event:
    """The inverse of :func:`encode`."""
    event: Event = msgspec.json.decode(text, type=Event)
    return event
