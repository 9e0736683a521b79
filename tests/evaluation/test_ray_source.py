"""imgcls.evaluation.ray_source: every part is read once, on the driver's machine, from a stream that nobody holds."""

import warnings
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from imgcls.records.data import ImageRef


@pytest.fixture(scope="module")
def ray_source() -> ModuleType:
    """The module, which imports Ray."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Ray's own
        pytest.importorskip("ray.data")
        from imgcls.evaluation import ray_source
    return ray_source


def _stream(count: int) -> Iterator[tuple[list[ImageRef], tuple[str, ...]]]:
    for number in range(count):
        yield [ImageRef(f"{number}.jpg", Path(f"/{number}.jpg"), f"{number:064x}", None)], ("net",)


@pytest.mark.parametrize(("tasks", "more"), [(0, 0), (0, 1), (1, 0), (2, 3)])
def test_each_part_is_in_one_row_and_is_found_again_by_where_it_begins(
    ray_source: ModuleType, tmp_path: Path, tasks: int, more: int
) -> None:
    """As many tasks as it takes, with at most PARTS_PER_TASK parts each."""
    most = ray_source.PARTS_PER_TASK
    count = tasks * most + more
    parts = ray_source.Parts(tmp_path / "parts", _stream(count))
    blocks = [list(task()) for task in parts.get_read_tasks(1)]
    assert [len(of_task) <= most for of_task in blocks] == [True] * -(-count // most)
    starts = [at for of_task in blocks for block in of_task for at in block["at"].to_pylist()]
    assert [parts.at(start) for start in starts] == list(_stream(count))


def test_parts_are_read_where_the_file_is(ray_source: ModuleType, tmp_path: Path) -> None:
    """A node without the driver's disk has no such file."""
    parts = ray_source.Parts(tmp_path / "parts", _stream(1))
    assert not parts.supports_distributed_reads
    assert parts.estimate_inmemory_data_size() == (tmp_path / "parts").stat().st_size
