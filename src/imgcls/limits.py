"""What a model costs, held against limits and against an earlier figure, to verdicts."""

import math
from collections.abc import Iterator, Sequence

from imgcls import noise
from imgcls.measures import Latency, LatencyGate, Memory, MemoryGate, Shift
from imgcls.records import Verdict

PERCENTILES = {"p50_ms": 0.5, "p90_ms": 0.9, "p95_ms": 0.95, "p99_ms": 0.99}
ALPHA = 0.01
SMALLEST_GROWTH = 10_000
"""Bytes per call below which growth is no leak: resident memory moves by whole pages of the allocator's liking."""


def latency(gate: LatencyGate, seen: Latency) -> tuple[Verdict, ...]:
    """One verdict per limit that the scenario is about: percentiles of single pictures, or throughput."""
    if seen.scenario == "Offline":
        return () if gate.images_per_second is None else (_throughput(gate.images_per_second, seen),)
    wanted = ((name, getattr(gate, name)) for name in PERCENTILES)
    return tuple(_percentile(name, limit, seen) for name, limit in wanted if limit is not None)


def _percentile(name: str, limit: float, seen: Latency) -> Verdict:
    """The observed percentile must not exceed the limit; the interval says how sure that is."""
    observed = getattr(seen, name.replace("_ms", "_ns")) / 1e6
    low, high = (value / 1e6 for value in noise.bounds(seen.rounds_ns, PERCENTILES[name]))
    message = (
        f"{_asked(seen)}: {name.removesuffix('_ms')} {observed:.3f} ms, allowed {limit:g} ms; "
        f"95 % interval {_ms(low)} to {_ms(high)} of {len(seen.rounds_ns)} rounds"
    )
    return _steady(seen, f"{name} <= {limit:g}", observed <= limit, message)


def _throughput(least: float, seen: Latency) -> Verdict:
    message = f"{_asked(seen)}: {seen.images_per_second:.1f} images/s, wanted {least:g}"
    return _steady(seen, f"images_per_second >= {least:g}", seen.images_per_second >= least, message)


def _steady(seen: Latency, check: str, holds: bool, message: str) -> Verdict:
    """Times that were still falling when the warm-up was given up can only fail a limit by being too noisy to tell."""
    if holds:
        return Verdict(check, "pass", message)
    if seen.steady:
        return Verdict(check, "fail", message)
    return Verdict(
        check, "inconclusive", f"INCONCLUSIVE: {message}; calls were still becoming faster after the warm-up"
    )


def _asked(seen: Latency) -> str:
    asked = seen.conditions
    return f"latency of {asked.model} on {asked.device}, batch {asked.batch}"


def _ms(value: float) -> str:
    return "unknown" if math.isnan(value) else f"{value:.3f}"


def memory(gate: MemoryGate, seen: Memory) -> tuple[Verdict, ...]:
    """One verdict per limit, and one on growth, which needs no limit."""
    return (*_peaks(gate, seen), growth(seen))


def _peaks(gate: MemoryGate, seen: Memory) -> Iterator[Verdict]:
    peaks = (seen.loading, seen.inference)
    if gate.host_bytes is not None:
        worst = max(peaks, key=lambda peak: peak.heap_bytes)
        yield _most("host", gate.host_bytes, worst.heap_bytes, f"during {worst.phase}", seen)
    if gate.gpu_bytes is not None:
        on_gpu = [peak.cuda_allocated_bytes for peak in peaks if peak.cuda_allocated_bytes is not None]
        if not on_gpu:
            device = seen.conditions.device
            message = f"memory of {seen.conditions.model}: a limit for the GPU, and the device is {device}"
            yield Verdict("gpu", "error", f"{message}: ask for --imgcls-device cuda")
        else:
            yield _most("gpu", gate.gpu_bytes, max(on_gpu), "of torch's allocator", seen)


def _most(what: str, limit: int, observed: int, when: str, seen: Memory) -> Verdict:
    sites = max((seen.loading, seen.inference), key=lambda peak: peak.heap_bytes).sites
    message = (
        f"memory of {seen.conditions.model}, batch {seen.conditions.batch}: "
        f"{what} {observed / 1e6:.1f} MB {when}, allowed {limit / 1e6:g} MB"
    )
    if observed <= limit:
        return Verdict(f"{what} <= {limit / 1e6:g} MB", "pass", message)
    largest = "; ".join(f"{site.bytes / 1e6:.1f} MB at {site.where}" for site in sites[:3])
    return Verdict(f"{what} <= {limit / 1e6:g} MB", "fail", f"{message}; largest: {largest}" if largest else message)


def growth(seen: Memory) -> Verdict:
    """Memory that grows from call to call is a leak where the whole interval of its slope says so."""
    found = seen.growth
    message = (
        f"memory of {seen.conditions.model}: {found.bytes_per_call / 1e3:+.1f} kB per call over {found.calls} calls, "
        f"99 % interval {found.low / 1e3:+.1f} to {found.high / 1e3:+.1f} kB"
    )
    leaks = found.low > 0 and found.bytes_per_call > SMALLEST_GROWTH
    return Verdict("no growth", "fail", f"LEAK: {message}") if leaks else Verdict("no growth", "pass", message)


def unlike(before: object, after: object, names: Sequence[str]) -> str | None:
    """Which of these attributes of two figures differ, where any do: then they are not of the same work."""
    differing = [name for name in names if getattr(before, name) != getattr(after, name)]
    values = (f"{name} {getattr(before, name)} and {getattr(after, name)}" for name in differing)
    return f"another {', '.join(differing)}: {'; '.join(values)}" if differing else None


def compared(what: str, effect: float, seen: Shift) -> Verdict:
    """Whether the second is slower than the first by ``effect``, a fraction.

    SLOWER: at least ``effect`` was seen, and both the interval and Mann-Whitney rule out that nothing changed.
    NOT SLOWER: the interval rules out ``effect``. Otherwise the machine was too noisy.
    """
    slower = seen.ratio >= 1 + effect and seen.low > 1 and seen.p_value <= ALPHA
    faster = seen.ratio <= 1 / (1 + effect) and seen.high < 1 and seen.p_value <= ALPHA
    message = (
        f"{what}: p50 {seen.before_ns / 1e6:.3f} -> {seen.after_ns / 1e6:.3f} ms, "
        f"ratio {seen.ratio:.3f}, 99 % interval {seen.low:.3f} to {seen.high:.3f} "
        f"(Mann-Whitney p = {seen.p_value:.4f}; {seen.rounds[0]} and {seen.rounds[1]} rounds; "
        f"what matters: {100 * effect:g} %)"
    )
    check = f"not slower by {100 * effect:g} %"
    if slower:
        return Verdict(check, "fail", f"SLOWER: {message}")
    if faster:
        return Verdict(check, "pass", f"FASTER: {message}")
    if seen.high < 1 + effect:
        return Verdict(check, "pass", f"NOT SLOWER: {message}")
    return Verdict(check, "inconclusive", f"INCONCLUSIVE: {message}; the machine is too noisy, or the rounds too few")
