"""imgcls.limits: what a model costs, held against limits."""

from dataclasses import replace

import pytest

import costs
from imgcls import limits
from imgcls.measures import Growth, LatencyGate, MemoryGate, Peak, Shift


@pytest.mark.parametrize(("limit", "status"), [(95.0, "pass"), (94.9, "fail")])
def test_a_percentile_must_not_exceed_its_limit(limit: float, status: str) -> None:
    """The observed value decides, equality passes, and the message has the interval and the rounds."""
    [verdict] = limits.latency(LatencyGate(p95_ms=limit), costs.latency())
    assert (verdict.check, verdict.status) == (f"p95_ms <= {limit:g}", status)
    assert verdict.message == (
        f"latency of net on cpu, batch 1: p95 95.000 ms, allowed {limit:g} ms; "
        "95 % interval 90.000 to 100.000 of 100 rounds"
    )


def test_each_percentile_is_its_own() -> None:
    """No limit is held against another percentile."""
    gate = LatencyGate(p50_ms=50, p90_ms=90, p95_ms=95, p99_ms=99)
    assert [verdict.status for verdict in limits.latency(gate, costs.latency())] == ["pass"] * 4
    below = LatencyGate(p50_ms=49, p90_ms=89, p95_ms=94, p99_ms=98)
    assert [verdict.status for verdict in limits.latency(below, costs.latency())] == ["fail"] * 4


@pytest.mark.parametrize(("least", "status"), [(20.0, "pass"), (20.1, "fail")])
def test_throughput_is_a_least(least: float, status: str) -> None:
    """It is held against many pictures at once alone, and percentiles against one at a time alone."""
    gate = LatencyGate(images_per_second=least, p50_ms=1)
    [verdict] = limits.latency(gate, costs.latency("Offline"))
    assert (verdict.check, verdict.status) == (f"images_per_second >= {least:g}", status)
    assert [verdict.check for verdict in limits.latency(gate, costs.latency())] == ["p50_ms <= 1"]


def test_too_few_rounds_for_a_bound_are_said() -> None:
    """Thirty rounds know no upper bound of p99."""
    [verdict] = limits.latency(LatencyGate(p99_ms=200), costs.latency(rounds=30))
    assert " to unknown of 30 rounds" in verdict.message


def test_calls_that_still_become_faster_cannot_fail_a_limit() -> None:
    """Where the warm-up never ended, a limit that is exceeded is inconclusive, and one that holds is shown."""
    unsteady = costs.latency(steady=False)
    [verdict] = limits.latency(LatencyGate(p50_ms=10), unsteady)
    assert verdict.status == "inconclusive"
    assert verdict.message.startswith("INCONCLUSIVE: ")
    assert "still becoming faster" in verdict.message
    assert [v.status for v in limits.latency(LatencyGate(p50_ms=60), unsteady)] == ["pass"]


@pytest.mark.parametrize(("limit", "status"), [(130_000_000, "pass"), (129_999_999, "fail")])
def test_the_larger_peak_is_held_against_the_limit(limit: int, status: str) -> None:
    """Here that of inference; a failure names the largest allocation sites."""
    verdict, growth = limits.memory(MemoryGate(host_bytes=limit), costs.memory())
    assert (verdict.status, growth.status) == (status, "pass")
    assert verdict.message.startswith("memory of net, batch 1: host 130.0 MB during inference, allowed ")
    named = "largest: 20.0 MB at nets.py:12 in forward; 1.0 MB at nets.py:7 in __init__"
    assert (named in verdict.message) is (status == "fail")


def test_the_peak_of_loading_counts_too() -> None:
    """Whoever loads the model needs that memory as well."""
    verdict, _ = limits.memory(MemoryGate(host_bytes=150_000_000), costs.memory(loading=200_000_000))
    assert verdict.status == "fail"
    assert "host 200.0 MB during loading" in verdict.message


def test_a_gpu_limit_needs_a_gpu() -> None:
    """On the CPU it is an error, not a pass; on a GPU the larger of the two peaks counts."""
    verdict, _ = limits.memory(MemoryGate(gpu_bytes=1), costs.memory())
    assert verdict.status == "error"
    assert "ask for --imgcls-device cuda" in verdict.message
    seen = costs.memory()
    inference = replace(seen.inference, cuda_allocated_bytes=300)
    on_gpu = replace(seen, loading=replace(seen.loading, cuda_allocated_bytes=200), inference=inference)
    assert [limits.memory(MemoryGate(gpu_bytes=most), on_gpu)[0].status for most in (300, 299)] == ["pass", "fail"]


@pytest.mark.parametrize(
    ("slope", "low", "status"),
    [(1e6, 9e5, "fail"), (1e6, -1.0, "pass"), (9_000.0, 8_000.0, "pass"), (0.0, 0.0, "pass"), (-1e6, -2e6, "pass")],
)
def test_growth_is_a_leak_where_its_interval_says_so(slope: float, low: float, status: str) -> None:
    """It needs no limit; what is below the allocator's own movements is none."""
    verdict = limits.growth(costs.memory(growth=Growth(40, slope, low, slope + 1e5)))
    assert verdict.status == status
    assert verdict.message.startswith("LEAK: ") is (status == "fail")


def _shift(ratio: float, low: float, high: float, p_value: float = 1e-9) -> Shift:
    return Shift(10_000_000, round(ratio * 10_000_000), (100, 100), ratio, low, high, p_value)


@pytest.mark.parametrize(
    ("shift", "said"),
    [
        (_shift(1.10, 1.08, 1.12), "SLOWER"),
        (_shift(1.05, 1.01, 1.09), "SLOWER"),
        (_shift(1.04, 1.03, 1.049), "NOT SLOWER"),
        (_shift(1.04, 1.03, 1.051), "INCONCLUSIVE"),
        (_shift(1.30, 0.90, 1.90), "INCONCLUSIVE"),
        (_shift(1.10, 1.08, 1.12, p_value=0.02), "INCONCLUSIVE"),
        (_shift(1.00, 0.98, 1.02), "NOT SLOWER"),
        (_shift(0.90, 0.88, 0.92), "FASTER"),
        (_shift(0.90, 0.70, 1.02), "NOT SLOWER"),
        (_shift(0.97, 0.96, 0.98), "NOT SLOWER"),
    ],
)
def test_slower_needs_effect_and_certainty(shift: Shift, said: str) -> None:
    """Slower by what matters and surely slower; surely not slower by what matters; or it cannot be told."""
    verdict = limits.compared("net", 0.05, shift)
    assert verdict.message.partition(":")[0] == said
    expected = {"SLOWER": "fail", "INCONCLUSIVE": "inconclusive"}.get(said, "pass")
    assert verdict.status == expected
    assert "what matters: 5 %" in verdict.message


def test_peaks_are_whole() -> None:
    """The made-up figures of these tests add up as real ones do."""
    for peak in (costs.memory().loading, costs.memory().inference):
        assert isinstance(peak, Peak)
        rows = (*peak.weights.values(), peak.activations_bytes, peak.workspace_bytes, peak.rest_bytes)
        assert sum(rows) == peak.heap_bytes
