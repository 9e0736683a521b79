"""Every type of what a model costs: time, memory, operators. All frozen; this file imports nothing of ours.

Times are whole nanoseconds (``_ns``), sizes whole bytes (``_bytes``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

Scenario = Literal["SingleStream", "Offline"]
"""MLPerf Inference's terms (Reddi et al. 2020, section III): one image at a time, or as many as fit at once."""


Phase = Literal["loading", "inference"]


Status = Callable[[str], None]
"""Is given, every now and then, what is being done, in words."""


Clock = Literal["cpu", "cuda"]
"""Whose time an operator takes: the host's, or that of the GPU on which its kernels run."""


@dataclass(frozen=True, slots=True)
class Machine:
    """What a figure depends on in addition to the model: comparisons over different machines are refused.

    ``cores``: those that the process may run on. ``gpu``: its name, where the model runs on one. ``quota``: the number
    of CPUs whose time a control group leaves to it, where that is less than its cores have.
    """

    cpu: str
    cores: int
    system: str
    gpu: str | None = None
    quota: float | None = None


@dataclass(frozen=True, slots=True)
class RunEnvironment:
    """The model and how it was run: what stands next to every figure.

    ``gmacs``: thousand million multiply-accumulates per image, ``None`` where they cannot be counted.
    ``untrained``: the weights are random.
    """

    model: str
    arch: str
    device: str
    batch: int
    precision: str
    runtime: str
    threads: int
    input: str
    state_sha256: str
    weights_file_sha256: str | None
    parameters: int
    gmacs: float | None
    machine: Machine
    versions: Mapping[str, str]
    untrained: bool = False


@dataclass(frozen=True, slots=True)
class Latency:
    """How long a model takes for a batch, round by round, from pixels in host memory to logits in host memory.

    ``p50_ns`` to ``p99_ns``: smallest observed times that at least this share of the rounds do not exceed.
    ``steady``: the warm-up ended because calls no longer became faster. The medians ``preprocess_ns`` (bytes of files
    to the batch), ``copy_ns`` (to the device) and ``model_ns`` (on the device, synchronised) are of one batch each.
    ``device_p50_ns``: by the device's own clock (CUDA events), where it has one. ``cut_short``: the budget of seconds
    ran out before 30 rounds. ``blocks_ns``: the medians of up to 20 blocks of consecutive rounds, by which two
    latencies are compared.
    """

    conditions: RunEnvironment
    scenario: Scenario
    rounds_ns: tuple[int, ...]
    p50_ns: int
    p90_ns: int
    p95_ns: int
    p99_ns: int
    images_per_second: float
    steady: bool
    preprocess_ns: int
    copy_ns: int
    model_ns: int
    device_p50_ns: int | None = None
    cut_short: bool = False
    blocks_ns: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class LatencyChange:
    """How much longer a second model or run takes: ``ratio`` of medians, 1.1 is 10 % slower, with a 99 % interval.

    ``p_value``: two-sided Mann-Whitney on all rounds.
    """

    before_ns: int
    after_ns: int
    rounds: tuple[int, int]
    ratio: float
    low: float
    high: float
    p_value: float


@dataclass(frozen=True, slots=True)
class AllocationSite:
    """A place in Python code and what it had allocated at a peak."""

    where: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Peak:
    """The largest memory of one phase, and what it was made of: on a CPU the rows add up to ``heap_bytes``.

    ``heap_bytes``: allocations of the model and its calls that were live at once, by memray, native ones included;
    libraries that were imported before are not in it. ``rss_bytes``: the largest resident memory of the process, they
    are in it. ``weights``: exact bytes of parameters and buffers by dtype, empty where the peak came before they were
    there. ``activations_bytes``: other tensors, while loading these are copies of weights; ``workspace_bytes``: what
    operators allocate for themselves. ``sites``: the largest, each the innermost line outside torch.
    The ``cuda_`` figures are those of torch's allocator.
    """

    phase: Phase
    heap_bytes: int
    rss_bytes: int
    weights: Mapping[str, int]
    activations_bytes: int
    workspace_bytes: int
    rest_bytes: int
    sites: tuple[AllocationSite, ...]
    cuda_allocated_bytes: int | None = None
    cuda_reserved_bytes: int | None = None

    @property
    def model_bytes(self) -> int:
        """What the model takes where it computes: on a GPU what torch allocated there, else ``heap_bytes``."""
        return self.heap_bytes if self.cuda_allocated_bytes is None else self.cuda_allocated_bytes

    @property
    def heap_weights_bytes(self) -> int:
        """The weights that are in the heap: none of those on a GPU."""
        return sum(self.weights.values()) if self.cuda_allocated_bytes is None else 0


