"""What peaks of memory are made of, as tables for a terminal. Returns strings."""

from collections.abc import Iterator, Sequence
from itertools import islice

from imgcls import layout
from imgcls.measures import Memory, Peak

SITES = 10
"""Places in the code that are shown, shared out among the models; all are in the JSON document."""

COLUMNS = (
    "memory in MB", "peak of", "weights", "activations", "workspace", "rest", "= heap", "RSS", "of it libraries",
    "a call allocates", "growth per call",
)  # fmt: skip
GPU = ("CUDA", "reserved")


def text(memories: Sequence[Memory]) -> str:
    """Both peaks of every model, row by row in MB, and the places in the code that allocated most of them."""
    console = layout.console()
    console.print(_peaks(memories))
    console.print(_sites(memories))
    return layout.printed(console)


def _peaks(memories: Sequence[Memory]) -> object:
    on_gpu = any(seen.inference.cuda_allocated_bytes is not None for seen in memories)
    columns = COLUMNS + GPU * on_gpu
    table = layout.table(*columns, left=2)
    for seen in memories:
        for peak in (seen.loading, seen.inference):
            table.add_row(*islice(_row(seen, peak), len(columns)))
    return table


def _row(seen: Memory, peak: Peak) -> Iterator[str]:
    at_inference = peak.phase == "inference"
    yield "" if at_inference else f"{seen.conditions.model}, {seen.conditions.device}, batch {seen.conditions.batch}"
    yield peak.phase
    yield " + ".join(f"{_mb(size)} {dtype}" for dtype, size in peak.weights.items()) or "-"
    yield from map(_mb, (peak.activations_bytes, peak.workspace_bytes, peak.rest_bytes, peak.heap_bytes))
    yield from map(_mb, (peak.rss_bytes, seen.libraries_rss_bytes))
    yield _mb(seen.profiler_bytes) if at_inference else ""
    yield f"{seen.growth.bytes_per_call / 1e6:+.3f}" if at_inference else ""
    yield from ("-" if size is None else _mb(size) for size in (peak.cuda_allocated_bytes, peak.cuda_reserved_bytes))


def _sites(memories: Sequence[Memory]) -> object:
    table = layout.table("largest allocations", "peak of", "place", "MB", left=3)
    for seen in memories:
        for peak in (seen.loading, seen.inference):
            for site in peak.sites[: max(1, SITES // len(memories))]:
                table.add_row(seen.conditions.model, peak.phase, site.where, _mb(site.bytes))
    return table


def _mb(size: int) -> str:
    return f"{size / 1e6:.1f}"
