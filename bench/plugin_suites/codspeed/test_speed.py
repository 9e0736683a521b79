"""Benchmarks under CodSpeed's own fixture."""

import pytest


def test_sum(benchmark):
    assert benchmark(sum, [1, 2]) == 3


@pytest.mark.benchmark
def test_marked():
    assert sum([1, 2]) == 4
