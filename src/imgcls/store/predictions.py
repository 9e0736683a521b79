"""What was computed of images, by the hash of their bytes: predictions, choices of runtimes, failures to decode.

An image is named by its sha256, in hexadecimal.
"""

import os
import time
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from imgcls.records.data import FileState
from imgcls.records.evaluation import Output, RuntimeChoice
from imgcls.store import codec, connection
from imgcls.store.connection import Connection


class Predictions(Connection):
    """Predictions by key and image, and what else is known of images and files."""

    def classes(self, key: str) -> int | None:
        """The number of outputs of the network of this key; None for a key without predictions."""
        rows = self._rows("select classes from keys where sha256 = ?", key)
        return int(rows[0][0]) if rows else None

    def outputs(self, key: str, images: Sequence[str]) -> dict[str, Output]:
        """The stored predictions for these images; missing ones are left out."""
        with self._errors():
            return {image: codec.unpack(body) for image, body in self._bodies(key, images, "body")}

    def missing(self, key: str, images: Sequence[str]) -> set[str]:
        """Those of these images that have no stored prediction."""
        return set(images) - {image for image, _ in self._bodies(key, images, "null")}

    def _bodies(self, key: str, images: Sequence[str], column: str) -> Iterator[tuple[str, bytes]]:
        for batch in connection.batches(images):
            query = (
                f"select hex(image), {column} from answers where key = (select id from keys where sha256 = ?) "  # noqa: S608 - our own words
                f"and image in ({', '.join('?' * len(batch))})"
            )
            for image, body in self._rows(query, key, *map(bytes.fromhex, batch)):
                yield image.lower(), body

    def put(self, batch: Mapping[str, tuple[int, Sequence[tuple[str, Output]]]]) -> None:
        """Store a batch in one transaction: key -> (number of outputs of the network, (image, prediction) pairs)."""
        with self._transaction() as transaction:
            for key, (classes, outputs) in batch.items():
                transaction.execute(
                    "insert into keys (sha256, classes, used_at) values (?, ?, ?) "
                    "on conflict (sha256) do update set used_at = excluded.used_at",
                    (key, classes, int(time.time())),
                )
                number = transaction.execute("select id from keys where sha256 = ?", (key,)).fetchone()[0]
                transaction.executemany(
                    "insert or replace into answers values (?, ?, ?)",
                    [(number, bytes.fromhex(image), codec.pack(output)) for image, output in outputs],
                )

    def choice(self, about: str) -> RuntimeChoice | None:
        """The runtime that was chosen; ``about``: a hash of everything that the choice depends on."""
        rows = self._rows("select body from choices where about = ?", about)
        return msgspec.json.decode(rows[0][0], type=RuntimeChoice) if rows else None

    def put_choice(self, about: str, choice: RuntimeChoice) -> None:
        """Store a choice for :meth:`choice`."""
        with self._transaction() as transaction:
            transaction.execute("insert or replace into choices values (?, ?)", (about, msgspec.json.encode(choice)))

    def undecodable(self, decoder: str, images: Sequence[str]) -> dict[str, tuple[str, str]]:
        """Reason and detail of those of these images that this decoder is known not to decode."""
        failures = {}
        for batch in connection.batches(images):
            marks = ", ".join("?" * len(batch))
            query = f"select hex(image), reason, detail from undecodable where decoder = ? and image in ({marks})"  # noqa: S608 - only question marks
            for image, reason, detail in self._rows(query, decoder, *map(bytes.fromhex, batch)):
                failures[image.lower()] = (reason, detail)
        return failures

    def put_undecodable(self, decoder: str, image: str, reason: str, detail: str) -> None:
        """Store why an image does not decode, for :meth:`undecodable`."""
        with self._transaction() as transaction:
            transaction.execute(
                "insert or replace into undecodable values (?, ?, ?, ?)",
                (decoder, bytes.fromhex(image), reason, detail),
            )

    def hashed(self, file: FileState) -> str | None:
        """The sha256 of a file that is as it was when it was hashed; None for every other."""
        query = "select lower(hex(sha256)) from hashed_files where path = ? and size = ? and mtime_ns = ? and inode = ?"
        rows = self._rows(query, os.fsencode(file.path), file.size, file.mtime_ns, str(file.inode))
        return str(rows[0][0]) if rows else None

    def put_hashed(self, files: Mapping[FileState, str]) -> None:
        """Store the states in which files were hashed, each with its sha256; of a path, only the last."""
        with self._transaction() as transaction:
            transaction.executemany(
                "insert or replace into hashed_files values (?, ?, ?, ?, ?)",
                (
                    (os.fsencode(f.path), f.size, f.mtime_ns, str(f.inode), bytes.fromhex(sha256))
                    for f, sha256 in files.items()
                ),
            )
