"""The process in which one model is measured; :mod:`imgcls.memory` starts it.

The order matters: libraries before the model, memray around the phases, growth and the profiler when memray is done,
and last the captures, because naming torch's native functions takes memory itself.
"""

import gc
import pickle
import re
import sys
import time
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

import psutil

from imgcls import conditions, meter, models, resolve, runtimes
from imgcls.errors import ImgclsError
from imgcls.measures import Growth, Memory, Peak, Phase, Site
from imgcls.models import Model
from imgcls.records import ModelSpec

Part = Literal["tensors", "workspace", "rest"]
Blocks = dict[int, Any]
"""What is allocated at one moment: memray's records by address."""
Clock = Callable[[], float]

SITES = 10
CONFIDENCE = 0.99
CALLS, FEWEST_CALLS, SECONDS = 40, 20, 15.0
"""How many calls growth looks at: fewer, down to the fewest, where they would take longer than these seconds."""

CLEAR_REFS = Path("/proc/self/clear_refs")
FORGET_PEAK = "5"
"""What makes Linux forget the peak of a process's resident memory: proc(5)."""

TORCHS_ALLOCATOR = "c10::alloc_cpu"
ONEDNNS_TENSOR = "ideep::"
"""Below torch's allocator: a copy in oneDNN's own order of values, which an operator makes for itself."""
ALLOCATORS_FRAMES = 6
OPERATORS = re.compile(r"\b(?:at|c10|caffe2|torch|ideep|dnnl|mkl|fbgemm|Xbyak)(?:::|_)|\b(?:gomp|GOMP|omp|cblas)_")
PYTHON = re.compile(r"\b_?Py[A-Z]")


@dataclass(slots=True)
class Most:
    """The largest memory of a phase as the system and torch's CUDA allocator count it."""

    rss_bytes: int = 0
    cuda_allocated_bytes: int | None = None
    cuda_reserved_bytes: int | None = None


def main() -> None:
    """Read a request from standard input, measure, and write what came of it to the file named on the command line."""
    request = pickle.load(sys.stdin.buffer)  # noqa: S301 - our own parent process wrote it
    try:
        outcome: Memory | ImgclsError = measured(*request)
    except ImgclsError as error:
        outcome = error
    Path(sys.argv[1]).write_bytes(pickle.dumps(outcome))


def measured(spec: ModelSpec, device: str, batch: int, captures: Mapping[str, Path]) -> Memory:
    """Load the model and ask it; ``captures`` says where memray's files go. Raises what the model raises."""
    runtimes.check_device(device)
    _import_libraries(spec)
    with conditions.fixed_threads():
        _warm_up_torch(device)
        with _tracked(captures["libraries"]):  # memray's own memory is not the model's
            _warm_up_torch(device)
        libraries_rss_bytes = psutil.Process().memory_info().rss
        shelf = models.Shelf({spec.name: spec}, device)
        with _most(device) as loading, _tracked(captures["loading"]):
            model = shelf.get(spec.name)
            gc.collect()
        return _asked(model, batch, captures, libraries_rss_bytes, loading)


def _asked(model: Model, batch: int, captures: Mapping[str, Path], libraries_rss_bytes: int, loading: Most) -> Memory:
    device, pictures = model.facts.device, _pictures(batch, model.facts.input.crop)

    def call() -> None:
        model.classifier.logits(pictures)

    with _tracked(captures["warmup"]):
        call()
        gc.collect()
    with _tracked(captures["inference"]):
        call()
    with _most(device) as inference:
        call()
    grown = growth(_resident(call, device))
    profiler_bytes = sum(size for size in _profiled(call, device) if size > 0)
    at_loading, at_inference = _read(captures, model, (loading, inference))
    return Memory(
        conditions=conditions.of(model, batch),
        libraries_rss_bytes=libraries_rss_bytes,
        loading=at_loading,
        inference=at_inference,
        growth=grown,
        profiler_bytes=profiler_bytes,
    )


