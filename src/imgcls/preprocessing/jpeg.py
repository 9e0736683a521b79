"""The header of a JPEG whose upper rows can be decoded without the others: ITU-T T.81, annex B."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

_SOF0, _DHT, _SOS, _DQT, _APP0, _APP15, _COM = 0xC0, 0xC4, 0xDA, 0xDB, 0xE0, 0xEF, 0xFE

# No restart intervals, and nothing of progressive, arithmetic or lossless coding: docs/decisions.md#upper-rows
_KNOWN = frozenset({_SOF0, _DHT, _SOS, _DQT, _COM, *range(_APP0, _APP15 + 1)})

_DECODED = frozenset({_SOF0, _DHT, _SOS})
"""What only libjpeg reads."""

_END_OF_IMAGE = b"\xff\xd9"

_PLAIN = {_APP0: (b"JFIF\0", 14), 0xE2: (b"ICC_PROFILE\0", 14)}
"""Segments of applications that change no pixel: their names, and the fewest bytes that they have."""

_BLENDED = {b"\x11": 0, b"\x11\x11\x11": 0, b"\x21\x11\x11": 0, b"\x22\x11\x11": 2}
"""Sampling of the components -> rows that share one of chroma which is blended with the next; 0: each has its own."""


class Header(NamedTuple):
    """What a JPEG states of itself.

    ``size``: (h, w); ``blended``: rows that share one of chroma which is blended with the next, 0 where none do;
    ``height_at``: where its two bytes of the height are; ``is_plain``: applications have added nothing to it that
    Pillow looks at, unless to keep it.
    """

    size: tuple[int, int]
    mode: Literal["L", "RGB"]
    blended: int
    height_at: int
    is_plain: bool

    def rows_decoded(self, rows: int) -> int:
        """The height that the JPEG has to state so that its first ``rows`` rows are those of the whole image."""
        with_next = (-(-rows // self.blended) + 1) * self.blended if self.blended else rows
        return min(with_next, self.size[0])


def header(data: bytes) -> Header | None:
    """The header of a baseline JPEG of 8 bits, of one scan without restarts, that ends; None for all other bytes."""
    segments = list(_segments(data))
    frames = [(start, stop) for marker, start, stop in segments if marker == _SOF0]
    if len(frames) != 1:
        return None
    [(start, stop)] = frames
    frame = data[start:stop]
    if not _is_known(frame) or not _is_one_scan(data, segments[-1], frame[5]):
        return None
    return Header(
        size=(int.from_bytes(frame[1:3]), int.from_bytes(frame[3:5])),
        mode="L" if frame[5] == 1 else "RGB",
        blended=_BLENDED[frame[7::3]],
        height_at=start + 1,
        is_plain=all(_is_plain(data, *segment) for segment in segments if segment[0] not in _DECODED),
    )


def with_height(data: bytes, header: Header, height: int) -> bytes:
    """The same JPEG with another height in its header."""
    return b"".join((data[: header.height_at], height.to_bytes(2), memoryview(data)[header.height_at + 2 :]))


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Marker, start and stop of what each segment holds, up to the first that is not known, or to the scan's header."""
    marker, stop = 0, 2
    while marker != _SOS and data[stop : stop + 1] == b"\xff" and data[stop + 1 : stop + 2]:
        marker, start = data[stop + 1], stop + 4
        stop = start + int.from_bytes(data[stop + 2 : start]) - 2
        if marker not in _KNOWN or not start <= stop <= len(data):
            return
        yield marker, start, stop


def _is_known(frame: bytes) -> bool:
    """Whether a frame's header has 8 bits, a size, and components whose sampling is known."""
    if len(frame) < 9 or len(frame) != 6 + 3 * frame[5]:
        return False
    return frame[0] == 8 and any(frame[1:3]) and any(frame[3:5]) and frame[7::3] in _BLENDED


def _is_one_scan(data: bytes, last: tuple[int, int, int], components: int) -> bool:
    """Whether the ``last`` segment begins a scan of all components, which some marker ends."""
    marker, start, stop = last
    return marker == _SOS and start < stop and data[start] == components and data.rfind(_END_OF_IMAGE, stop) >= 0


def _is_plain(data: bytes, marker: int, start: int, stop: int) -> bool:
    """Whether Pillow has nothing to read in a segment, nor to refuse."""
    if marker == _DQT:
        return (stop - start) % 65 == 0 and all(data[table] < 16 for table in range(start, stop, 65))
    if not _APP0 <= marker <= _APP15:
        return True
    name, least = _PLAIN.get(marker, (b"", len(data)))
    return stop - start >= least and data.startswith(name, start)
