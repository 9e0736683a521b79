"""imgcls.gates.cost: latency and memory, held against limits."""

from dataclasses import replace

import pytest

from builders import make_latency, make_memory
from imgcls import messages
from imgcls.gates import cost
from imgcls.records.performance import Growth, LatencyChange, Peak
from imgcls.records.thresholds import LatencyGate, MemoryGate


@pytest.mark.parametrize(("limit", "status"), [(95.0, "pass"), (94.9, "fail")])
def test_a_percentile_must_not_exceed_its_limit(limit: float, status: str) -> None:
    """The observed value decides, equality passes, and the message has the interval and the rounds."""
    [verdict] = cost.latency(LatencyGate(p95_ms=limit), make_latency())
    assert (verdict.metric, verdict.threshold) == ("p95_ms", limit)
    assert (verdict.check, verdict.status) == (f"p95_ms <= {limit:g}", status)
    assert verdict.message == (
        f"latency of net on cpu, batch 1: p95 95.00 ms, allowed {limit:g} ms; "
        "95 % interval 90.00 to 100.0 ms, of 100 rounds"
    )


def test_each_percentile_is_its_own() -> None:
    """Each limit is held against its own percentile and no other."""
    gate = LatencyGate(p50_ms=50, p90_ms=90, p95_ms=95, p99_ms=99)
    assert [verdict.status for verdict in cost.latency(gate, make_latency())] == ["pass"] * 4
    below = LatencyGate(p50_ms=49, p90_ms=89, p95_ms=94, p99_ms=98)
    assert [verdict.status for verdict in cost.latency(below, make_latency())] == ["fail"] * 4


@pytest.mark.parametrize(("least", "status"), [(20.0, "pass"), (20.1, "fail")])
def test_throughput_must_reach_its_limit(least: float, status: str) -> None:
    """It is only for many images at once, and percentiles are only for one at a time."""
    gate = LatencyGate(images_per_second=least, p50_ms=1)
    [verdict] = cost.latency(gate, make_latency("Offline"))
    assert (verdict.check, verdict.status) == (f"images_per_second >= {least:g}", status)
    assert [verdict.check for verdict in cost.latency(gate, make_latency())] == ["p50_ms <= 1"]


def test_too_few_rounds_for_a_bound_are_named() -> None:
    """Thirty rounds give no upper bound of p99."""
    [verdict] = cost.latency(LatencyGate(p99_ms=200), make_latency(rounds=30))
    assert (
        "; with 95 % confidence it is at least 28.00 ms, and 30 rounds are too few for the other end" in verdict.message
    )


def test_calls_that_still_become_faster_cannot_fail_a_limit() -> None:
    """Where the warm-up never ended, a limit that is exceeded is inconclusive, and one that holds is shown."""
    unsteady = make_latency(steady=False)
    [verdict] = cost.latency(LatencyGate(p50_ms=10), unsteady)
    assert verdict.status == "inconclusive"
    assert verdict.message.startswith("INCONCLUSIVE: ")
    assert "still becoming faster" in verdict.message
    assert [v.status for v in cost.latency(LatencyGate(p50_ms=60), unsteady)] == ["pass"]


@pytest.mark.parametrize(
    ("rounds", "limit", "status"),
    [
        (12, 10.0, "inconclusive"),
        (12, 60.0, "pass"),
        (10, 60.0, "pass"),
        (9, 60.0, "inconclusive"),
        (1, 1.0, "inconclusive"),
    ],
)
def test_a_timing_that_ran_out_of_time_cannot_fail_a_limit(rounds: int, limit: float, status: str) -> None:
    """A busy machine makes nothing faster: a limit may be shown to hold, by ten rounds, and not to be exceeded."""
    measured = make_latency(rounds=rounds, cut_short=True)
    [verdict] = cost.latency(LatencyGate(p50_ms=limit), measured)
    assert verdict.status == status
    assert verdict.message.startswith("INCONCLUSIVE: ") is (status == "inconclusive")
    why = (
        f"; the time ran out after {messages.counted(rounds, 'round')}: the machine is busy or the model slow; "
        "--benchmark-max-time=300 gives it longer"
    )
    assert verdict.message.endswith(why) is (status == "inconclusive")


@pytest.mark.parametrize(("least", "status"), [(19.0, "pass"), (21.0, "inconclusive")])
def test_a_throughput_that_ran_out_of_time_is_no_failure(least: float, status: str) -> None:
    """As for percentiles."""
    [verdict] = cost.latency(LatencyGate(images_per_second=least), make_latency("Offline", rounds=12, cut_short=True))
    assert verdict.status == status


