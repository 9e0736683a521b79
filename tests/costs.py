"""Figures of a made-up model, for the tests of what is said of them."""

from dataclasses import replace
from typing import Any

from imgcls.measures import Conditions, Growth, Latency, Machine, Memory, Peak, Scenario, Site

MACHINE = Machine("A fine CPU", 2, "Linux x86_64")
CONDITIONS = Conditions(
    model="net",
    arch="python:nets:net",
    device="cpu",
    batch=1,
    precision="float32",
    runtime="eager",
    threads=2,
    input="resize(8, bilinear)",
    state_sha256="cd" * 32,
    weights_file_sha256=None,
    parameters=25_557_032,
    gmacs=4.089,
    machine=MACHINE,
    versions={"torch": "2.14.0"},
)


def latency(scenario: Scenario = "SingleStream", *, model: str = "net", rounds: int = 100, **figures: Any) -> Latency:
    """Rounds of 1 ms, 2 ms and so on."""
    given = Latency(
        conditions=replace(CONDITIONS, model=model, batch=1 if scenario == "SingleStream" else 8),
        scenario=scenario,
        rounds_ns=tuple(1_000_000 * (number + 1) for number in range(rounds)),
        p50_ns=50_000_000,
        p90_ns=90_000_000,
        p95_ns=95_000_000,
        p99_ns=99_000_000,
        images_per_second=20.0,
        steady=True,
        preprocess_ns=2_000_000,
        copy_ns=10_000,
        model_ns=49_000_000,
    )
    return replace(given, **figures)


def memory(model: str = "net", *, loading: int = 110_000_000, inference: int = 130_000_000, **figures: Any) -> Memory:
    """102 MB of weights, and what else it takes."""
    sites = (Site("nets.py:12 in forward", 20_000_000), Site("nets.py:7 in __init__", 1_000_000))
    weights = {"float32": 102_000_000}
    heap, rest = (loading, inference), (loading - 102_000_000, 1_000_000)
    given = Memory(
        conditions=replace(CONDITIONS, model=model),
        libraries_rss_bytes=300_000_000,
        loading=Peak("loading", heap[0], 420_000_000, weights, 0, 0, rest[0], sites[1:]),
        inference=Peak("inference", heap[1], 450_000_000, weights, heap[1] - 105_000_000, 2_000_000, rest[1], sites),
        growth=Growth(40, 0.0, -100.0, 100.0),
        profiler_bytes=60_000_000,
    )
    return replace(given, **figures)
