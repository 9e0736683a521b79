"""Peaks of memory as tables for a terminal: what each is made of, and where it was allocated."""

from collections.abc import Iterator, Sequence
from itertools import islice

from imgcls.records.performance import Memory, Peak
from imgcls.reporting import text_table
from imgcls.reporting.presentation import Presentation
from imgcls.reporting.text_table import NamedTable

SITES_SHOWN = 10  # docs/decisions.md#names-in-a-message
"""Places in the code that are shown, shared among the models; all are in the JSON document."""

COLUMNS = (
    "memory in MB", "peak of", "weights", "activations", "workspace", "rest", "= heap", "RSS", "of it libraries",
    "a call allocates", "growth per call",
)  # fmt: skip

GPU_COLUMNS = ("CUDA", "reserved")

IMPORTANCE = (
    "memory in MB",
    "peak of",
    "= heap",
    "CUDA",
    "weights",
    "activations",
    "workspace",
    "rest",
    "growth per call",
    "RSS",
)  # docs/decisions.md#tables-of-80-columns


def text(memories: Sequence[Memory], how: Presentation) -> Iterator[str]:
    """Both peaks of every model, row by row in MB, and for all that is to be known who allocated most of them."""
    yield how.text(peaks(memories))
    if how.verbosity > 0 and any(peak.sites for memory in memories for peak in (memory.loading, memory.inference)):
        yield how.text(sites(memories))


def peaks(memories: Sequence[Memory]) -> NamedTable:
    on_gpu = any(memory.inference.cuda_allocated_bytes is not None for memory in memories)
    columns = COLUMNS + GPU_COLUMNS * on_gpu
    table = text_table.table(*columns, left=2, importance=IMPORTANCE)
    for memory in memories:
        for peak in (memory.loading, memory.inference):
            table.add_row(*islice(_row(memory, peak), len(columns)))
    return table


def _row(memory: Memory, peak: Peak) -> Iterator[str]:
    at_inference = peak.phase == "inference"
    conditions = memory.conditions
    name = text_table.model_name(conditions.model, untrained=conditions.untrained)
    yield "" if at_inference else f"{name}, {conditions.device}, batch {conditions.batch}"
    yield peak.phase
    place = "" if peak.cuda_allocated_bytes is None else " on CUDA"
    yield " + ".join(f"{_mb(size)} {dtype}{place}" for dtype, size in peak.weights.items()) or "-"
    yield from map(_mb, (peak.activations_bytes, peak.workspace_bytes, peak.rest_bytes, peak.heap_bytes))
    yield from map(_mb, (peak.rss_bytes, memory.libraries_rss_bytes))
    yield _mb(memory.profiler_bytes) if at_inference else ""
    yield f"{memory.growth.bytes_per_call / 1e6:+.3f}" if at_inference else ""
    yield from ("-" if size is None else _mb(size) for size in (peak.cuda_allocated_bytes, peak.cuda_reserved_bytes))


def sites(memories: Sequence[Memory]) -> NamedTable:
    table = text_table.table(
        "largest allocations", "peak of", "place", "MB", left=3, names=("largest allocations", "place"),
        importance=("largest allocations", "place", "MB", "peak of"),
    )  # fmt: skip
    for memory in memories:
        for peak in (memory.loading, memory.inference):
            for site in peak.sites[: max(1, SITES_SHOWN // len(memories))]:
                name = text_table.model_name(memory.conditions.model, untrained=memory.conditions.untrained)
                table.add_row(name, peak.phase, site.where, _mb(site.bytes))
    return table


def _mb(size: int) -> str:
    return f"{size / 1e6:.1f}"
