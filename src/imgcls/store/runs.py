"""What a run leaves for the processes that report it: its plan, its progress, its outcomes and its listings.

None of it can be computed again by the process that reads it: what is damaged or lost is refused.
"""

import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from itertools import islice
from pathlib import Path

import msgspec

from imgcls import hashing
from imgcls.records.data import ImageRef, LabelList
from imgcls.records.evaluation import DatasetOutcome
from imgcls.store import checksum, connection
from imgcls.store.connection import DAY_SECONDS, IMAGES_PER_QUERY, Connection
from imgcls.store.damage import lost, refused
from imgcls.store.schema import FILE

LISTED = 65_536  # docs/decisions.md#images-per-transaction
"""Images of a listing that are written or deleted in one transaction."""

UNFINISHED = -1
"""In the place of the number of images, while a listing is written or deleted."""

FORGOTTEN_DAYS = 7  # docs/decisions.md#store-limits


class Runs(Connection):
    """Runs by their ids."""

    def plan(self, run_id: str, pairs: Sequence[tuple[str, str]]) -> None:
        """Store (model, dataset) pairs that a run is going to score."""
        with self._transaction() as transaction:
            self._add_to_plan(transaction, run_id, pairs)

    def planned(self, run_id: str) -> set[tuple[str, str]]:
        """The (model, dataset) pairs of :meth:`plan`, and those that were scored. Raises StoreError."""
        plan = self._plan(run_id)
        if plan is None and self._rows("select 1 from outcomes where run = ?", run_id):
            raise lost(self.file, "what this run is going to score")
        return set(plan[1]) if plan else set()

    def _plan(self, run_id: str) -> tuple[int, list[tuple[str, str]]] | None:
        """When the plan of a run was made, and its pairs."""
        row = self._undamaged("what this run is going to score", "plans", "made_at, body", {"run": run_id})
        return (row[0], msgspec.json.decode(row[1], type=list[tuple[str, str]])) if row else None

    def _add_to_plan(self, transaction: sqlite3.Connection, run_id: str, pairs: Sequence[tuple[str, str]]) -> None:
        made_at, known = self._plan(run_id) or (int(time.time()), [])
        body = msgspec.json.encode(sorted({*known, *pairs}))
        connection.write(transaction, "plans", [(run_id, made_at, body)])

    def put_progress(self, run_id: str, dataset: str, done: int, total: int) -> None:
        """Store how many images of a pass are done, for the process that has the terminal."""
        with self._transaction() as transaction:
            connection.write(transaction, "progress", [(run_id, dataset, done, total)])

    def put_outcome(
        self, run_id: str, outcome: DatasetOutcome, images: Sequence[ImageRef], lists: Sequence[LabelList]
    ) -> None:
        """Store the outcome of a run on a dataset, the order of its images, and the label lists of its models."""
        dataset = outcome.dataset
        with self._whole_unless(len(images) > LISTED and self._outcome(run_id, dataset) is None):
            with self._transaction() as transaction:
                self._add_to_plan(transaction, run_id, [(pair.scores.model, dataset) for pair in outcome.pairs])
                _write_unfinished(transaction, run_id, dataset)
            self._delete_listing(run_id, dataset)
            listed = (
                (run_id, dataset, position, image.path, bytes.fromhex(image.sha256), image.label)
                for position, image in enumerate(images)
            )
            for _ in range(0, len(images), LISTED):
                with self._transaction() as transaction:
                    connection.write(transaction, "listings", islice(listed, LISTED))
            with self._transaction() as transaction:
                _write_outcome(transaction, run_id, outcome, len(images))
                names = [(list_key(labels), msgspec.json.encode(labels.names)) for labels in lists]
                connection.write(transaction, "names", names)

    def _whole_unless(self, is_large: bool) -> AbstractContextManager[None]:
        """One transaction for all that is written inside, or none, so that each part of it has its own."""
        return nullcontext() if is_large else self.transaction()

    def _delete_listing(self, run_id: str, dataset: str) -> None:
        about = (run_id, dataset)
        first = "select position from listings where run = ? and dataset = ? order by position limit 1 offset ?"
        while rows := self._rows(first, *about, LISTED):
            with self._transaction() as transaction:
                query = "delete from listings where run = ? and dataset = ? and position < ?"
                transaction.execute(query, (*about, rows[0][0]))
        with self._transaction() as transaction:
            transaction.execute("delete from listings where run = ? and dataset = ?", about)

    def outcome(self, run_id: str, dataset: str) -> DatasetOutcome | None:
        """The outcome of a run on a dataset; None where there is none yet. Raises StoreError."""
        row = self._outcome(run_id, dataset)
        with self._errors():
            return msgspec.json.decode(row[1], type=DatasetOutcome) if row else None

    def _outcome(self, run_id: str, dataset: str) -> tuple[int, bytes] | None:
        """The number of images of an outcome, and its JSON; None where it is not there, or not yet."""
        what = f"the outcome of this run on {dataset}"
        row = self._undamaged(what, "outcomes", "images, body", {"run": run_id, "dataset": dataset})
        return (row[0], row[1]) if row and row[0] != UNFINISHED else None

    def listing(self, run_id: str, dataset: str) -> Iterator[list[tuple[str, str, str | None]]]:
        """The images of a run in order, as batches of (path, sha256, label). Raises StoreError where one is lost."""
        total = (self._outcome(run_id, dataset) or (0,))[0]
        for start in range(0, total, IMAGES_PER_QUERY):
            rows = self._rows(
                "select position, path, image, label, checksum from listings "
                "where run = ? and dataset = ? and position >= ? order by position limit ?",
                run_id, dataset, start, IMAGES_PER_QUERY,
            )  # fmt: skip
            expected = range(start, min(start + IMAGES_PER_QUERY, total))
            if [position for position, *_ in rows] != list(expected):
                raise lost(self.file, f"the images of {dataset}")
            for *values, stored in rows:
                if checksum.of("listings", run_id, dataset, *values) != stored:
                    raise refused(self.file, f"an image of {dataset}")
            yield [(path, image.hex(), label) for _, path, image, label, _ in rows]

    def names(self, key: str) -> tuple[str, ...]:
        """The names of a label list, by its :func:`list_key`. Raises StoreError where there is none."""
        row = self._undamaged("a list of class names", "names", "body", {"list": key})
        if row is None:
            raise lost(self.file, "a list of class names")
        return msgspec.json.decode(row[0], type=tuple[str, ...])

    def forget(self, run_id: str) -> None:
        """Delete what this run left, and what runs that died more than :data:`FORGOTTEN_DAYS` days ago left."""
        dead = int(time.time()) - FORGOTTEN_DAYS * DAY_SECONDS
        old = [run for (run,) in self._rows("select run from plans where made_at < ?", dead)]
        for run in dict.fromkeys([run_id, *old]):
            self._forget_run(run)

    def _forget_run(self, run: str) -> None:
        query = "select dataset, images between 0 and ? from outcomes where run = ?"
        datasets = dict(self._rows(query, LISTED, run))
        with self._whole_unless(not all(datasets.values())):
            for dataset in datasets:
                with self._transaction() as transaction:
                    _write_unfinished(transaction, run, dataset)
                self._delete_listing(run, dataset)
            with self._transaction() as transaction:
                for table in ("listings", "outcomes", "progress", "plans"):
                    transaction.execute(f"delete from {table} where run = ?", (run,))  # noqa: S608 - our own words


