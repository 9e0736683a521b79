"""The quantised DCT coefficients of a JPEG, Huffman-coded, baseline or progressive (ITU-T T.81).

For lossless rewriting, as libjpeg's jpegtran does; Pillow gives pixels only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from imgcls.contracts.jpeg_scans import Band, Bits, Block, decoder

SOF_SEQUENTIAL, SOF_PROGRESSIVE = frozenset({0xC0, 0xC1}), 0xC2
_SOF_OTHERS = frozenset(range(0xC3, 0xD0)) - {0xC4, 0xC8, 0xCC}
_DHT, _DAC, _RST, _SOI, _EOI, _SOS, _DQT, _DNL, _DRI = 0xC4, 0xCC, range(0xD0, 0xD8), 0xD8, 0xD9, 0xDA, 0xDB, 0xDC, 0xDD
_END_OF_SCAN = re.compile(rb"\xff+[\x01-\xcf\xd8-\xfe]")
_RESTART = re.compile(rb"\xff+[\xd0-\xd7]")


class Unsupported(ValueError):
    """A JPEG that is not rewritten; the text is the reason."""


@dataclass(slots=True)
class Component:
    """One colour component. ``h`` and ``v``: its sampling; ``blocks``: rows of blocks, as many as fill whole MCUs;
    ``size``: (rows, columns) of blocks that hold pixels of the image.
    """

    number: int
    h: int
    v: int
    size: tuple[int, int]
    blocks: list[list[Block]]


@dataclass(slots=True)
class Jpeg:
    """``segments``: APPn, COM and DQT as they are, with their markers; ``frame``: the content of the frame header."""

    is_progressive: bool
    frame: bytes
    components: list[Component]
    segments: list[bytes] = field(default_factory=list)


def segments(data: bytes) -> Iterator[tuple[int, bytes, int]]:
    """The marker, the content and the end of every segment up to EOI; a scan's entropy-coded data is not in it.

    Raises Unsupported where the bytes are not segments.
    """
    at = 2
    if data[:2] != b"\xff\xd8":
        raise Unsupported("it is not a JPEG")
    while True:
        while data[at : at + 2] == b"\xff\xff":
            at += 1
        if at + 2 > len(data) or data[at] != 0xFF:
            raise Unsupported("its segments are damaged")
        marker = data[at + 1]
        if marker == _EOI:
            return
        length = int.from_bytes(data[at + 2 : at + 4])
        end = at + 2 + length
        yield marker, data[at + 4 : end], end
        at = end
        if marker == _SOS:
            at = scan_end(data, end)


def scan_end(data: bytes, start: int) -> int:
    """Where the entropy-coded data ends that begins at ``start``. Raises Unsupported where it has no end."""
    if match := _END_OF_SCAN.search(data, start):
        return match.start()
    raise Unsupported("it has no end")


def read(data: bytes) -> Jpeg:
    """All coefficients of the first image. Raises Unsupported for other codings and where the bytes are damaged."""
    try:
        return _Reader(data).jpeg()
    except (IndexError, KeyError) as error:
        raise Unsupported("its data is damaged") from error


class _Reader:
    """The tables that segments define, and the coefficients that scans add to."""

    def __init__(self, data: bytes) -> None:
        self.data, self.restart, self.scans = data, 0, 0
        self.tables: dict[int, list[int]] = {}
        self.result: Jpeg | None = None
        self.kept: list[bytes] = []

    def jpeg(self) -> Jpeg:
        for marker, content, end in segments(self.data):
            self._segment(marker, content, end)
        if self.result is None or not self.scans:
            raise Unsupported("it has no image")
        self.result.segments = self.kept
        return self.result

    def _segment(self, marker: int, content: bytes, end: int) -> None:
        if marker in _SOF_OTHERS or marker in {_DAC, _DNL}:
            raise Unsupported("it is coded otherwise than by Huffman codes in one frame of known height")
        if marker in SOF_SEQUENTIAL or marker == SOF_PROGRESSIVE:
            self.result = _frame(marker, content)
        elif marker == _DHT:
            self.tables |= _huffman_tables(content)
        elif marker == _DRI:
            self.restart = int.from_bytes(content[:2])
        elif marker == _SOS:
            self._scan(content, self.data[end : scan_end(self.data, end)])
        elif marker == _DQT and self.scans:
            raise Unsupported("its quantisation changes between scans")
        else:
            self.kept.append(bytes([0xFF, marker]) + (len(content) + 2).to_bytes(2) + content)

    def _scan(self, header: bytes, entropy: bytes) -> None:
        if self.result is None:
            raise Unsupported("a scan comes before its frame")
        self.scans += 1
        count = header[0]
        by_number = {component.number: component for component in self.result.components}
        chosen = [by_number[header[1 + 2 * place]] for place in range(count)]
        tables = [header[2 + 2 * place] for place in range(count)]
        first, last, precision = header[1 + 2 * count : 4 + 2 * count]
        band = Band(first, last, precision >> 4, precision & 15)
        order = list(units(chosen))
        each = self.restart or len(order)
        for number, interval in enumerate(_RESTART.split(entropy)):
            add = decoder(self.result.is_progressive, band, Bits(interval.replace(b"\xff\x00", b"\xff")))
            for unit in order[number * each : (number + 1) * each]:
                for place, block in unit:
                    dc, ac = tables[place] >> 4, tables[place] & 15
                    add(block, place, self.tables.get(dc, []), self.tables.get(16 + ac, []))


def _frame(marker: int, content: bytes) -> Jpeg:
    if content[0] != 8:
        raise Unsupported(f"it has {content[0]} bits per sample")
    height, width = int.from_bytes(content[1:3]), int.from_bytes(content[3:5])
    rows = [content[6 + 3 * number : 9 + 3 * number] for number in range(content[5])]
    most_h, most_v = max(row[1] >> 4 for row in rows), max(row[1] & 15 for row in rows)
    mcus = _ceil(height, 8 * most_v), _ceil(width, 8 * most_h)
    components = []
    for number, sampling, _ in rows:
        h, v = sampling >> 4, sampling & 15
        size = _ceil(_ceil(height * v, most_v), 8), _ceil(_ceil(width * h, most_h), 8)
        blocks = [[[0] * 64 for _ in range(mcus[1] * h)] for _ in range(mcus[0] * v)]
        components.append(Component(number, h, v, size, blocks))
    return Jpeg(marker == SOF_PROGRESSIVE, content, components)


def _ceil(count: int, size: int) -> int:
    return -(-count // size)


def units(chosen: Sequence[Component]) -> Iterator[list[tuple[int, Block]]]:
    """The MCUs of a scan of these components in their order: blocks, each with its component's position."""
    if len(chosen) == 1:
        rows, columns = chosen[0].size
        for line in chosen[0].blocks[:rows]:
            yield from ([(0, block)] for block in line[:columns])
        return
    first = chosen[0]
    for y in range(len(first.blocks) // first.v):
        for x in range(len(first.blocks[0]) // first.h):
            yield [
                (place, component.blocks[y * component.v + down][x * component.h + right])
                for place, component in enumerate(chosen)
                for down in range(component.v)
                for right in range(component.h)
            ]


def _huffman_tables(content: bytes) -> Mapping[int, list[int]]:
    """By class * 16 + number: for each of 2^16 next bits, length * 256 + symbol (T.81, annex C)."""
    tables = {}
    while content:
        counts, at, table = content[1:17], 17, list[int]()
        for length, count in enumerate(counts, 1):
            for symbol in content[at : at + count]:
                table += [length << 8 | symbol] * (1 << 16 - length)
            at += count
        tables[content[0]] = table
        content = content[at:]
    return tables
