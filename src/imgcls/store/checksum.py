"""The checksum of a row: over its table's name, its key and its content, so that no row is taken for another."""

import zlib

import msgspec

Value = int | float | str | bytes | None
"""What SQLite returns, whatever the type of the column: its tables hold values of every type."""

_encode = msgspec.msgpack.Encoder().encode


def of(table: str, *values: Value) -> int:
    """CRC-32 over the table's name and the values with their types (docs/decisions.md#checksums-of-rows)."""
    return zlib.crc32(_encode((table, *values)))
