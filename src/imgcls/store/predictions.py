"""What was computed of images, by the hash of their bytes: predictions, choices of runtimes, failures to decode.

An image is named by its sha256, in hexadecimal. What does not match its checksum counts as missing, and as damage.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import compress
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import msgspec

from imgcls.records.data import FileState
from imgcls.records.evaluation import Output
from imgcls.records.runtime import RuntimeChoice
from imgcls.store import checksum, codec, connection
from imgcls.store.connection import ROWS_AT_A_TIME, Connection
from imgcls.store.damage import refused

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from imgcls.store.hash_index import HashIndex

KEY_BYTES = 8  # docs/decisions.md#checksums-of-rows


class Predictions(Connection):
    """Predictions by key and image, and what else is known of images and files."""

    def classes(self, key: str) -> int | None:
        """The number of outputs of the network of this key; None for a key without predictions."""
        rows = self._intact("keys", "keys", "classes, used_at", {"sha256": bytes.fromhex(key)})
        return next((int(classes) for classes, _ in rows), None)

    def outputs(self, key: str, images: Sequence[str]) -> dict[str, Output]:
        """The stored predictions for these images; missing ones are left out. Raises StoreError for a damaged one."""
        outputs = {}
        with self._errors():
            for image, body in self._bodies(key, images):
                if body is None:
                    raise refused(self.file, f"the prediction of image {image}")
                outputs[image] = codec.unpack(body)
        return outputs

    def missing(self, key: str, images: Sequence[str]) -> set[str]:
        """Those of these images that have no stored prediction, or a damaged one."""
        missing = set(images)
        for image, body in self._bodies(key, images):
            if body is None:
                self.damage.add("predictions", (key, image))
            else:
                missing.discard(image)
        return missing

    def estimated_predictions(self, key: str) -> int:
        """About how many predictions a key has: those with one of 256 first bytes are counted."""
        query = "select count(*) from answers where key = ? and image < x'01'"
        return 256 * int(self._rows(query, bytes.fromhex(key)[:KEY_BYTES])[0][0])

    def predicted(self, key: str, index: HashIndex, among: NDArray[np.bool_]) -> Iterator[list[int]]:
        """The positions of listed images that have an intact prediction, some at a time.

        ``among``: bool (n,), by position, the images that are looked for.
        """
        sha256, after = bytes.fromhex(key), b""
        query = (
            "select image, body, checksum from answers where key = ? and image > ? and length(image) = 32 "
            "order by image limit ?"
        )
        while len(index) and (rows := self._rows(query, sha256[:KEY_BYTES], after, ROWS_AT_A_TIME)):
            after = rows[-1][0]
            positions = index.find([row[0] for row in rows])
            is_sought = ((positions >= 0) & among[positions]).tolist()
            yield list(self._intact_positions(key, compress(zip(positions.tolist(), rows, strict=True), is_sought)))

    def _intact_positions(self, key: str, rows: Iterable[tuple[int, Sequence[Any]]]) -> Iterator[int]:
        """The positions of rows of ``answers`` that match their checksums; the others are damage."""
        sha256 = bytes.fromhex(key)
        for position, (image, body, stored) in rows:
            if checksum.of("answers", sha256, image, body) == stored:
                yield position
            else:
                self.damage.add("predictions", (key, image.hex()))

    def _bodies(self, key: str, images: Sequence[str]) -> Iterator[tuple[str, bytes | None]]:
        """Images with their packed predictions, None for one that does not match its checksum."""
        sha256 = bytes.fromhex(key)
        for batch in connection.batches(images):
            marks = ", ".join("?" * len(batch))
            query = f"select image, body, checksum from answers where key = ? and image in ({marks})"  # noqa: S608 - only question marks
            for image, body, stored in self._rows(query, sha256[:KEY_BYTES], *map(bytes.fromhex, batch)):
                named = image.hex() if isinstance(image, bytes) else str(image)  # a damaged page may hold any type
                yield named, body if checksum.of("answers", sha256, image, body) == stored else None

    def put(self, batch: Mapping[str, tuple[int, Sequence[tuple[str, Output]]]]) -> None:
        """Store a batch in one transaction: key -> (number of outputs of the network, (image, prediction) pairs)."""
        with self._transaction() as transaction:
            for key, (classes, outputs) in batch.items():
                sha256 = bytes.fromhex(key)
                connection.write(transaction, "keys", [(sha256, classes, int(time.time()))])
                in_order = sorted(outputs, key=itemgetter(0))  # docs/decisions.md#images-per-transaction
                rows = (_answer(sha256, bytes.fromhex(image), codec.pack(output)) for image, output in in_order)
                transaction.executemany("insert or replace into answers values (?, ?, ?, ?)", rows)

    def choice(self, about: str) -> RuntimeChoice | None:
        """The runtime that was chosen; ``about``: a hash of everything that the choice depends on."""
        with self._errors():
            rows = self._intact("choices of runtimes", "choices", "body", {"about": about})
            return next((msgspec.json.decode(body, type=RuntimeChoice) for (body,) in rows), None)

    def put_choice(self, about: str, choice: RuntimeChoice) -> None:
        """Store a choice for :meth:`choice`."""
        with self._transaction() as transaction:
            connection.write(transaction, "choices", [(about, msgspec.json.encode(choice))])

    def undecodable(self, decoder: str, index: HashIndex) -> dict[int, tuple[str, str]]:
        """Reason and detail, by position, of the listed images that this decoder is known not to decode."""
        rejections = {}
        rows = self._listed("undecodable", "image, reason, detail", {"decoder": decoder}, index)
        for position, ((image, reason, detail), matches) in rows:
            if matches:
                rejections[position] = (reason, detail)
            else:
                self.damage.add("rejections", (decoder, image))
        return rejections

    def put_undecodable(self, decoder: str, images: Mapping[str, tuple[str, str]]) -> None:
        """Store why images do not decode, for :meth:`undecodable`: reason and detail by image."""
        with self._transaction() as transaction:
            rows = ((decoder, bytes.fromhex(image), *why) for image, why in images.items())
            connection.write(transaction, "undecodable", rows)

    def hashed(self, file: FileState) -> str | None:
        """The sha256 of a file that is as it was when it was hashed; None for every other."""
        path, state = os.fsencode(file.path), (file.size, file.mtime_ns, str(file.inode))
        rows = self._intact("hashes of files", "hashed_files", "size, mtime_ns, inode, sha256", {"path": path})
        return next((sha256.hex() for *stored, sha256 in rows if tuple(stored) == state), None)

    def put_hashed(self, files: Mapping[FileState, str]) -> None:
        """Store the states in which files were hashed, each with its sha256; of a path, only the last."""
        rows = (
            (os.fsencode(f.path), f.size, f.mtime_ns, str(f.inode), bytes.fromhex(sha256))
            for f, sha256 in files.items()
        )
        with self._transaction() as transaction:
            connection.write(transaction, "hashed_files", rows)


def _answer(sha256: bytes, image: bytes, body: bytes) -> tuple[bytes, bytes, bytes, int]:
    """A row of ``answers``: the checksum covers the whole of the key, of which the row has the first bytes."""
    return sha256[:KEY_BYTES], image, body, checksum.of("answers", sha256, image, body)
