"""A colour profile that shows whether somebody applies it."""

from __future__ import annotations

import struct
from collections.abc import Sequence

WHITE = (0.9642, 1.0, 0.8249)
"""D50, the white of profiles (ICC.1:2001-04, 6.1.3)."""

PRIMARIES = ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457))
"""Red, green and blue of Adobe RGB (1998) as XYZ under D50: more than a screen of sRGB shows."""

GAMMA = 563 / 256
"""Of Adobe RGB (1998)."""


def wide_gamut() -> bytes:
    """A profile of three primaries and one gamma (ICC.1:2001-04, 6.3.1.2)."""
    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(GAMMA * 256)) + b"\0\0"
    text = b"wide gamut of a serving check"
    description = b"desc\0\0\0\0" + struct.pack(">I", len(text) + 1) + text + b"\0" + bytes(78)
    tags = {
        b"desc": description,
        b"cprt": b"text\0\0\0\0no copyright, use freely\0",
        b"wtpt": _xyz(WHITE),
        **{name: _xyz(primary) for name, primary in zip((b"rXYZ", b"gXYZ", b"bXYZ"), PRIMARIES, strict=True)},
        **dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve),
    }
    return _profile(tags)


def _xyz(values: Sequence[float]) -> bytes:
    return b"XYZ \0\0\0\0" + _fixed(values)


def _fixed(values: Sequence[float]) -> bytes:
    """Numbers with 16 bits after the point."""
    return struct.pack(f">{len(values)}i", *(round(value * 65536) for value in values))


def _profile(tags: dict[bytes, bytes]) -> bytes:
    """The header, the table of tags, and their values, each at a multiple of four bytes."""
    table, values, start = struct.pack(">I", len(tags)), b"", 128 + 4 + 12 * len(tags)
    for name, value in tags.items():
        table += name + struct.pack(">II", start + len(values), len(value))
        values += value + bytes(-len(value) % 4)
    size = start + len(values)
    head = struct.pack(">I4sI4s4s4s", size, b"\0\0\0\0", 0x02400000, b"mntr", b"RGB ", b"XYZ ")
    date = struct.pack(">6H", 2000, 1, 1, 0, 0, 0)
    rest = b"acsp" + bytes(28) + _fixed(WHITE)
    return (head + date + rest).ljust(128, b"\0") + table + values
