"""What was noticed while images were decoded, by the hash of their bytes.

Few images have remarks, so a row that is lost looks like an image without any: each decoding has a digest of its
images too. What is damaged or lost is noticed again by decoding again: the predictions of the images are deleted.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import reduce
from typing import TYPE_CHECKING

import msgspec

from imgcls.store import connection
from imgcls.store.connection import Connection

if TYPE_CHECKING:
    from imgcls.store.hash_index import HashIndex

NO_IMAGES = bytes(32)


class Remarks(Connection):
    """Remarks by decoding (the decoder, and what it does) and image (its sha256, in hexadecimal)."""

    def put_remarks(self, decoding: str, remarks: Mapping[str, Sequence[str]]) -> None:
        """Store short phrases on images, in one transaction; earlier ones on the same image are replaced."""
        rows = [(decoding, bytes.fromhex(image), msgspec.json.encode(phrases)) for image, phrases in remarks.items()]
        with self._transaction() as transaction:
            new = [image for _, image, _ in rows if not _delete(transaction, decoding, image)]
            connection.write(transaction, "remarks", rows)
            self._put_digest(transaction, decoding, new)

    def remarks(self, decoding: str, index: HashIndex) -> Iterator[tuple[int, tuple[str, ...]]]:
        """The remarks on listed images, by position; images without remarks are left out.

        Call this before :meth:`imgcls.store.predictions.Predictions.missing`, because images whose remarks are damaged
        lose their predictions: all images do where it is not known which ones these are.
        """
        damaged: list[bytes] = []
        if self._digest(decoding) != digest(self._images(decoding, damaged)):
            self._forget(decoding)
            return
        if damaged:
            self._forget_images(decoding, damaged)
        for position, ((_, body), _) in self._listed("remarks", "image, body", {"decoding": decoding}, index):
            yield position, msgspec.json.decode(body, type=tuple[str, ...])

    def _images(self, decoding: str, damaged: list[bytes]) -> Iterator[object]:
        """All images with remarks; those whose rows do not match are added to ``damaged``."""
        for (image, _), matches in self._checked("remarks", "image, body", {"decoding": decoding}):
            if not matches:
                damaged.append(image)
            yield image

    def _digest(self, decoding: str) -> bytes | None:
        """The digest of the images with remarks; None where it is damaged."""
        rows = list(self._checked("remarked", "images", {"decoding": decoding}))
        return next((stored if matches else None for (stored,), matches in rows), NO_IMAGES)

    def _put_digest(self, transaction: sqlite3.Connection, decoding: str, images: Iterable[bytes]) -> None:
        """Add images to the digest, or take them out of it; a damaged one stays for :meth:`remarks` to find."""
        if (stored := self._digest(decoding)) is not None:
            connection.write(transaction, "remarked", [(decoding, digest([stored, *images]))])

    def _forget_images(self, decoding: str, images: Sequence[bytes]) -> None:
        """Delete the remarks on these images, and their predictions."""
        with self._transaction() as transaction:
            self._put_digest(transaction, decoding, [i for i in images if _delete(transaction, decoding, i)])
            transaction.executemany("delete from answers where image = ?", [(image,) for image in images])
        for image in images:
            self.damage.add("remarks", (decoding, image))

    def _forget(self, decoding: str) -> None:
        """Delete all remarks of a decoding, and all predictions."""
        with self._transaction() as transaction:
            for table in ("remarks", "remarked"):
                transaction.execute(f"delete from {table} where decoding = ?", (decoding,))  # noqa: S608 - our own words
            transaction.execute("delete from answers")
        self.damage.add_sentence("remarks on images were lost in the store: all predictions were computed again")


def _delete(transaction: sqlite3.Connection, decoding: str, image: bytes) -> int:
    """Delete the remarks on an image; the number of rows."""
    return transaction.execute("delete from remarks where decoding = ? and image = ?", (decoding, image)).rowcount


def digest(images: Iterable[object]) -> bytes:
    """A digest of images that does not depend on their order, and from which one that is added again is taken out."""
    numbers = (int.from_bytes(image) if isinstance(image, bytes) else -1 for image in images)
    return (reduce(int.__xor__, numbers, 0) & (2**256 - 1)).to_bytes(32)