def _read(captures: Mapping[str, Path], model: Model, most: tuple[Most, Most]) -> tuple[Peak, Peak]:
    """The peaks from memray's captures; what a phase left behind is in the next one, until that frees it."""
    import memray

    weights = _weights(model.classifier.module)
    by_dtype = _by_dtype(weights)
    with ExitStack() as stack:
        loading, warmup, inference = (
            stack.enter_context(closing(memray.FileReader(captures[phase])))
            for phase in ("loading", "warmup", "inference")
        )
        at_loading, loaded = _phase(loading, {})
        placed = _placed(loaded, weights)
        at_inference, _ = _phase(inference, _phase(warmup, loaded)[1])
        return (
            peak("loading", at_loading, by_dtype, placed, most[0]),
            peak("inference", at_inference, by_dtype, placed, most[1]),
        )


# Before the model.


def _import_libraries(spec: ModelSpec) -> None:
    """Import what loading the model imports. What fails here fails again, with its message, when it is loaded."""
    import_module("imgcls.runtimes.eager")
    import_module("safetensors.torch")
    library, _, name = spec.arch.partition(":")
    used = {"python": name.partition(":")[0], "reference": "imgcls.runtimes.reference"}.get(library, library)
    with suppress(Exception, SystemExit):
        import_module(used)
    with suppress(Exception):
        resolve.input_spec(spec)
        resolve.label_list(spec)


def _warm_up_torch(device: str) -> None:
    """Start torch's threads and oneDNN, or CUDA, as any network would."""
    import torch

    convolution = torch.nn.Conv2d(3, 8, 3).to(device).to(memory_format=torch.channels_last)
    picture = torch.rand(1, 3, 64, 64, device=device).to(memory_format=torch.channels_last)
    with torch.inference_mode():
        torch.nn.functional.linear(convolution(picture).relu().mean((2, 3)), torch.rand(8, 8, device=device)).cpu()


def _pictures(batch: int, size: tuple[int, int]) -> Any:
    import torch

    return torch.randn(batch, 3, *size, generator=torch.Generator().manual_seed(0))


# The phases.


@contextmanager
def _tracked(capture: Path) -> Iterator[None]:
    """Meanwhile memray writes down every allocation, those of native code with the functions that asked for them."""
    import memray

    gc.collect()
    with memray.Tracker(capture, native_traces=True):
        yield


@contextmanager
def _most(device: str) -> Iterator[Most]:
    """What is filled in at the end counts from here, for resident memory where the system can forget its peak."""
    import torch

    gc.collect()
    with suppress(OSError):
        CLEAR_REFS.write_text(FORGET_PEAK, encoding="ascii")
    on_gpu = torch.device(device).type == "cuda"
    if on_gpu:
        torch.cuda.reset_peak_memory_stats(device)
    most = Most()
    yield most
    most.rss_bytes = meter.peak_rss_bytes()
    if on_gpu:
        most.cuda_allocated_bytes = torch.cuda.max_memory_allocated(device)
        most.cuda_reserved_bytes = torch.cuda.max_memory_reserved(device)


def _resident(call: Callable[[], None], device: str, clock: Clock = time.perf_counter) -> list[int]:
    """Memory after each of many calls: what is resident and, on a GPU, what torch has allocated there."""
    import torch

    process, on_gpu = psutil.Process(), torch.device(device).type == "cuda"
    gc.collect()
    gc.freeze()
    seen: list[int] = []
    ends = clock() + SECONDS
    while len(seen) < FEWEST_CALLS or (len(seen) < CALLS and clock() < ends):
        call()
        gc.collect()
        seen.append(process.memory_info().rss + (torch.cuda.memory_allocated(device) if on_gpu else 0))
    gc.unfreeze()
    return seen


def growth(resident: Sequence[int]) -> Growth:
    """The slope of memory over calls, by Theil and Sen: the median over all pairs, which single steps do not move."""
    from scipy.stats import theilslopes

    slope, _, low, high = theilslopes(resident, range(len(resident)), alpha=CONFIDENCE)
    return Growth(len(resident), float(slope), float(low), float(high))


def _profiled(call: Callable[[], None], device: str) -> list[int]:
    """What torch's allocators gave (positive) and took back (negative) during one call, in order."""
    from torch.profiler import ProfilerActivity, profile

    activities = [ProfilerActivity.CPU] + [ProfilerActivity.CUDA] * (device != "cpu")
    with profile(activities=activities, profile_memory=True, acc_events=True) as profiled:
        call()
    results: Any = profiled.profiler.kineto_results  # single allocations are in none of the tables
    events = [event for event in results.events() if event.name() == "[memory]"]
    return [event.nbytes() for event in sorted(events, key=lambda event: event.start_ns())]


