"""Files of images that Pillow does not write: PNG and TIFF with more than 8 bits per channel, lossless JPEG."""

import struct
import zlib
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

SMIN_SAMPLE_VALUE, SMAX_SAMPLE_VALUE = 340, 341

_PNG_COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}  # by the number of channels

_SAMPLE_FORMATS = {"u": 1, "i": 2, "f": 3}


def png_of_16_bits(values: npt.NDArray[np.uint16]) -> bytes:
    """A PNG of (h, w, channels): grey, grey and alpha, RGB, or RGBA."""
    height, width, channels = values.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    header = struct.pack(">IIBBBBB", width, height, 16, _PNG_COLOUR_TYPES[channels], 0, 0, 0)
    chunks = _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(rows)) + _chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def tiff(
    values: npt.NDArray[np.generic],
    *,
    white_is_zero: bool = False,
    bits: int | None = None,
    doubles: Mapping[int, float] | None = None,
    planes: int = 1,
) -> bytes:
    """A little-endian TIFF of (h, w, channels), without compression; ``doubles``: further tags.

    ``planes``: 1, or the number of channels, each then behind the other.
    """
    height, width, channels = values.shape
    ordered = values if planes == 1 else np.moveaxis(values, 2, 0)
    data = ordered.astype(values.dtype.newbyteorder("<")).tobytes()
    size = len(data) // planes
    photometric = 2 if channels > 2 else 0 if white_is_zero else 1
    shorts = {
        256: (width,), 257: (height,), 258: (bits or 8 * values.itemsize,) * channels, 259: (1,), 262: (photometric,),
        277: (channels,), 278: (height,), 284: (1 if planes == 1 else 2,),
        339: (_SAMPLE_FORMATS[values.dtype.kind],) * channels,
    }  # fmt: skip
    fields = {tag: (3, len(numbers), struct.pack(f"<{len(numbers)}H", *numbers)) for tag, numbers in shorts.items()}
    fields |= {tag: (12, 1, struct.pack("<d", number)) for tag, number in (doubles or {}).items()}
    for tag, longs in ((279, [size] * planes), (273, [8 + size * plane for plane in range(planes)])):
        fields[tag] = (4, planes, struct.pack(f"<{planes}I", *longs))
    return _with_directory(data, fields)


def _with_directory(data: bytes, fields: Mapping[int, tuple[int, int, bytes]]) -> bytes:
    body = b"II*\0" + struct.pack("<I", 8 + len(data)) + data
    beyond, entries = len(body) + 2 + 12 * len(fields) + 4, b""
    values = b""
    for tag, (kind, count, value) in sorted(fields.items()):
        if len(value) > 4:
            entries += struct.pack("<HHII", tag, kind, count, beyond + len(values))
            values += value
        else:
            entries += struct.pack("<HHI", tag, kind, count) + value.ljust(4, b"\0")
    return body + struct.pack("<H", len(fields)) + entries + bytes(4) + values


def lossless_jpeg(grey: npt.NDArray[np.uint8]) -> bytes:
    """A JPEG of (h, w) by process 14 (ITU-T T.81, annex H): the left neighbour predicts, all codes have 5 bits."""
    height, width = grey.shape
    values = grey.astype(int)
    left = np.column_stack([[128, *values[:-1, 0]], values[:, :-1]])
    bits = "".join(map(_coded, (values - left).ravel().tolist()))
    data = int(padded := bits + "1" * (-len(bits) % 8), 2).to_bytes(len(padded) // 8).replace(b"\xff", b"\xff\0")
    frame = struct.pack(">BHHB", 8, height, width, 1) + b"\1\x11\0"
    table = bytes([0, *(17 if length == 5 else 0 for length in range(1, 17)), *range(17)])
    scan = b"\1\1\0\1\0\0"
    return b"\xff\xd8" + _segment(0xC3, frame) + _segment(0xC4, table) + _segment(0xDA, scan) + data + b"\xff\xd9"


def _segment(marker: int, data: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data


def _coded(difference: int) -> str:
    """The number of bits of a difference, and these bits."""
    length = abs(difference).bit_length()
    bits = difference if difference > 0 else difference + (1 << length) - 1
    return f"{length:05b}" + (f"{bits:0{length}b}" if length else "")