def _write_unfinished(transaction: sqlite3.Connection, run_id: str, dataset: str) -> None:
    """State that a listing is being written or deleted, so that no part of it is taken for one that was lost."""
    connection.write(transaction, "outcomes", [(run_id, dataset, UNFINISHED, b"")])


def _write_outcome(transaction: sqlite3.Connection, run_id: str, outcome: DatasetOutcome, images: int) -> None:
    connection.write(transaction, "outcomes", [(run_id, outcome.dataset, images, msgspec.json.encode(outcome))])
    now, used = int(time.time()), {pair.prediction_key: pair.scores.class_count for pair in outcome.pairs}
    keys = [(bytes.fromhex(key), classes, now) for key, classes in used.items() if key and classes is not None]
    connection.write(transaction, "keys", keys)


def progress_of(folder: Path, run_id: str) -> list[tuple[str, int, int]]:
    """The progress of a run as (dataset, done, total), read from a store's folder without opening the store."""
    try:
        with closing(sqlite3.connect(f"{(folder / FILE).absolute().as_uri()}?mode=ro", uri=True)) as reader:
            reader.text_factory = connection.text
            query = "select dataset, done, total, checksum from progress where run = ? order by dataset"
            rows = reader.execute(query, (run_id,)).fetchall()
    except sqlite3.Error:  # no store yet, one that is being written, or a damaged one, which its reader refuses
        return []
    return [tuple(row) for *row, stored in rows if checksum.of("progress", run_id, *row) == stored]


def list_key(labels: LabelList) -> str:
    """The hash of a label list's names: the key of :meth:`Runs.names`."""
    return hashing.of_json(labels.names)
