"""imgcls.evaluation.ray_source: every part is read once, on the driver's machine, from a stream that nobody holds."""

import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from imgcls.records.data import ImageRef

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Ray's own
    pytest.importorskip("ray.data")
    from imgcls.evaluation.ray_source import PARTS_PER_TASK, Parts


def _stream(count: int) -> Iterator[tuple[list[ImageRef], tuple[str, ...]]]:
    for number in range(count):
        yield [ImageRef(f"{number}.jpg", Path(f"/{number}.jpg"), f"{number:064x}", None)], ("net",)


@pytest.mark.parametrize("count", [0, 1, PARTS_PER_TASK, 2 * PARTS_PER_TASK + 3])
def test_each_part_is_in_one_row_and_is_found_again_by_where_it_begins(tmp_path: Path, count: int) -> None:
    """As many tasks as it takes, with at most :data:`PARTS_PER_TASK` parts each."""
    parts = Parts(tmp_path / "parts", _stream(count))
    blocks = [list(task()) for task in parts.get_read_tasks(1)]
    assert [len(of_task) <= PARTS_PER_TASK for of_task in blocks] == [True] * -(-count // PARTS_PER_TASK)
    starts = [at for of_task in blocks for block in of_task for at in block["at"].to_pylist()]
    assert [parts.at(start) for start in starts] == list(_stream(count))


def test_parts_are_read_where_the_file_is(tmp_path: Path) -> None:
    """A node without the driver's disk has no such file."""
    parts = Parts(tmp_path / "parts", _stream(1))
    assert not parts.supports_distributed_reads
    assert parts.estimate_inmemory_data_size() == (tmp_path / "parts").stat().st_size
