"""Gates and limits: what a model must reach, what it may cost, and how much may change; all frozen."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LatencyGate:
    """``[latency.MODEL]``: percentiles of one image at a time in milliseconds, and the least throughput."""

    p50_ms: float | None = None
    p90_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None
    images_per_second: float | None = None


@dataclass(frozen=True, slots=True)
class MemoryGate:
    """``[memory.MODEL]``: the most bytes of either peak, in host memory (``heap_bytes``) and on the GPU."""

    host_bytes: int | None = None
    gpu_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class ProvenThreshold:
    """A threshold that must be shown, not only observed: with this confidence the true value is above ``min``."""

    min: float
    confidence: float = 0.95


@dataclass(frozen=True, slots=True)
class Gate:
    """The thresholds of one model on one dataset, as fractions; ``None`` where not given.

    ``class_top1`` must be shown of every class; ``worst_class`` must be observed of the lowest one.
    """

    top1: float | ProvenThreshold | None = None
    top5: float | ProvenThreshold | None = None
    macro_f1: float | None = None
    min_images: int | None = None
    max_rejected: float = 0.0
    class_top1: ProvenThreshold | None = None
    worst_class: float | None = None


@dataclass(frozen=True, slots=True)
class Margin:
    """How much worse than its baseline a model may be, as a fraction, and how sure of that one wants to be."""

    margin: float
    confidence: float = 0.95


@dataclass(frozen=True, slots=True)
class ParityGate:
    """``[parity.MODEL]``, one dataset: how far an export may be from the network that it was made from.

    ``flips``: the largest share of images whose best class is another; with ``confidence`` it must be shown, without it
    must be observed. ``top1`` and ``top5``: how much accuracy may be lost, which must be shown. ``logits``: the largest
    distance of a logit, in standard deviations of the reference's logits.
    """

    flips: float | None = None
    confidence: float | None = None
    top1: Margin | None = None
    top5: Margin | None = None
    logits: float | None = None
