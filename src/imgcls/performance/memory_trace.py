"""What a peak of memory was made of, from the records of allocations that memray captured."""

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from imgcls.records.performance import AllocationSite, Peak, Phase

MemoryPart = Literal["tensors", "workspace", "rest"]

Blocks = dict[int, Any]
"""What is allocated at one moment: memray's records by address."""

SITES = 10  # docs/decisions.md#places-in-the-code

TORCHS_ALLOCATOR = "c10::alloc_cpu"  # docs/decisions.md#memory-by-block

ONEDNNS_TENSOR = "ideep::"  # docs/decisions.md#memory-by-block
"""Below torch's allocator: a copy in oneDNN's own order of values, which an operator makes for itself."""

ALLOCATORS_FRAMES = 6  # docs/decisions.md#memory-by-block

OPERATORS = re.compile(r"\b(?:at|c10|caffe2|torch|ideep|dnnl|mkl|fbgemm|Xbyak)(?:::|_)|\b(?:gomp|GOMP|omp|cblas)_")

PYTHON = re.compile(r"\b_?Py[A-Z]")


@dataclass(slots=True)
class PeakUsage:
    """The largest memory of a phase as the system and torch's CUDA allocator count it."""

    rss_bytes: int = 0
    cuda_allocated_bytes: int | None = None
    cuda_reserved_bytes: int | None = None


def weight_bytes(module: Any) -> list[Any]:
    """Every tensor of the module's parameters and buffers once, buffers that are not saved among them."""
    distinct = {tensor.data_ptr(): tensor for tensor in (*module.parameters(), *module.buffers()) if tensor.numel()}
    return list(distinct.values())


def by_dtype(weights: Iterable[Any]) -> dict[str, int]:
    """The bytes of the weights by the name of their dtype."""
    total: Counter[str] = Counter()
    for tensor in weights:
        total[str(tensor.dtype).removeprefix("torch.")] += tensor.nbytes
    return dict(total)


def _replayed(records: Iterable[Any], blocks: Blocks) -> Iterator[int]:
    """Apply a phase's allocations to ``blocks``, one by one; yields the bytes that are allocated after each."""
    from memray import AllocatorType

    total = sum(block.size for block in blocks.values())
    for record in records:
        freed = blocks.pop(record.address, None)
        total -= freed.size if freed else 0
        if record.allocator not in {AllocatorType.FREE, AllocatorType.MUNMAP}:
            blocks[record.address] = record
            total += record.size
        yield total


def memory_phase(reader: Any, before: Blocks) -> tuple[Blocks, Blocks]:
    """The blocks at a phase's peak and at its end, those from before the phase among them."""
    records = list(reader.get_allocation_records())
    at_end = dict(before)
    totals = [sum(block.size for block in before.values()), *_replayed(records, at_end)]
    at_peak = dict(before)
    for _ in _replayed(records[: totals.index(max(totals))], at_peak):
        pass
    return at_peak, at_end


def placed_blocks(blocks: Blocks, weights: Iterable[Any]) -> Counter[MemoryPart]:
    """The bytes of the weights by the part of the blocks in which they lie."""
    placed: Counter[MemoryPart] = Counter()
    starts = sorted(blocks)
    for tensor in weights:
        address = tensor.data_ptr() if tensor.device.type == "cpu" else 0
        start = starts[bisect_right(starts, address) - 1]
        if start <= address < start + blocks[start].size:
            placed[_part(blocks[start])] += tensor.nbytes
    return placed


def _part(record: Any) -> MemoryPart:
    """Tensors come from torch's allocator; the rest belongs to the innermost function that is known."""
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


def peak(
    phase: Phase, blocks: Blocks, weights: Mapping[str, int], placed: Mapping[MemoryPart, int], usage: PeakUsage
) -> Peak:
    """A peak by its rows; where the weights lie (``placed``) they are counted only as weights.

    A peak that is too small for them came before they were loaded.
    """
    parts: Counter[MemoryPart] = Counter()
    sites: Counter[str] = Counter()
    for block in blocks.values():
        parts[_part(block)] += block.size
        sites[_where(block)] += block.size
    loaded = all(parts[part] >= size for part, size in placed.items())
    other = parts - Counter(placed) if loaded else parts
    return Peak(
        phase=phase,
        heap_bytes=parts.total(),
        rss_bytes=usage.rss_bytes,
        weights=weights if loaded else {},
        activations_bytes=other["tensors"],
        workspace_bytes=other["workspace"],
        rest_bytes=other["rest"],
        sites=tuple(AllocationSite(where, size) for where, size in sites.most_common(SITES)),
        cuda_allocated_bytes=usage.cuda_allocated_bytes,
        cuda_reserved_bytes=usage.cuda_reserved_bytes,
    )
