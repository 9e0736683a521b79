"""imgcls.performance.memory_trace: which blocks make up a peak, and to which row each of them belongs."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import torch
from memray import AllocatorType

from imgcls.performance import memory_trace
from imgcls.performance.memory_trace import PeakUsage
from imgcls.records.performance import AllocationSite, Peak

ALLOCATOR = ["posix_memalign", "c10::alloc_cpu(unsigned long)", "at::native::empty_cpu"]
ONEDNN = ["posix_memalign", "c10::alloc_cpu(unsigned long)", "ideep::tensor::init", "at::native::mkldnn"]
OPERATOR = ["malloc", "unknown", "at::native::im2col", "_PyEval_EvalFrameDefault"]
PYTHON = ["malloc", "_PyObject_Malloc", "at::native::im2col"]


def _block(address: int, size: int, functions: Sequence[str] = PYTHON, line: int = 1) -> Any:
    """One of memray's records: an allocation."""
    return SimpleNamespace(
        address=address,
        size=size,
        allocator=AllocatorType.MALLOC,
        native_stack_trace=lambda: [(name, "file.cpp", 1) for name in functions],
        stack_trace=lambda: [("conv", f"{torch.__path__[0]}/nn.py", 9), ("forward", "/code/nets.py", line)],
    )


def _free(address: int) -> Any:
    return SimpleNamespace(address=address, size=0, allocator=AllocatorType.FREE)


def _sizes(blocks: memory_trace.Blocks) -> dict[int, int]:
    return {address: block.size for address, block in blocks.items()}


def test_a_phase_has_the_blocks_of_its_peak_and_of_its_end() -> None:
    """Blocks from before the phase count until they are freed, and the first of equal peaks is the peak."""
    records = [_block(1, 100), _free(9), _block(2, 50), _free(2), _block(3, 50), _free(1), _free(7)]
    before = {9: _block(9, 30)}
    at_peak, at_end = memory_trace.memory_phase(SimpleNamespace(get_allocation_records=lambda: records), before)
    assert _sizes(at_peak) == {1: 100, 2: 50}
    assert _sizes(at_end) == {3: 50}
    assert _sizes(before) == {9: 30}


def test_a_phase_without_allocations_has_the_blocks_from_before() -> None:
    """Its peak and its end are its beginning."""
    before = {9: _block(9, 30)}
    phase = memory_trace.memory_phase(SimpleNamespace(get_allocation_records=list), before)
    assert [_sizes(blocks) for blocks in phase] == [{9: 30}, {9: 30}]


def test_every_block_is_in_one_row() -> None:
    """Torch's allocator gives tensors, oneDNN's copies and operators' own allocations are workspace, Python is rest."""
    functions: list[list[str]] = [ALLOCATOR, ONEDNN, OPERATOR, PYTHON, []]
    blocks = {number: _block(number, 10**number, names, line=number) for number, names in enumerate(functions)}
    peak = memory_trace.peak("inference", blocks, {}, {}, PeakUsage(7, 8, 9))
    assert peak == Peak(
        phase="inference",
        heap_bytes=11_111,
        rss_bytes=7,
        weights={},
        activations_bytes=1,
        workspace_bytes=10 + 100,
        rest_bytes=1_000 + 10_000,
        sites=tuple(AllocationSite(f"nets.py:{line} in forward", 10**line) for line in (4, 3, 2, 1, 0)),
        cuda_allocated_bytes=8,
        cuda_reserved_bytes=9,
    )


def test_weights_are_taken_from_the_rows_in_which_they_lie() -> None:
    """A tensor lies in the block around its address, and what is counted as weights is not counted again."""
    weights = [torch.ones(4), torch.ones(2, dtype=torch.float64)]
    blocks = {weights[0].data_ptr() - 8: _block(0, 64, ALLOCATOR), weights[1].data_ptr(): _block(0, 16, PYTHON)}
    placed = memory_trace.placed_blocks(blocks, weights)
    assert placed == {"tensors": 16, "rest": 16}
    by_dtype = memory_trace.by_dtype(weights)
    assert by_dtype == {"float32": 16, "float64": 16}
    peak = memory_trace.peak("inference", blocks, by_dtype, placed, PeakUsage())
    assert (peak.weights, peak.activations_bytes, peak.rest_bytes) == (by_dtype, 48, 0)


def test_a_peak_that_is_too_small_for_the_weights_has_none() -> None:
    """It came before they were loaded, and all of it is other memory."""
    blocks = {1: _block(1, 15, ALLOCATOR)}
    peak = memory_trace.peak("loading", blocks, {"float32": 16}, {"tensors": 16}, PeakUsage())
    assert (peak.weights, peak.activations_bytes) == ({}, 15)


def test_every_parameter_and_buffer_counts_once() -> None:
    """Shared parameters are one tensor, buffers that are not saved are among the weights, and empty ones are not."""
    module = torch.nn.Linear(3, 2, bias=False)
    module.again = module.weight
    module.register_buffer("scale", torch.ones(5), persistent=False)
    module.register_buffer("empty", torch.ones(0))
    assert memory_trace.by_dtype(memory_trace.weight_bytes(module)) == {"float32": 4 * (6 + 5)}
