"""imgcls.preprocessing.jpeg: which JPEGs can be decoded from the top, by what their headers state."""

import io
import re
from typing import Any

import numpy as np
import pytest
from PIL import Image

from image_files import lossless_jpeg
from imgcls.preprocessing import jpeg


def encoded(mode: str = "RGB", size: tuple[int, int] = (37, 53), **options: Any) -> bytes:
    """A JPEG of noise of ``size`` (w, h)."""
    buffer, shape = io.BytesIO(), (size[1], size[0], len(mode))
    noise = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    Image.fromarray(noise if len(mode) > 1 else noise[:, :, 0], mode).save(buffer, "JPEG", **options)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("options", "mode", "blended"),
    [
        ({"mode": "L"}, "L", 0),
        ({"subsampling": "4:4:4"}, "RGB", 0),
        ({"subsampling": "4:2:2"}, "RGB", 0),
        ({"subsampling": "4:2:0"}, "RGB", 2),
        ({"subsampling": "4:2:0", "optimize": True, "comment": "a comment"}, "RGB", 2),
    ],
)
def test_a_header_states_size_and_sampling(options: dict[str, Any], mode: str, blended: int) -> None:
    """Whatever the tables are; JFIF and comments leave it plain, and the height stands where it says."""
    data = encoded(**options)
    header = jpeg.header(data)
    assert header is not None
    assert header[:3] == ((53, 37), mode, blended)
    assert header.is_plain
    assert int.from_bytes(data[header.height_at : header.height_at + 2]) == 53
    assert Image.open(io.BytesIO(jpeg.with_height(data, header, 16))).size == (37, 16)


@pytest.mark.parametrize(
    ("options", "is_plain"),
    [
        ({"icc_profile": b"a profile of colours"}, True),
        ({"exif": b"Exif\0\0II*\0\x08\0\0\0\0\0"}, False),
        ({"xmp": b"<x:xmpmeta/>"}, False),
    ],
)
def test_only_what_pillow_looks_at_makes_a_jpeg_less_plain(options: dict[str, Any], is_plain: bool) -> None:
    """A colour profile is kept and not looked at; Exif and XMP may hold an orientation."""
    header = jpeg.header(encoded(**options))
    assert header is not None
    assert header.is_plain is is_plain


@pytest.mark.parametrize(("rows", "blended", "height"), [(7, 0, 7), (7, 2, 10), (8, 2, 10), (52, 2, 53), (60, 0, 53)])
def test_rows_of_chroma_need_the_next(rows: int, blended: int, height: int) -> None:
    """Where libjpeg blends rows of chroma, a row depends on the one of chroma after its own."""
    assert jpeg.Header((53, 37), "RGB", blended, 0, is_plain=True).rows_decoded(rows) == height


def _with_frame(data: bytes, **fields: int) -> bytes:
    """A JPEG with other bytes in the header of its frame."""
    position = {"precision": 4, "height": 6, "components": 9, "luma": 11, "chroma": 14}
    frame, changed = data.index(b"\xff\xc0"), bytearray(data)
    for name, value in fields.items():
        changed[frame + position[name]] = value
    return bytes(changed)


OTHERS = {
    "nothing": b"",
    "another format": b"\x89PNG\r\n\x1a\n",
    "only its first bytes": b"\xff\xd8\xff",
    "progressive": encoded(progressive=True),
    "with restarts": encoded(restart_marker_blocks=2),
    "of four components": encoded("CMYK"),
    "lossless": lossless_jpeg(np.zeros((9, 8), np.uint8)),
    "of 12 bits": _with_frame(encoded(), precision=12),
    "without a height": _with_frame(encoded(), height=0),
    "with another sampling": _with_frame(encoded(), luma=0x12),
    "with sampled chroma": _with_frame(encoded(), chroma=0x21),
    "with a wrong number of components": _with_frame(encoded(), components=2),
    "with several scans": encoded().replace(b"\xff\xda\0\x0c\3", b"\xff\xda\0\x0c\1"),
    "with two frames": re.sub(rb"(\xff\xc0.{17})", rb"\1\1", encoded(), count=1, flags=re.DOTALL),
    "without its end": encoded()[:-2],
    "cut off in a table": encoded()[:200],
    "with junk between segments": encoded().replace(b"\xff\xdb", b"\0\xff\xdb", 1),
}


@pytest.mark.parametrize("data", OTHERS.values(), ids=OTHERS)
def test_other_jpegs_have_none(data: bytes) -> None:
    """A JPEG of another form, or one that may be rejected for what is below, is to be decoded as a whole."""
    assert jpeg.header(data) is None
