"""Latency and memory of a model, held against limits; and one latency held against another."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Literal, TypeVar

from imgcls import messages
from imgcls.gates.verdicts import verdict
from imgcls.records.performance import Latency, LatencyChange, Memory
from imgcls.records.thresholds import LatencyGate, MemoryGate
from imgcls.stats import timing

if TYPE_CHECKING:
    from imgcls.records.evaluation import Verdict

G = TypeVar("G", LatencyGate, MemoryGate)

Pace = Literal["slower", "faster", "not slower", "unclear"]

PERCENTILES = {"p50_ms": 0.5, "p90_ms": 0.9, "p95_ms": 0.95, "p99_ms": 0.99}

ALPHA = 0.01  # docs/decisions.md#blocks-of-rounds

ENOUGH_ROUNDS = 10  # docs/decisions.md#budget-of-a-timing
"""Rounds from which a limit may be shown to hold, where the time ran out."""

SMALLEST_GROWTH = 10_000  # docs/decisions.md#growth
"""Bytes per call up to which growth is not a leak: the allocator moves resident memory by whole pages."""


def latency(gate: LatencyGate, measured: Latency) -> tuple[Verdict, ...]:
    """One verdict per limit that applies to the scenario: percentiles of single images, or throughput."""
    if measured.scenario == "Offline":
        return () if gate.images_per_second is None else (_throughput(gate.images_per_second, measured),)
    limits = ((metric, getattr(gate, metric)) for metric in PERCENTILES)
    return tuple(_percentile(metric, limit, measured) for metric, limit in limits if limit is not None)


def _percentile(metric: str, limit: float, measured: Latency) -> Verdict:
    """The observed percentile must not exceed the limit; the message has its interval."""
    observed = getattr(measured, metric.replace("_ms", "_ns")) / 1e6
    message = (
        f"{_title(measured)}: {metric.removesuffix('_ms')} {milliseconds(observed, limit)} ms, allowed {limit:g} ms"
        f"{_interval(measured, PERCENTILES[metric])}"
    )
    return _steady(measured, metric, limit, observed <= limit, message)


def _after(measured: Latency) -> str:
    return f" after {messages.counted(len(measured.rounds_ns), 'round')}" if measured.rounds_ns else ""


def _interval(measured: Latency, share: float) -> str:
    """Nothing where the rounds themselves are not known, as of a document."""
    if not measured.rounds_ns:
        return ""
    rounds = messages.counted(len(measured.rounds_ns), "round")
    low, high = (None if math.isnan(value) else value / 1e6 for value in timing.bounds(measured.rounds_ns, share))
    if low is None and high is None:
        return f"; {rounds} {'is' if len(measured.rounds_ns) == 1 else 'are'} too few for an interval"
    if low is None or high is None:
        end = (
            f"is at most {milliseconds(high)}"
            if low is None and high is not None
            else f"is at least {milliseconds(low or 0)}"
        )
        return f"; with 95 % confidence it {end} ms, and {rounds} are too few for the other end"
    return f"; 95 % interval {milliseconds(low)} to {milliseconds(high)} ms, of {rounds}"


def _throughput(limit: float, measured: Latency) -> Verdict:
    message = f"{_title(measured)}: {measured.images_per_second:.1f} images/s, wanted {limit:g}"
    return _steady(measured, "images_per_second", limit, measured.images_per_second >= limit, message)


def _steady(measured: Latency, metric: str, limit: float, holds: bool, message: str) -> Verdict:
    """A limit that does not hold is inconclusive where time ran out, or calls were still becoming faster.

    One that holds is so only where time ran out before there were enough rounds to say it: neither makes calls faster.
    """
    rounds = measured.rounds_ns or measured.blocks_ns  # of few rounds each is a block
    too_few = measured.cut_short and len(rounds) < ENOUGH_ROUNDS
    if holds and not too_few:
        return verdict(metric, "pass", message, limit)
    if measured.cut_short:
        why = (
            f"the time ran out{_after(measured)}: the machine is busy or the model slow; "
            "--benchmark-max-time=300 gives it longer"
        )
    elif not measured.steady:
        why = "calls were still becoming faster after the warm-up"
    else:
        return verdict(metric, "fail", message, limit)
    return verdict(metric, "inconclusive", f"INCONCLUSIVE: {message}; {why}", limit)


def _title(measured: Latency) -> str:
    conditions = measured.conditions
    return f"latency of {conditions.model} on {conditions.device}, batch {conditions.batch}"


def milliseconds(value: float, limit: float | None = None) -> str:
    """With four digits, or with as many as it takes to be on its own side of a limit."""
    decimals = 3 if value < 10 else 2 if value < 100 else 1
    text = f"{value:.{decimals}f}"
    while limit is not None and decimals < 9 and (float(text) > limit) != (value > limit):
        decimals += 1
        text = f"{value:.{decimals}f}"
    return text


def memory(gate: MemoryGate, measured: Memory) -> tuple[Verdict, ...]:
    """One verdict per limit, and one on growth, which needs no limit."""
    return (*_peaks(gate, measured), growth(measured))


def _peaks(gate: MemoryGate, measured: Memory) -> Iterator[Verdict]:
    peaks = (measured.loading, measured.inference)
    if gate.host_bytes is not None:
        largest = max(peaks, key=lambda peak: peak.heap_bytes)
        yield _at_most("host", gate.host_bytes, largest.heap_bytes, f"during {largest.phase}", measured)
    if gate.gpu_bytes is not None:
        on_gpu = [peak.cuda_allocated_bytes for peak in peaks if peak.cuda_allocated_bytes is not None]
        if on_gpu:
            yield _at_most("gpu", gate.gpu_bytes, max(on_gpu), "of torch's allocator", measured)
        else:
            conditions = measured.conditions
            message = f"memory of {conditions.model}: a limit for a GPU, and it was measured on {conditions.device}"
            way = "--imgcls-device cuda measures it there"
            yield verdict("gpu_bytes", "skipped", f"NOT APPLICABLE: {message}; {way}", gate.gpu_bytes)


def _at_most(where: str, limit: int, observed: int, when: str, measured: Memory) -> Verdict:
    metric = f"{where}_bytes"
    message = (
        f"memory of {measured.conditions.model}, batch {measured.conditions.batch}: "
        f"{where} {observed / 1e6:.1f} MB {when}, allowed {limit / 1e6:g} MB"
    )
    if observed <= limit:
        return verdict(metric, "pass", message, limit)
    if where == "gpu":  # the places are those of the host's memory
        return verdict(metric, "fail", message, limit)
    sites = max((measured.loading, measured.inference), key=lambda peak: peak.heap_bytes).sites
    largest = "; ".join(f"{site.bytes / 1e6:.1f} MB at {site.where}" for site in sites[:3])
    return verdict(metric, "fail", f"{message}; largest: {largest}" if largest else message, limit)


def growth(measured: Memory) -> Verdict:
    """Memory that grows from call to call is a leak where the whole interval of its slope is above zero."""
    slope = measured.growth
    message = (
        f"memory of {measured.conditions.model}: {slope.bytes_per_call / 1e3:+.1f} kB per call over "
        f"{messages.counted(slope.calls, 'call')}, 99 % interval {slope.low / 1e3:+.1f} to {slope.high / 1e3:+.1f} kB"
    )
    leaks = slope.low > 0 and slope.bytes_per_call > SMALLEST_GROWTH
    return verdict("growth", "fail", f"LEAK: {message}") if leaks else verdict("growth", "pass", message)


def pace(effect: float, change: LatencyChange) -> Pace:
    """Whether the second of two is slower than the first by ``effect``, a fraction.

    Slower and faster: at least ``effect`` was observed, and both the interval and Mann-Whitney rule out that nothing
    changed. Not slower: the interval rules ``effect`` out.
    """
    is_shown = (change.low > 1 or change.high < 1) and change.p_value <= ALPHA
    if is_shown and change.ratio >= 1 + effect:
        return "slower"
    if is_shown and change.ratio <= 1 / (1 + effect):
        return "faster"
    return "not slower" if change.high < 1 + effect else "unclear"


def compared(title: str, effect: float, change: LatencyChange) -> Verdict:
    """The verdict on a second latency by its :func:`pace`; where that is unclear, the machine was too noisy."""
    message = (
        f"{title}: p50 {milliseconds(change.before_ns / 1e6)} -> {milliseconds(change.after_ns / 1e6)} ms, "
        f"ratio {change.ratio:.3f}, 99 % interval {change.low:.3f} to {change.high:.3f} "
        f"(Mann-Whitney p = {change.p_value:.4f}; "
        f"{change.rounds[0]} and {messages.counted(change.rounds[1], 'round')}; "
        f"a slowdown matters from {100 * effect:g} %)"
    )
    shown = pace(effect, change)
    if shown == "unclear":
        message = f"INCONCLUSIVE: {message}; the machine is too noisy, or the rounds too few"
        return verdict("slowdown", "inconclusive", message, effect)
    return verdict("slowdown", "fail" if shown == "slower" else "pass", f"{shown.upper()}: {message}", effect)


def kind_of(measured: Latency | Memory) -> str:
    """The name of its gate and of its marker."""
    return "latency" if isinstance(measured, Latency) else "memory"


def merged_limits(own: G, other: G) -> G:
    """The limits of the first, and those of the second that the first does not give."""
    given = {field.name: value for field in fields(own) if (value := getattr(own, field.name)) is not None}
    return replace(other, **given)
