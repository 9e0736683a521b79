"""Which shard an image is in: decided by its path, so that a shard hashes no other images than its own."""

import hashlib
from collections.abc import Iterable, Mapping

from imgcls.records.shards import Shard


def number_of(path: str, count: int) -> int:
    """The number of the shard, from 1, that has the image of this path: of its SHA-256 modulo ``count``.

    ``path``: as the result document has it. It depends on nothing else: neither on other images nor on their order.
    """
    digest = hashlib.sha256(path.encode(errors="surrogatepass")).digest()
    return int.from_bytes(digest) % count + 1


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
