"""The same DCT coefficients as another JPEG: progressive or baseline. No pixel is computed, so none changes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cache

from imgcls.contracts.jpeg_reader import Component, Jpeg, units
from imgcls.contracts.jpeg_scans import Block

MAX_BLOCKS = 10
"""The most blocks of an MCU (T.81, B.2.3)."""

_ZEROS = 0xF0


_Code = tuple[int, int, str]
"""A table (0: DC, 1: AC), a symbol of it, and the bits that follow; there are a hundred thousands of them."""


def write(jpeg: Jpeg, *, progressive: bool) -> bytes:
    """The file: its segments as they are, a frame, and scans with tables of their own, without restarts."""
    marker = b"\xff\xc2" if progressive else b"\xff\xc0"
    frame = marker + (len(jpeg.frame) + 2).to_bytes(2) + jpeg.frame
    scans = _progressive_scans(jpeg) if progressive else _baseline_scans(jpeg)
    return b"".join([b"\xff\xd8", *jpeg.segments, frame, *scans, b"\xff\xd9"])


def _groups(jpeg: Jpeg) -> list[list[Component]]:
    """All components in one scan, where an MCU may hold them."""
    together = sum(component.h * component.v for component in jpeg.components) <= MAX_BLOCKS
    return [jpeg.components] if together else [[component] for component in jpeg.components]


def _baseline_scans(jpeg: Jpeg) -> Iterator[bytes]:
    for chosen in _groups(jpeg):
        before = [0] * len(chosen)
        codes = [
            code for unit in units(chosen) for place, block in unit for code in (_dc(block, place, before), *_ac(block))
        ]
        yield _scan(chosen, (0, 63), codes)


def _progressive_scans(jpeg: Jpeg) -> Iterator[bytes]:
    """DC coefficients first, and then those of AC, component by component."""
    for chosen in _groups(jpeg):
        before = [0] * len(chosen)
        yield _scan(chosen, (0, 0), [_dc(block, place, before) for unit in units(chosen) for place, block in unit])
    for component in jpeg.components:
        codes = [code for unit in units([component]) for _, block in unit for code in _ac(block)]
        yield _scan([component], (1, 63), codes)


def _dc(block: Block, place: int, before: list[int]) -> _Code:
    """The difference from the block before of the same component (T.81, F.1.2.1)."""
    difference, before[place] = block[0] - before[place], block[0]
    return 0, abs(difference).bit_length(), _bits(difference)


def _ac(block: Block) -> Iterator[_Code]:
    """The coefficients that are not zero, each with the zeros before it (T.81, F.1.2.2)."""
    run = 0
    for value in block[1:]:
        if not value:
            run += 1
            continue
        yield from [(1, _ZEROS, "")] * (run // 16)
        yield 1, run % 16 << 4 | abs(value).bit_length(), _bits(value)
        run = 0
    if run:
        yield 1, 0, ""


@cache
def _bits(value: int) -> str:
    size = abs(value).bit_length()
    return f"{value if value > 0 else value + (1 << size) - 1:0{size}b}" if size else ""


def _scan(chosen: Sequence[Component], band: tuple[int, int], codes: Sequence[_Code]) -> bytes:
    used = {(table, symbol) for table, symbol, _ in codes}
    symbols = [sorted(symbol for table, symbol in used if table == which) for which in (0, 1)]
    words = list(map(_code_words, symbols))
    text = "".join([words[table][symbol] + bits for table, symbol, bits in codes])
    text += "1" * (-len(text) % 8)
    entropy = int(text, 2).to_bytes(len(text) // 8).replace(b"\xff", b"\xff\x00") if text else b""
    selectors = b"".join(bytes([component.number, 0]) for component in chosen)
    header = bytes([len(chosen)]) + selectors + bytes([*band, 0])
    return _tables(symbols) + b"\xff\xda" + (len(header) + 2).to_bytes(2) + header + entropy


def _length(symbols: Sequence[int]) -> int:
    """The bits of a code in which all symbols have one length; the word of ones only is not one (T.81, C)."""
    return len(symbols).bit_length()


def _code_words(symbols: Sequence[int]) -> dict[int, str]:
    return {symbol: f"{number:0{_length(symbols)}b}" for number, symbol in enumerate(symbols)}


def _tables(symbols: Iterable[Sequence[int]]) -> bytes:
    """The segments that define the tables."""
    segments = []
    for table, used in enumerate(symbols):
        if used:
            counts = [len(used) if length == _length(used) else 0 for length in range(1, 17)]
            content = bytes([table << 4, *counts, *used])
            segments.append(b"\xff\xc4" + (len(content) + 2).to_bytes(2) + content)
    return b"".join(segments)
