"""imgcls.performance.benchmark_files: raw rounds and conditions come back from what pytest-benchmark saved."""

from pathlib import Path

import pytest

from builders import MACHINE, extra_info, noisy_rounds, write_saved_run
from imgcls.errors import ConfigError
from imgcls.performance import benchmark_files
from imgcls.performance.benchmark_files import Timing

NAME = "bench/test_latency.py::test_latency[net-cpu-SingleStream]"


def test_benchmarks_of_the_fixture_are_read_by_name(tmp_path: Path) -> None:
    """Rounds and conditions are as they were measured, and benchmarks that did not use the fixture are left out."""
    file = write_saved_run(tmp_path / "run.json", {NAME: extra_info(0), "other": {"note": "x"}})
    assert benchmark_files.read(file) == {
        NAME: Timing(noisy_rounds(0), "net", "SingleStream", 1, "cpu", "resize(8, bilinear)", 2, MACHINE, "cd" * 32)
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "there is no saved run of this name; make one with pytest --benchmark-json /"),
        ("{", "not a run saved by pytest-benchmark"),
        ('{"format": 1, "results": []}', "not a run saved by pytest-benchmark"),
        ('{"benchmarks": []}', "none of its 0 benchmarks used imgcls's latency fixture"),
        ('{"benchmarks": [{"fullname": "x", "extra_info": {}}]}', "none of its 1 benchmarks used imgcls's latency"),
        (
            '{"benchmarks": [{"fullname": "x", "extra_info": {"rounds_ns": 3, "scenario": 1}}]}',
            "its extra_info is not that of this",
        ),
    ],
)
def test_other_files_are_refused(tmp_path: Path, text: str | None, message: str) -> None:
    """The error names the file, and what is wrong or how to make such a run."""
    file = tmp_path / "gone.json"
    if text is not None:
        file.write_text(text)
    with pytest.raises(ConfigError, match=r"gone\.json") as refused:
        benchmark_files.read(file)
    assert message in str(refused.value)