@dataclass(frozen=True, slots=True)
class Growth:
    """How much memory grows per call, resident and on the GPU, with a 99 % interval of the slope (Theil and Sen)."""

    calls: int
    bytes_per_call: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Memory:
    """What a model needs, measured in a process of its own.

    ``libraries_rss_bytes``: the process before the model, torch, the model's library and memray at work.
    ``profiler_bytes``: the sum of all allocations of one call by torch's profiler, freed ones included.
    """

    conditions: RunEnvironment
    libraries_rss_bytes: int
    loading: Peak
    inference: Peak
    growth: Growth
    profiler_bytes: int


@dataclass(frozen=True, slots=True)
class Operator:
    """One row of torch.profiler's table: sums over one call of the model.

    Figures are medians over the repeats; ``low`` and ``high`` of a self time are the smallest and the largest.
    Memory is what was allocated minus what was freed. The ``cuda`` figures are those of the kernels that it launched.
    """

    name: str
    calls: int
    self_cpu_ns: int
    cpu_total_ns: int
    cpu_memory_bytes: int
    self_cpu_memory_bytes: int
    self_cpu_low_ns: int
    self_cpu_high_ns: int
    self_cuda_ns: int | None = None
    cuda_total_ns: int | None = None
    cuda_memory_bytes: int | None = None
    self_cuda_memory_bytes: int | None = None
    self_cuda_low_ns: int | None = None
    self_cuda_high_ns: int | None = None

    @property
    def self_ns(self) -> int:
        """Its own time on the device that the model runs on."""
        return self.self_cpu_ns if self.self_cuda_ns is None else self.self_cuda_ns

    @property
    def self_memory_bytes(self) -> int:
        """What it allocates itself in the memory of that device."""
        return self.self_cpu_memory_bytes if self.self_cuda_memory_bytes is None else self.self_cuda_memory_bytes


@dataclass(frozen=True, slots=True)
class Profile:
    """All operators of one call of a model, those with the largest self time on its device first.

    ``repeats_cpu_ns`` and ``repeats_cuda_ns``: the self time of all operators together, one profiled call each.
    """

    conditions: RunEnvironment
    repeats_cpu_ns: tuple[int, ...]
    operators: tuple[Operator, ...]
    repeats_cuda_ns: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class OperatorChange:
    """The self time of an operator before and after; ``real``: beyond the noise of the repeats."""

    name: str
    before_ns: int
    after_ns: int
    before_calls: int
    after_calls: int
    real: bool


@dataclass(frozen=True, slots=True)
class ProfileDiff:
    """What changed between two profiles by one clock, the largest movers first; ``total``: all of them together.

    ``changed``: in what else the two differ, in words. ``by_chance``: the share of operators that would be real if
    nothing had changed; ``None`` where there are too few repeats to tell anything from noise.
    """

    model: str
    clock: Clock
    changed: tuple[str, ...]
    by_chance: float | None
    movers: tuple[OperatorChange, ...]
    total: OperatorChange


@dataclass(frozen=True, slots=True)
class ModelCost:
    """What a model costs. ``memory`` is None for a module of this process, which no other process can load.

    ``gmacs``: thousand million multiply-accumulates per image, None where they cannot be counted.
    """

    latency: Latency
    memory: Memory | None
    parameters: int
    gmacs: float | None