@pytest.mark.parametrize(("limit", "status"), [(130_000_000, "pass"), (129_999_999, "fail")])
def test_the_larger_peak_is_held_against_the_limit(limit: int, status: str) -> None:
    """Here that of inference; a failure names the largest allocation sites."""
    verdict, growth = cost.memory(MemoryGate(host_bytes=limit), make_memory())
    assert (verdict.status, growth.status) == (status, "pass")
    assert (verdict.metric, verdict.threshold, verdict.check) == ("host_bytes", limit, f"host <= {limit / 1e6:g} MB")
    assert (growth.metric, growth.threshold, growth.check) == ("growth", None, "no growth")
    assert verdict.message.startswith("memory of net, batch 1: host 130.0 MB during inference, allowed ")
    named = "largest: 20.0 MB at nets.py:12 in forward; 1.0 MB at nets.py:7 in __init__"
    assert (named in verdict.message) is (status == "fail")


def test_the_peak_of_loading_counts_too() -> None:
    """A peak while loading fails the limit, too."""
    verdict, _ = cost.memory(MemoryGate(host_bytes=150_000_000), make_memory(loading=200_000_000))
    assert verdict.status == "fail"
    assert "host 200.0 MB during loading" in verdict.message


def test_a_gpu_limit_needs_a_gpu() -> None:
    """On the CPU it is not applicable, which is not a pass; on a GPU the larger of the two peaks counts."""
    verdict, _ = cost.memory(MemoryGate(gpu_bytes=1), make_memory())
    assert verdict.status == "skipped"
    assert verdict.message.startswith("NOT APPLICABLE: memory of net: a limit for a GPU, and it was measured on cpu")
    assert "--imgcls-device cuda measures it there" in verdict.message
    assert (verdict.metric, verdict.check) == ("gpu_bytes", "gpu <= 1e-06 MB")
    on_cpu = make_memory()
    inference = replace(on_cpu.inference, cuda_allocated_bytes=300)
    on_gpu = replace(on_cpu, loading=replace(on_cpu.loading, cuda_allocated_bytes=200), inference=inference)
    passed, failed = (cost.memory(MemoryGate(gpu_bytes=most), on_gpu)[0] for most in (300, 299))
    assert (passed.status, failed.status) == ("pass", "fail")
    assert "largest:" not in failed.message  # those places are the host's


@pytest.mark.parametrize(
    ("slope", "low", "status"),
    [(1e6, 9e5, "fail"), (1e6, -1.0, "pass"), (9_000.0, 8_000.0, "pass"), (0.0, 0.0, "pass"), (-1e6, -2e6, "pass")],
)
def test_growth_is_a_leak_where_its_whole_interval_is_above_zero(slope: float, low: float, status: str) -> None:
    """It needs no limit; a slope below the allocator's own movements is not a leak."""
    verdict = cost.growth(make_memory(growth=Growth(40, slope, low, slope + 1e5)))
    assert verdict.status == status
    assert verdict.message.startswith("LEAK: ") is (status == "fail")


def _change(ratio: float, low: float, high: float, p_value: float = 1e-9) -> LatencyChange:
    return LatencyChange(10_000_000, round(ratio * 10_000_000), (100, 100), ratio, low, high, p_value)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (_change(1.10, 1.08, 1.12), "SLOWER"),
        (_change(1.05, 1.01, 1.09), "SLOWER"),
        (_change(1.04, 1.03, 1.049), "NOT SLOWER"),
        (_change(1.04, 1.03, 1.051), "INCONCLUSIVE"),
        (_change(1.30, 0.90, 1.90), "INCONCLUSIVE"),
        (_change(1.10, 1.08, 1.12, p_value=0.02), "INCONCLUSIVE"),
        (_change(1.00, 0.98, 1.02), "NOT SLOWER"),
        (_change(0.90, 0.88, 0.92), "FASTER"),
        (_change(0.90, 0.70, 1.02), "NOT SLOWER"),
        (_change(0.97, 0.96, 0.98), "NOT SLOWER"),
    ],
)
def test_slower_needs_effect_and_certainty(change: LatencyChange, word: str) -> None:
    """Slower by what matters and surely slower; surely not slower by what matters; or inconclusive."""
    verdict = cost.compared("net", 0.05, change)
    assert verdict.message.partition(":")[0] == word
    assert (verdict.metric, verdict.threshold, verdict.check) == ("slowdown", 0.05, "not slower by 5 %")
    expected = {"SLOWER": "fail", "INCONCLUSIVE": "inconclusive"}.get(word, "pass")
    assert verdict.status == expected
    assert "a slowdown matters from 5 %" in verdict.message


def test_peaks_are_whole() -> None:
    """The made-up figures of these tests add up as real ones do."""
    for peak in (make_memory().loading, make_memory().inference):
        assert isinstance(peak, Peak)
        rows = (*peak.weights.values(), peak.activations_bytes, peak.workspace_bytes, peak.rest_bytes)
        assert sum(rows) == peak.heap_bytes
