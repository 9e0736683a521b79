"""The entropy-coded data of a JPEG's scans: Huffman codes, as they add to the coefficients of blocks (ITU-T T.81)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

Block = list[int]
"""64 coefficients in zigzag order."""


class Band(NamedTuple):
    """The coefficients of a scan, and the bits of them: from ``high`` (0: none before) down to ``low``."""

    first: int
    last: int
    high: int
    low: int


class Bits:
    """Bits of an interval, the most significant first; zeros behind its end, as libjpeg reads them."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at, self.buffer, self.count = data, 0, 0, 0

    def _fill(self) -> None:
        more = self.data[self.at : self.at + 8].ljust(8, b"\0")
        self.buffer = (self.buffer & ((1 << self.count) - 1)) << 64 | int.from_bytes(more)
        self.at, self.count = self.at + 8, self.count + 64

    def symbol(self, table: Sequence[int]) -> int:
        """The next symbol of a Huffman table."""
        if self.count < 16:
            self._fill()
        entry = table[self.buffer >> self.count - 16 & 0xFFFF]
        self.count -= entry >> 8
        return entry & 255

    def number(self, bits: int) -> int:
        """An unsigned number of so many bits, 16 at most."""
        if self.count < bits:
            self._fill()
        self.count -= bits
        return self.buffer >> self.count & (1 << bits) - 1

    def signed(self, bits: int) -> int:
        """A number as coefficients are coded (T.81, F.2.2.1)."""
        value = self.number(bits)
        return value if not bits or value >> bits - 1 else value - (1 << bits) + 1


Decoder = Callable[[Block, int, Sequence[int], Sequence[int]], None]
"""Adds to a block of the component at this position of the scan, with its tables for DC and AC."""


def decoder(is_progressive: bool, band: Band, bits: Bits) -> Decoder:
    """For one interval of a scan of these coefficients."""
    if not is_progressive:
        return _Sequential(bits)
    if not band.first:
        return _DcRefinement(bits, band.low) if band.high else _Dc(bits, band.low)
    return _AcRefinement(bits, band) if band.high else _Ac(bits, band)


class _Dc:
    """The first bits of DC coefficients, each the difference from the one before (T.81, G.1.2.1)."""

    def __init__(self, bits: Bits, low: int) -> None:
        self.bits, self.low = bits, low
        self.before = [0] * 4

    def __call__(self, block: Block, place: int, dc: Sequence[int], _ac: Sequence[int]) -> None:
        self.before[place] += self.bits.signed(self.bits.symbol(dc))
        block[0] = self.before[place] << self.low


class _DcRefinement:
    """One bit more of each DC coefficient."""

    def __init__(self, bits: Bits, low: int) -> None:
        self.bits, self.low = bits, low

    def __call__(self, block: Block, _place: int, _dc: Sequence[int], _ac: Sequence[int]) -> None:
        block[0] |= self.bits.number(1) << self.low


class _Ac:
    """The first bits of AC coefficients, with runs of blocks that have no more of them (T.81, G.1.2.2)."""

    def __init__(self, bits: Bits, band: Band) -> None:
        self.bits, self.band, self.empty = bits, band, 0

    def __call__(self, block: Block, _place: int, _dc: Sequence[int], ac: Sequence[int]) -> None:
        if self.empty:
            self.empty -= 1
            return
        at = self.band.first
        while at <= self.band.last:
            run, size = divmod(self.bits.symbol(ac), 16)
            if size:
                at += run
                block[at] = self.bits.signed(size) << self.band.low
            elif run < 15:
                self.empty = (1 << run) - 1 + self.bits.number(run)
                return
            else:
                at += 15
            at += 1


class _Sequential:
    """All of a block at once (T.81, F.2.2)."""

    def __init__(self, bits: Bits) -> None:
        self.dc, self.ac = _Dc(bits, 0), _Ac(bits, Band(1, 63, 0, 0))

    def __call__(self, block: Block, place: int, dc: Sequence[int], ac: Sequence[int]) -> None:
        self.dc(block, place, dc, ac)
        self.ac(block, place, dc, ac)


class _AcRefinement:
    """One bit more of AC coefficients, and those that this bit is the first of (T.81, G.1.2.3)."""

    def __init__(self, bits: Bits, band: Band) -> None:
        self.bits, self.band, self.empty = bits, band, 0

    def __call__(self, block: Block, _place: int, _dc: Sequence[int], ac: Sequence[int]) -> None:
        at, step = self.band.first, 1 << self.band.low
        while at <= self.band.last and not self.empty:
            run, size = divmod(self.bits.symbol(ac), 16)
            if not size and run < 15:
                self.empty = (1 << run) + self.bits.number(run)
                break
            value = (step if self.bits.number(1) else -step) if size else 0
            at = self._refine(block, at, run)
            if value:
                block[at] = value
            at += 1
        if self.empty:
            self._refine(block, at, 64)
            self.empty -= 1

    def _refine(self, block: Block, at: int, zeros: int) -> int:
        """Correct what is not zero, up to the zero after so many zeros; where that is."""
        step = 1 << self.band.low
        while at <= self.band.last:
            if value := block[at]:
                if self.bits.number(1) and not abs(value) & step:
                    block[at] += step if value > 0 else -step
            elif not zeros:
                break
            else:
                zeros -= 1
            at += 1
        return at
