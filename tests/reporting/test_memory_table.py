"""imgcls.reporting.memory_table: what peaks are made of, row by row."""

import re
from collections.abc import Sequence
from dataclasses import replace

from builders import make_memory
from imgcls.records.performance import AllocationSite, Growth, Memory
from imgcls.reporting import memory_table
from imgcls.reporting.presentation import Presentation

ALL = Presentation(400, verbosity=1)


def _rows(memories: Sequence[Memory], how: Presentation = ALL) -> list[list[str]]:
    lines = "".join(memory_table.text(memories, how)).splitlines()
    return [re.split(r"\s{2,}", line.strip()) for line in lines if line.strip()]


def test_both_peaks_are_taken_apart() -> None:
    """Weights by dtype, activations, workspace and the rest, in MB, add up to the heap in the next column."""
    memory = make_memory(growth=Growth(40, 1_000_000.0, 900_000.0, 1_100_000.0))
    header, _, loading, inference, *_ = _rows([memory])
    assert header[:7] == ["memory in MB", "peak of", "weights", "activations", "workspace", "rest", "= heap"]
    assert loading[:9] == [
        "net, cpu, batch 1", "loading", "102.0 float32", "0.0", "0.0", "8.0", "110.0", "420.0", "300.0",
    ]  # fmt: skip
    assert inference == [
        "inference", "102.0 float32", "25.0", "2.0", "1.0", "130.0", "450.0", "300.0", "60.0", "+1.000",
    ]  # fmt: skip
    assert sum(float(cell.split()[0]) for cell in inference[1:5]) == float(inference[5])


def test_a_gpu_has_columns_of_its_own() -> None:
    """They are what torch's allocator gave, and what it had reserved; its weights are no part of the heap."""
    memory = make_memory()
    peak = replace(memory.inference, cuda_allocated_bytes=300_000_000, cuda_reserved_bytes=320_000_000)
    row = _rows([replace(memory, inference=peak)])[3]
    assert (row[1], row[-2:]) == ("102.0 float32 on CUDA", ["300.0", "320.0"])


def test_the_largest_places_are_named() -> None:
    """There are ten of one model, fewer of each of many, the largest first."""
    sites = tuple(AllocationSite(f"nets.py:{line} in forward", 1_000_000 * (20 - line)) for line in range(12))
    memory = make_memory()
    many = replace(memory, inference=replace(memory.inference, sites=sites))
    of_one = [row for row in _rows([many]) if "in forward" in " ".join(row)]
    assert of_one[0][-2:] == ["nets.py:0 in forward", "20.0"]
    assert len(of_one) == 10
    of_five = [row for row in _rows([many] * 5) if "in forward" in " ".join(row)]
    assert len(of_five) == 5 * 2


def test_places_are_for_those_who_ask() -> None:
    """By default there are only peaks, and no table of places where none is known."""
    memory = make_memory()
    assert "largest allocations" in " ".join(map(str, _rows([memory])))
    assert "largest allocations" not in " ".join(map(str, _rows([memory], Presentation(400))))
    bare = replace(memory, loading=replace(memory.loading, sites=()), inference=replace(memory.inference, sites=()))
    assert "largest allocations" not in " ".join(map(str, _rows([bare])))
