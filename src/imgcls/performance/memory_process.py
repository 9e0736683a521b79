"""The process in which one model is measured; :mod:`imgcls.performance.memory` starts it.

The order matters: libraries before the model, memray around the phases, growth and the profiler when memray is done,
and last the captures, because naming torch's native functions takes memory itself.
"""

import gc
import pickle
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import psutil

from imgcls import folder_imports
from imgcls.errors import ImgclsError
from imgcls.models import pool
from imgcls.models.model import Model
from imgcls.models.runtimes import base as runtimes
from imgcls.models.sources import base as sources
from imgcls.models.sources import registry
from imgcls.performance import conditions, memory_trace
from imgcls.performance.memory_trace import PeakUsage
from imgcls.records.config import ModelSpec
from imgcls.records.performance import Growth, Memory, Peak
from imgcls.system import devices, machine

CONFIDENCE = 0.99  # docs/decisions.md#growth

CALLS, MIN_CALLS, SECONDS = 40, 20, 15.0  # docs/decisions.md#growth
"""How many calls growth looks at: fewer, down to the minimum, where they would take longer than these seconds."""

CLEAR_REFS, FORGET_PEAK = Path("/proc/self/clear_refs"), "5"
"""What is written where makes Linux forget the peak of a process's resident memory: proc(5)."""


def main() -> None:
    """Read a request from standard input, and write the result or the error to the file that the command line names."""
    request = pickle.load(sys.stdin.buffer)  # noqa: S301 - our own parent process wrote it
    try:
        outcome: Memory | ImgclsError = measure(*request)
    except ImgclsError as error:
        outcome = error
    Path(sys.argv[1]).write_bytes(pickle.dumps(outcome))


def measure(spec: ModelSpec, device: str, batch: int, captures: Mapping[str, Path]) -> Memory:
    """Load the model and call it; ``captures``: memray's files by phase. Raises what the model raises."""
    runtimes.check_device(device)
    _import_libraries(spec)
    with machine.fixed_threads():
        _warm_up_torch(device)
        with _tracked(captures["libraries"]):  # memray's own memory is not the model's
            _warm_up_torch(device)
        libraries_rss_bytes = psutil.Process().memory_info().rss
        models = pool.ModelPool({spec.name: spec}, device)
        with _peak_usage(device) as loading, _tracked(captures["loading"]):
            model = models.get(spec.name)
            gc.collect()
        return _inference(model, batch, captures, libraries_rss_bytes, loading)


def _inference(
    model: Model, batch: int, captures: Mapping[str, Path], libraries_rss_bytes: int, loading: PeakUsage
) -> Memory:
    """Measure the calls of a loaded model, and put all figures together."""
    device, images = model.info.device, _images(batch, model.info.input.shape)

    def call() -> None:
        model.classifier.logits(images)

    with _tracked(captures["warmup"]):
        call()
        gc.collect()
    with _tracked(captures["inference"]):
        call()
    with _peak_usage(device) as inference:
        call()
    slope = growth(_resident(call, device))
    profiler_bytes = sum(size for size in _profiled(call, device) if size > 0)
    at_loading, at_inference = _peaks(captures, model, (loading, inference))
    return Memory(
        conditions=conditions.environment_of(model, batch),
        libraries_rss_bytes=libraries_rss_bytes,
        loading=at_loading,
        inference=at_inference,
        growth=slope,
        profiler_bytes=profiler_bytes,
    )


def _peaks(captures: Mapping[str, Path], model: Model, usages: tuple[PeakUsage, PeakUsage]) -> tuple[Peak, Peak]:
    """The peaks of both phases from memray's captures; what a phase left behind is in the next, until that frees it."""
    import memray

    weights = memory_trace.weight_bytes(model.classifier.module)
    by_dtype = memory_trace.by_dtype(weights)
    with ExitStack() as stack:
        loading, warmup, inference = (
            stack.enter_context(closing(memray.FileReader(captures[phase])))
            for phase in ("loading", "warmup", "inference")
        )
        at_loading, loaded = memory_trace.memory_phase(loading, {})
        placed = memory_trace.placed_blocks(loaded, weights)
        at_inference, _ = memory_trace.memory_phase(inference, memory_trace.memory_phase(warmup, loaded)[1])
        return (
            memory_trace.peak("loading", at_loading, by_dtype, placed, usages[0]),
            memory_trace.peak("inference", at_inference, by_dtype, placed, usages[1]),
        )