# Weights.


def _weights(module: Any) -> list[Any]:
    """Every tensor of the module's parameters and buffers once, buffers that are not saved among them."""
    distinct = {tensor.data_ptr(): tensor for tensor in (*module.parameters(), *module.buffers()) if tensor.numel()}
    return list(distinct.values())


def _by_dtype(weights: Iterable[Any]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for tensor in weights:
        total[str(tensor.dtype).removeprefix("torch.")] += tensor.nbytes
    return dict(total)


# What memray saw.


def _replayed(records: Iterable[Any], blocks: Blocks) -> Iterator[int]:
    """Let a phase's allocations happen to ``blocks``, one by one; yields how many bytes there are after each."""
    from memray import AllocatorType

    total = sum(block.size for block in blocks.values())
    for record in records:
        gone = blocks.pop(record.address, None)
        total -= gone.size if gone else 0
        if record.allocator not in {AllocatorType.FREE, AllocatorType.MUNMAP}:
            blocks[record.address] = record
            total += record.size
        yield total


def _phase(reader: Any, before: Blocks) -> tuple[Blocks, Blocks]:
    """The blocks at a phase's peak and at its end, those from before the phase among them."""
    records = list(reader.get_allocation_records())
    at_end = dict(before)
    totals = [sum(block.size for block in before.values()), *_replayed(records, at_end)]
    at_peak = dict(before)
    for _ in _replayed(records[: totals.index(max(totals))], at_peak):
        pass
    return at_peak, at_end


def _placed(blocks: Blocks, weights: Iterable[Any]) -> Counter[Part]:
    """In which part of the blocks the weights lie, in bytes."""
    placed: Counter[Part] = Counter()
    starts = sorted(blocks)
    for tensor in weights:
        address = tensor.data_ptr() if tensor.device.type == "cpu" else 0
        start = starts[bisect_right(starts, address) - 1]
        if start <= address < start + blocks[start].size:
            placed[_part(blocks[start])] += tensor.nbytes
    return placed


def _part(record: Any) -> Part:
    """Tensors come from torch's allocator; of the rest, the innermost function that is known tells whose it is."""
    names = [name for name, _, _ in record.native_stack_trace()]
    innermost = names[:ALLOCATORS_FRAMES]
    if any(name.startswith(TORCHS_ALLOCATOR) for name in innermost):
        return "workspace" if any(name.startswith(ONEDNNS_TENSOR) for name in innermost) else "tensors"
    for name in names:
        if PYTHON.search(name):
            return "rest"
        if OPERATORS.search(name):
            return "workspace"
    return "rest"


def _where(record: Any) -> str:
    """The innermost line of Python outside torch, which names the layer; inside torch where there is no other."""
    frames = record.stack_trace()
    if not frames:
        return "native code"
    outside = (frame for frame in frames if not Path(frame[1]).is_relative_to(_torchs_folder()))
    function, file, line = next(outside, frames[0])
    return f"{Path(file).name}:{line} in {function}"


@cache
def _torchs_folder() -> Path:
    import torch

    return Path(torch.__file__).parent


def peak(phase: Phase, blocks: Blocks, weights: Mapping[str, int], placed: Mapping[Part, int], most: Most) -> Peak:
    """A peak by its rows; where the weights lie (``placed``) they are counted as weights and as nothing else.

    A peak that has no room for them came before they were there.
    """
    parts: Counter[Part] = Counter()
    sites: Counter[str] = Counter()
    for block in blocks.values():
        parts[_part(block)] += block.size
        sites[_where(block)] += block.size
    there = all(parts[part] >= size for part, size in placed.items())
    other = parts - Counter(placed) if there else parts
    return Peak(
        phase=phase,
        heap_bytes=parts.total(),
        rss_bytes=most.rss_bytes,
        weights=weights if there else {},
        activations_bytes=other["tensors"],
        workspace_bytes=other["workspace"],
        rest_bytes=other["rest"],
        sites=tuple(Site(where, size) for where, size in sites.most_common(SITES)),
        cuda_allocated_bytes=most.cuda_allocated_bytes,
        cuda_reserved_bytes=most.cuda_reserved_bytes,
    )


if __name__ == "__main__":
    main()
