"""Parts of images as a stream of rows for Ray Data: a file of the driver's machine, read there a part at a time.

Imported only where Ray is installed.
"""

from __future__ import annotations

import marshal
from array import array
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

import pyarrow as pa
from ray.data import Datasource
from ray.data.block import Block, BlockMetadata
from ray.data.datasource import ReadTask

from imgcls.evaluation import ray_rows
from imgcls.evaluation.ray_rows import Part

PARTS_PER_TASK = 64  # docs/decisions.md#parts-on-ray
"""Parts that one task of Ray reads, one after the other, no faster than they are taken."""


class Parts(Datasource):
    """A file of parts. Its rows have ``at``, where a part begins in the file, and ``part``, its bytes."""

    def __init__(self, file: Path, parts: Iterable[Part]) -> None:
        """Write the file, from a stream. Raises OSError where there is no room."""
        super().__init__()  # type: ignore[no-untyped-call]
        self._file, self._starts, self._count = file, array("Q"), 0
        with file.open("wb") as out:
            for images, names in parts:
                if self._count % PARTS_PER_TASK == 0:
                    self._starts.append(out.tell())
                marshal.dump(ray_rows.pack_part(images, names), out)
                self._count += 1
            self._bytes = out.tell()

    def at(self, start: int) -> Part:
        """The part that begins there."""
        with self._file.open("rb") as source:
            source.seek(start)
            return ray_rows.unpack_part(marshal.load(source))  # noqa: S302 - written by this object

    @property
    def supports_distributed_reads(self) -> bool:
        """False: the file is on the driver's machine only."""
        return False

    def estimate_inmemory_data_size(self) -> int:
        return self._bytes

    def get_read_tasks(
        self,
        parallelism: int,  # noqa: ARG002 - Ray's interface
        per_task_row_limit: int | None = None,
        data_context: object = None,  # noqa: ARG002 - Ray's interface
    ) -> list[ReadTask]:
        """A task for each :data:`PARTS_PER_TASK` parts."""
        metadata = BlockMetadata(PARTS_PER_TASK, self._bytes // max(1, len(self._starts)), None, None)
        tasks = (partial(_rows, self._file, start) for start in self._starts)
        return [ReadTask(task, metadata, per_task_row_limit=per_task_row_limit) for task in tasks]


def _rows(file: Path, start: int) -> Iterator[Block]:
    """The parts from there on, each a block of one row."""
    with file.open("rb") as source:
        source.seek(start)
        for _ in range(PARTS_PER_TASK):
            at = source.tell()
            try:
                body = marshal.load(source)  # noqa: S302 - written by the driver
            except EOFError:
                return
            yield pa.table({"at": [at], "part": [body]})