def _import_libraries(spec: ModelSpec) -> None:
    """Import what loading the model imports, as a program that serves it does: with torch's compiler where that comes.

    What fails here fails again, with its message, when the model is loaded.
    """
    import_module("imgcls.models.runtimes.eager")
    import_module("safetensors.torch")
    with suppress(Exception, SystemExit):
        for name in sources.of(spec).imports(spec):
            with folder_imports.first_from(spec.folder, name):
                import_module(name)
    with suppress(Exception):
        registry.input_spec(spec)
        registry.label_list(spec)


def _warm_up_torch(device: str) -> None:
    """Start torch's threads and oneDNN, or CUDA, as any network would."""
    import torch

    convolution = torch.nn.Conv2d(3, 8, 3).to(device).to(memory_format=torch.channels_last)
    image = torch.rand(1, 3, 64, 64, device=device).to(memory_format=torch.channels_last)
    with torch.inference_mode():
        torch.nn.functional.linear(convolution(image).relu().mean((2, 3)), torch.rand(8, 8, device=device)).cpu()


def _images(batch: int, shape: tuple[int, int, int]) -> Any:
    import torch

    return torch.randn(batch, *shape, generator=torch.Generator().manual_seed(0))


@contextmanager
def _tracked(capture: Path) -> Iterator[None]:
    """While it is open, memray records every allocation, those of native code with the functions that made them."""
    import memray

    gc.collect()
    with memray.Tracker(capture, native_traces=True):
        yield


@contextmanager
def _peak_usage(device: str) -> Iterator[PeakUsage]:
    """Figures that are filled in at the end; they count from here, resident memory where its peak can be reset."""
    import torch

    gc.collect()
    with suppress(OSError):
        CLEAR_REFS.write_text(FORGET_PEAK, encoding="ascii")
    on_gpu = devices.kind(device) == "cuda"  # torch keeps no peak of any other
    if on_gpu:
        torch.cuda.reset_peak_memory_stats(device)
    usage = PeakUsage()
    yield usage
    usage.rss_bytes = machine.peak_rss_bytes()
    if on_gpu:
        usage.cuda_allocated_bytes = torch.cuda.max_memory_allocated(device)
        usage.cuda_reserved_bytes = torch.cuda.max_memory_reserved(device)


def _resident(call: Callable[[], None], device: str, clock: Callable[[], float] = time.perf_counter) -> list[int]:
    """Bytes after each of many calls: resident memory and, on a GPU, what torch has allocated there."""
    process = psutil.Process()
    gc.collect()
    gc.freeze()
    resident: list[int] = []
    ends = clock() + SECONDS
    while len(resident) < MIN_CALLS or (len(resident) < CALLS and clock() < ends):
        call()
        gc.collect()
        resident.append(process.memory_info().rss + devices.of(device).allocated_bytes(device))
    gc.unfreeze()
    return resident


def growth(resident: Sequence[int]) -> Growth:
    """The slope of memory over calls, by Theil and Sen: the median over all pairs, which single steps do not move."""
    from scipy.stats import theilslopes

    slope, _, low, high = theilslopes(resident, range(len(resident)), alpha=CONFIDENCE)
    return Growth(len(resident), float(slope), float(low), float(high))


def _profiled(call: Callable[[], None], device: str) -> list[int]:
    """Bytes that torch's allocators gave (positive) and took back (negative) during one call, in order."""
    from torch.profiler import ProfilerActivity, profile

    activities = [ProfilerActivity.CPU] + [ProfilerActivity.CUDA] * (devices.kind(device) == "cuda")
    with profile(activities=activities, profile_memory=True, acc_events=True) as session:
        call()
    results: Any = session.profiler.kineto_results  # single allocations are in none of the tables
    events = [event for event in results.events() if event.name() == "[memory]"]
    return [event.nbytes() for event in sorted(events, key=lambda event: event.start_ns())]


if __name__ == "__main__":
    main()
