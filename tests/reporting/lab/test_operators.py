"""imgcls.reporting.lab.operators: torch.profiler's table."""

from dataclasses import replace

import markdown_pages
from imgcls.records.performance import Profile
from imgcls.reporting.lab import operators
from lab_parts import OPERATORS, make_contents


def test_the_first_ten_operators_of_each_model() -> None:
    """With the sum of all, and how many are not shown."""
    text = "\n".join(operators.blocks(make_contents()))
    good, bad = markdown_pages.tables(text)
    assert len(good) == len(bad) == 11
    assert good[1] == ["aten::op_12", "2", "12.00", "15.4", "24.00", "5.0"]
    assert "All operators together: 78.00 ms of CPU time; 2 more operators not shown here." in text


def test_on_a_gpu_the_times_are_its_own() -> None:
    """Those of the kernels that an operator launched."""
    contents = make_contents()
    on_gpu = replace(OPERATORS[0], self_cuda_ns=3_000_000, cuda_total_ns=4_000_000, self_cuda_memory_bytes=6_000_000)
    profile = Profile(contents.report.profiles[0].conditions, (1,), (on_gpu,), (3_000_000,))
    text = "\n".join(operators.blocks(replace(contents, report=replace(contents.report, profiles=(profile,)))))
    [[head, row]] = markdown_pages.tables(text)
    assert head[2] == "GPU ms itself"
    assert row == ["aten::op_12", "2", "3.00", "100.0", "4.00", "6.0"]
    assert "All operators together: 3.00 ms of GPU time." in text
