"""What the models take: time on each device, and memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from imgcls import messages
from imgcls.records.performance import Latency, Memory
from imgcls.reporting import markdown_text
from imgcls.reporting.lab import figures, marks
from imgcls.reporting.lab.contents import Contents

BUSY = 2.0  # docs/decisions.md#a-report-to-hand-in
"""From this ratio of the 95th percentile to the median on, a time comes with a sentence."""

LATENCY_CHART, MEMORY_CHART = "charts/latency.png", "charts/memory.png"


def time(contents: Contents) -> Iterator[str]:
    """Latencies of one image, throughput, and the seconds of the whole set."""
    latencies = contents.report.latencies
    if not latencies:
        return
    pairs = dict.fromkeys((of.conditions.model, of.conditions.device) for of in latencies)
    columns = (
        "model", "device", "one image: median ms", "95 % of calls: ms up to", "images at once", "images/s",
        "whole set: s",
    )  # fmt: skip
    yield marks.table(columns, columns[:2], (_time(contents, *pair) for pair in pairs))
    yield marks.paragraph(marks.image("Milliseconds for one image", LATENCY_CHART))
    yield (
        "A call is timed from pixels in memory to logits in memory, on generated photographs, after a warm-up. "
        "The whole set: from the files to the predictions, with decoding, as if each model were scored by itself.\n"
    )
    yield markdown_text.items(_remarks(contents))


def _remarks(contents: Contents) -> Iterator[str]:
    """What makes times less trustworthy, with all that it is true of."""
    latencies = contents.report.latencies
    slow = [(of, of.p95_ns / of.p50_ns) for of in latencies if of.p95_ns > BUSY * of.p50_ns]
    if slow:
        which = figures.listed([f"{_timed(contents, of)} ({ratio:.1f} times)" for of, ratio in slow])
        yield (
            "The machine seems to have been busy with something else: one call in twenty took much longer than the "
            f"median, for {which}. Measure again on an idle machine before these times are compared."
        )
    if cold := [_timed(contents, of) for of in latencies if not of.steady]:
        yield f"Calls were still becoming faster when the warm-up ended, for {figures.listed(cold)}."


def _timed(contents: Contents, of: Latency) -> str:
    conditions, images = of.conditions, messages.counted(of.conditions.batch, "image")
    return f"{contents.name(conditions.model)} on {conditions.device} with {images}"


def _time(contents: Contents, model: str, device: str) -> Iterator[str]:
    of = {latency.scenario: latency for latency in contents.report.latencies if _key(latency) == (model, device)}
    single, offline = of.get("SingleStream"), of.get("Offline")
    scored = [r for r in contents.report.results if (r.model, r.device) == (model, device)]
    seconds = next((r.set_seconds for r in scored), None)
    yield from (contents.name(model), device)
    yield from (figures.ms(single.p50_ns) + figures.if_few(single), figures.ms(single.p95_ns)) if single else "--"
    yield str(offline.conditions.batch) if offline else "-"
    yield f"{offline.images_per_second:.1f}{figures.if_few(offline)}" if offline else "-"
    yield "-" if seconds is None else f"{seconds:.1f}"


def _key(latency: Latency) -> tuple[str, str]:
    return latency.conditions.model, latency.conditions.device


Sizes = Mapping[str, Callable[[Memory], int | None]]
"""By the name of its column, what is in it, in bytes."""

TOGETHER: Sizes = {
    "torch and libraries": lambda of: of.libraries_rss_bytes,
    "+ model at a call": lambda of: of.inference.heap_bytes,
    "= together": lambda of: of.libraries_rss_bytes + of.inference.heap_bytes,
    "model while loading": lambda of: of.loading.heap_bytes,
    "process (RSS)": lambda of: of.inference.rss_bytes,
    "sum of torch.profiler": lambda of: of.profiler_bytes,
    "GPU": lambda of: of.inference.cuda_allocated_bytes,
    "GPU reserved": lambda of: of.inference.cuda_reserved_bytes,
}

PARTS: Sizes = {
    "weights": lambda of: of.inference.heap_weights_bytes,
    "activations": lambda of: of.inference.activations_bytes,
    "workspace": lambda of: of.inference.workspace_bytes,
    "rest": lambda of: of.inference.rest_bytes,
    "= model at a call": lambda of: of.inference.heap_bytes,
}


def memory(contents: Contents) -> Iterator[str]:
    """What the libraries take, what the model takes at its peak and what that is made of, and the profiler's sum."""
    if not contents.report.memories:
        return
    yield "In MB (millions of bytes), each model in a process of its own, one image at a time:\n"
    yield _sizes(contents, TOGETHER)
    yield marks.paragraph(marks.image("Memory of the libraries and of each model", MEMORY_CHART))
    yield (
        "Together is what torch and the other libraries keep in memory before there is a model, plus the largest "
        "memory of the model while it classifies. The sum of torch.profiler is of all memory that a call allocates, "
        "also what it frees again at once. What the model's part is made of:\n"
    )
    yield _sizes(contents, PARTS)
    if any(of.inference.cuda_allocated_bytes is not None for of in contents.report.memories):
        yield marks.paragraph(
            "Weights on a GPU are part of its memory, of which GPU is what torch had allocated, not of these parts, "
            "which are of the host's."
        )


def _sizes(contents: Contents, sizes: Sizes) -> str:
    """A table with the columns that any model has."""
    memories = contents.report.memories
    columns = [name for name, size in sizes.items() if any(size(of) is not None for of in memories)]
    rows = (
        (
            contents.name(of.conditions.model),
            of.conditions.device,
            *(figures.mb(sizes[name](of)) for name in columns),
        )
        for of in memories
    )
    return marks.table(("model", "device", *columns), ("model", "device"), rows)
