"""A JPEG's coefficients are read and written again, and every decoder sees the same pixels."""

import io
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from imgcls.contracts import jpeg_reader, jpeg_writer
from imgcls.contracts.jpeg_reader import Unsupported

KINDS = st.fixed_dictionaries(
    {
        "quality": st.sampled_from([1, 30, 75, 95, 100]),
        "subsampling": st.sampled_from(["4:4:4", "4:2:2", "4:2:0"]),
        "progressive": st.booleans(),
        "restart_marker_blocks": st.sampled_from([0, 1, 3]),
        "optimize": st.booleans(),
    }
)


def _file(mode: str, size: tuple[int, int], seed: int, noise: int, **options: Any) -> bytes:
    """A JPEG of patches with noise."""
    drawn, channels = np.random.default_rng(seed), {"L": 1, "RGB": 3, "CMYK": 4}[mode]
    patches = drawn.integers(0, 256, (3, 3, channels)).repeat(1 + size[1] // 3, 0).repeat(1 + size[0] // 3, 1)
    pixels = patches[: size[1], : size[0]] + drawn.integers(-noise, noise + 1, (size[1], size[0], channels))
    values = pixels.clip(0, 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(values[:, :, 0] if mode == "L" else values, mode).save(buffer, "JPEG", **options)
    return buffer.getvalue()


def _opened(data: bytes) -> Any:
    return Image.open(io.BytesIO(data))


@settings(max_examples=60)
@given(
    st.sampled_from(["L", "RGB", "CMYK"]),
    st.tuples(st.integers(1, 50), st.integers(1, 50)),
    st.integers(0, 1000),
    st.sampled_from([0, 3, 255]),
    KINDS,
)
def test_rewritten_pixels_are_the_same(
    mode: str, size: tuple[int, int], seed: int, noise: int, options: dict[str, Any]
) -> None:
    """To progressive and to baseline, from either; and the coefficients of what was written are those of before."""
    data = _file(mode, size, seed, noise, **options)
    jpeg = jpeg_reader.read(data)
    assert jpeg.is_progressive == options["progressive"]
    for progressive in (False, True):
        written = jpeg_writer.write(jpeg, progressive=progressive)
        assert bool(_opened(written).info.get("progressive")) == progressive
        assert np.array_equal(np.asarray(_opened(written)), np.asarray(_opened(data)))
        again = jpeg_reader.read(written)
        inside = [[line[: c.size[1]] for line in c.blocks[: c.size[0]]] for c in again.components]
        assert inside == [[line[: c.size[1]] for line in c.blocks[: c.size[0]]] for c in jpeg.components]


def test_one_other_coefficient_is_seen() -> None:
    """What the comparison of pixels is worth."""
    data = _file("RGB", (32, 32), 0, 3, quality=90)
    jpeg = jpeg_reader.read(data)
    jpeg.components[0].blocks[1][1][5] += 3
    written = jpeg_writer.write(jpeg, progressive=True)
    assert not np.array_equal(np.asarray(_opened(written)), np.asarray(_opened(data)))


def test_segments_stay() -> None:
    """Comments and tables are as before, in their order."""
    data = _file("RGB", (20, 20), 0, 3, comment="hello", quality=60)
    jpeg = jpeg_reader.read(data)
    written = jpeg_writer.write(jpeg, progressive=True)
    assert _opened(written).info["comment"] == b"hello"
    assert _opened(written).quantization == _opened(data).quantization


def test_what_follows_the_image_is_left_out() -> None:
    """As the further images of a file of several."""
    data = _file("L", (20, 20), 0, 3)
    jpeg = jpeg_reader.read(data + b"\xff\xd8 more")
    assert jpeg_writer.write(jpeg, progressive=False).endswith(b"\xff\xd9")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda _: b"GIF89a", "it is not a JPEG"),
        (lambda data: data[:100], "damaged|no end"),
        (lambda data: data.replace(b"\xff\xc0", b"\xff\xc9"), "coded otherwise than by Huffman codes"),
        (lambda data: data.replace(b"\xff\xc0\x00\x0b\x08", b"\xff\xc0\x00\x0b\x0c"), "12 bits per sample"),
        (lambda data: data.replace(b"\xff\xc4", b"\xff\xe9"), "its data is damaged"),
        (lambda data: data[:2] + b"\xff\xd9", "it has no image"),
    ],
)
def test_what_is_not_read_is_refused(change: Any, message: str) -> None:
    """With the reason, and never half of it."""
    with pytest.raises(Unsupported, match=message):
        jpeg_reader.read(change(_file("L", (20, 20), 0, 3)))
