"""What a run leaves for the processes that report it: its plan, its progress, its outcomes and its listings."""

import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import msgspec

from imgcls import hashing
from imgcls.records.data import ImageRef, LabelList
from imgcls.records.evaluation import DatasetOutcome
from imgcls.store.connection import DAY_SECONDS, IMAGES_PER_QUERY, Connection
from imgcls.store.schema import FILE

FORGOTTEN_DAYS = 7  # docs/decisions.md#store-limits


class Runs(Connection):
    """Runs by their ids."""

    def plan(self, run_id: str, pairs: Sequence[tuple[str, str]]) -> None:
        """Store (model, dataset) pairs that a run is going to score."""
        with self._transaction() as transaction:
            transaction.executemany(
                "insert or ignore into plans values (?, ?, ?, ?)",
                [(run_id, model, dataset, int(time.time())) for model, dataset in pairs],
            )

    def planned(self, run_id: str) -> set[tuple[str, str]]:
        """The (model, dataset) pairs of :meth:`plan`."""
        return set(self._rows("select model, dataset from plans where run = ?", run_id))

    def put_progress(self, run_id: str, dataset: str, done: int, total: int) -> None:
        """Store how many images of a pass are done, for the process that has the terminal."""
        with self._transaction() as transaction:
            transaction.execute("insert or replace into progress values (?, ?, ?, ?)", (run_id, dataset, done, total))

    def put_outcome(
        self, run_id: str, outcome: DatasetOutcome, images: Sequence[ImageRef], lists: Sequence[LabelList]
    ) -> None:
        """Store the outcome of a run on a dataset, the order of its images, and the label lists of its models."""
        now = int(time.time())
        with self._transaction() as transaction:
            transaction.execute(
                "insert or replace into outcomes values (?, ?, ?)",
                (run_id, outcome.dataset, msgspec.json.encode(outcome)),
            )
            transaction.execute("delete from listings where run = ? and dataset = ?", (run_id, outcome.dataset))
            transaction.executemany(
                "insert into listings values (?, ?, ?, ?, ?, ?)",
                (
                    (run_id, outcome.dataset, position, image.path, bytes.fromhex(image.sha256), image.label)
                    for position, image in enumerate(images)
                ),
            )
            keys = [(now, pair.prediction_key) for pair in outcome.pairs]
            transaction.executemany("update keys set used_at = ? where sha256 = ?", keys)
            planned = [(run_id, pair.scores.model, outcome.dataset, now) for pair in outcome.pairs]
            transaction.executemany("insert or ignore into plans values (?, ?, ?, ?)", planned)
            for labels in lists:
                key = list_key(labels)
                rows = ((key, position, name) for position, name in enumerate(labels.names))
                transaction.executemany("insert or ignore into names values (?, ?, ?)", rows)

    def outcome(self, run_id: str, dataset: str) -> DatasetOutcome | None:
        """The outcome of a run on a dataset; None where there is none yet."""
        rows = self._rows("select body from outcomes where run = ? and dataset = ?", run_id, dataset)
        return msgspec.json.decode(rows[0][0], type=DatasetOutcome) if rows else None

    def listing(self, run_id: str, dataset: str) -> Iterator[list[tuple[str, str, str | None]]]:
        """The images of a run in order, as batches of (path, sha256, label)."""
        last = -1
        while rows := self._rows(
            "select position, path, hex(image), label from listings "
            "where run = ? and dataset = ? and position > ? order by position limit ?",
            run_id, dataset, last, IMAGES_PER_QUERY,
        ):  # fmt: skip
            last = rows[-1][0]
            yield [(path, image.lower(), label) for _, path, image, label in rows]

    def names(self, key: str) -> tuple[str, ...]:
        """The names of a label list, by its :func:`list_key`."""
        return tuple(name for (name,) in self._rows("select name from names where list = ? order by position", key))

    def forget(self, run_id: str) -> None:
        """Delete what this run left, and what runs that died more than :data:`FORGOTTEN_DAYS` days ago left."""
        with self._transaction() as transaction:
            old = "select run from plans where made_at < ?"
            for table in ("listings", "outcomes", "progress", "plans"):
                transaction.execute(
                    f"delete from {table} where run = ? or run in ({old})",  # noqa: S608 - our own words
                    (run_id, int(time.time()) - FORGOTTEN_DAYS * DAY_SECONDS),
                )


def progress_of(folder: Path, run_id: str) -> list[tuple[str, int, int]]:
    """The progress of a run as (dataset, done, total), read from a store's folder without opening the store."""
    try:
        with closing(sqlite3.connect(f"{(folder / FILE).absolute().as_uri()}?mode=ro", uri=True)) as connection:
            query = "select dataset, done, total from progress where run = ? order by dataset"
            return connection.execute(query, (run_id,)).fetchall()
    except sqlite3.OperationalError:  # no store yet, or one that is being written: the next call has it
        return []


def list_key(labels: LabelList) -> str:
    """The hash of a label list's names: the key of :meth:`Runs.names`."""
    return hashing.of_json(labels.names)
