"""Which shard an image is in: decided by its path, so that a shard hashes no other images than its own."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from imgcls.records.shards import Shard

if TYPE_CHECKING:
    from imgcls.data.places.base import Candidate

DIGEST_BYTES = 8  # docs/decisions.md#one-dataset-for-all-shards


def number_of(path: str, count: int) -> int:
    """The number of the shard, from 1, that has the image of this path: of its SHA-256 modulo ``count``.

    ``path``: as the result document has it. It depends on nothing else: neither on other images nor on their order.
    """
    return int.from_bytes(_hash(path)) % count + 1


def _hash(path: str) -> bytes:
    return hashlib.sha256(path.encode(errors="surrogatepass")).digest()


def has(shard: Shard | None, path: str) -> bool:
    """Whether the image of this path is in the shard; without a shard, every image is."""
    return shard is None or number_of(path, shard.count) == shard.number


def ignored(shard: Shard | None, counts: Mapping[str, int]) -> Mapping[str, int]:
    """The ignored files that a shard counts: the first shard has all, so that the sums of all shards are right."""
    return counts if shard is None or shard.number == 1 else {}


def named(numbers: Iterable[int], count: int) -> str:
    """Shards in words: ``shard 3 of 8``, or ``shards 3 and 5 of 8``."""
    *most, last = sorted(numbers)
    words = f"{', '.join(map(str, most))} and {last}" if most else str(last)
    return f"{'shards' if most else 'shard'} {words} of {count}"


class Paths:
    """The paths of all shards: their number, and a digest that does not depend on their order."""

    def __init__(self) -> None:
        self._count = self._digest = 0

    def noting(self, candidates: Iterable[Candidate], shard: Shard | None) -> Iterable[Candidate]:
        """The same candidates; where they are of one shard, each path is noted as it passes."""
        return candidates if shard is None else self._noting(candidates)

    def _noting(self, candidates: Iterable[Candidate]) -> Iterator[Candidate]:
        for candidate in candidates:
            self._count += 1
            self._digest ^= int.from_bytes(_hash(candidate.path)[:DIGEST_BYTES])
            yield candidate

    def __str__(self) -> str:
        return f"{self._count} {self._digest:0{2 * DIGEST_BYTES}x}"
