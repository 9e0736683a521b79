"""imgcls.preprocessing.upper_rows: the rows that a crop needs, without the others, and no other verdict."""

import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal
from unittest import mock

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image

from builders import make_spec
from imgcls.errors import Undecodable
from imgcls.preprocessing import decode, geometry, jpeg, pixels, preprocess, upper_rows
from imgcls.preprocessing.preprocess import Preprocessing
from imgcls.records.config import CropMode, Interpolation

INTERPOLATIONS: tuple[Interpolation, ...] = ("bilinear", "bicubic", "nearest", "lanczos")
USUAL = [Preprocessing(make_spec(256, (224, 224), "center", each), "exact") for each in INTERPOLATIONS]

Exif = Literal["ignore", "apply"]


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with decode.quiet_pillow():
        yield


def encoded(size: tuple[int, int], mode: str = "RGB", **options: Any) -> bytes:
    """A JPEG of smooth noise of ``size`` (w, h), as sharp as a photograph."""
    shape = (size[1] // 3 + 1, size[0] // 3 + 1, 3)
    coarse = np.random.default_rng(size).integers(0, 256, shape, np.uint8)
    buffer, image = io.BytesIO(), Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC).convert(mode)
    image.save(buffer, "JPEG", **options)
    return buffer.getvalue()


def turned(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    return encoded((60, 80), exif=exif)


def verdict(data: bytes, preprocessings: list[Preprocessing], exif: Exif) -> Any:
    """Crops and remarks of a file, or why it has none."""
    try:
        prepared = preprocess.prepare(data, preprocessings, exif)
    except Undecodable as error:
        return error.reason, error.detail
    crops = {each: np.asarray(crop).tobytes() for each, crop in prepared.crops.items()}
    return crops, prepared.remarks, prepared.undecodable


def assert_same_verdict(data: bytes, preprocessings: list[Preprocessing]) -> None:
    """As by decoding all of a file, for both rules of Exif."""
    exifs: tuple[Exif, ...] = ("ignore", "apply")
    for exif in exifs:
        with mock.patch.object(upper_rows, "is_proven", return_value=False):
            expected = verdict(data, preprocessings, exif)
        assert verdict(data, preprocessings, exif) == expected


FORMS = st.fixed_dictionaries(
    {"quality": st.sampled_from([1, 30, 75, 95, 100]), "mode": st.sampled_from(["RGB", "L", "CMYK"])},
    optional={
        "subsampling": st.sampled_from(["4:4:4", "4:2:2", "4:2:0"]),
        "progressive": st.booleans(),
        "optimize": st.booleans(),
        "restart_marker_blocks": st.integers(1, 9),
    },
)


@given(
    size=st.tuples(st.integers(1, 90), st.integers(1, 150)),
    form=FORMS,
    crop=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    crop_mode=st.sampled_from(["center", "squash", "border"]),
    interpolation=st.sampled_from(INTERPOLATIONS),
)
@example((50, 75), {"mode": "RGB", "quality": 95, "subsampling": "4:2:0"}, (22, 22), "center", "lanczos")
@example((3, 120), {"mode": "RGB", "quality": 75, "subsampling": "4:2:0"}, (2, 2), "center", "bilinear")
@settings(max_examples=120)
def test_crops_are_those_of_the_whole_image(
    size: tuple[int, int],
    form: dict[str, Any],
    crop: tuple[int, int],
    crop_mode: CropMode,
    interpolation: Interpolation,
) -> None:
    """Of every size and form of JPEG, at every crop, to the bit."""
    resize = 32 if crop_mode == "center" else (32, 40)
    assert_same_verdict(
        encoded(size, **form), [Preprocessing(make_spec(resize, crop, crop_mode, interpolation), "exact")]
    )


@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
def test_a_crop_of_the_middle_decodes_less(subsampling: str) -> None:
    """A tall photograph is decoded up to the crop's last row and few more."""
    data = encoded((60, 160), subsampling=subsampling)
    upper = upper_rows.decode(data, lambda _: 100)
    assert upper is not None
    assert upper.size == (160, 60)
    assert 100 <= upper.image.height <= 102
    whole = np.asarray(decode.decode(data))
    assert np.array_equal(np.asarray(upper.image)[:100], whole[:100])


@given(position=st.integers(0, 10**6), values=st.binary(min_size=1, max_size=3), length=st.integers(0, 10**6))
@settings(max_examples=150)
def test_damage_has_the_verdict_of_the_whole_file(position: int, values: bytes, length: int) -> None:
    """Bytes that are overwritten or missing, with or without an end: the same reason, or the same pixels."""
    data = bytearray(encoded((40, 70), quality=90))
    position %= len(data)
    data[position : position + len(values)] = values
    crop = [Preprocessing(make_spec(32, (20, 20)), "exact")]
    assert_same_verdict(bytes(data), crop)
    assert_same_verdict(bytes(data[: length % len(data)]) + b"\xff\xd9", crop)


def test_exif_turns_only_whole_images() -> None:
    """Where an orientation is applied all is decoded; where it is ignored it is a remark."""
    assert upper_rows.decode(turned(6), lambda _: 9, "apply") is None
    upper = upper_rows.decode(turned(6), lambda _: 9, "ignore")
    assert upper is not None
    assert upper.remarks == (pixels.IGNORED_ORIENTATION,)
    assert upper_rows.decode(turned(1), lambda _: 9, "apply") is not None
    for orientation in range(10):
        assert_same_verdict(turned(orientation), [Preprocessing(make_spec(32, (20, 20)), "exact")])


PLAIN = encoded((60, 120), quality=90, subsampling="4:2:0")
SCAN = PLAIN.index(b"\xff\xda") + 14
MIDDLE, END = (SCAN + len(PLAIN)) // 2, len(PLAIN) - 2
FRAME = PLAIN.index(b"\xff\xc0")


def _segment(marker: int, content: bytes) -> bytes:
    return bytes((0xFF, marker)) + (len(content) + 2).to_bytes(2) + content


def _deep_tables(data: bytes) -> bytes:
    """With quantisation tables of 16 bits, of the same values."""
    return re.sub(
        rb"\xff\xdb\0\x43(.)(.{64})",
        lambda match: _segment(0xDB, bytes((16 | match[1][0],)) + b"".join(b"\0%c" % value for value in match[2])),
        data,
        flags=re.DOTALL,
    )


def _by_letters(data: bytes) -> bytes:
    """With components R, G and B, which tells libjpeg that they are not YCbCr."""
    changed = bytearray(data)
    for number, letter in enumerate(b"RGB"):
        changed[FRAME + 10 + 3 * number] = changed[SCAN - 9 + 2 * number] = letter
    return bytes(changed)


ODD = {
    "a number of lines after the scan": PLAIN[:END] + _segment(0xDC, b"\0\x28") + PLAIN[END:],
    "a number of lines in the scan": PLAIN[:MIDDLE] + _segment(0xDC, b"\0\x28") + PLAIN[MIDDLE:],
    "a restart in the scan": PLAIN[:MIDDLE] + b"\xff\xd0" + PLAIN[MIDDLE:],
    "an end in the scan": PLAIN[:MIDDLE] + b"\xff\xd9" + PLAIN[MIDDLE:],
    "another image in the scan": PLAIN[:MIDDLE] + PLAIN,
    "another scan": PLAIN[:END] + PLAIN[PLAIN.index(b"\xff\xda") :],
    "other tables after the scan": PLAIN[:END] + _segment(0xC4, bytes(17)) + PLAIN[END:],
    "an end that is only in a comment": PLAIN[:MIDDLE] + _segment(0xFE, b"\xff\xd9"),
    "an end in a comment that is longer than the file": PLAIN[:MIDDLE] + b"\xff\xfe\0\xff\xff\xd9",
    "bytes after the end": PLAIN + bytes(100),
    "another image after the end": PLAIN + PLAIN,
    "filled markers": PLAIN[:FRAME] + b"\xff\xff\xff" + PLAIN[FRAME:],
    "a filled end": PLAIN[:END] + b"\xff\xff\xff" + PLAIN[END:],
    "a thumbnail": PLAIN[:2] + _segment(0xE1, b"Exif\0\0" + encoded((9, 9))) + PLAIN[2:],
    "RGB by Adobe": PLAIN[:FRAME] + _segment(0xEE, b"Adobe\0\x64\0\0\0\0\0") + PLAIN[FRAME:],
    "an unknown transform by Adobe": PLAIN[:FRAME] + _segment(0xEE, b"Adobe\0\x64\0\0\0\0\2") + PLAIN[FRAME:],
    "a cut statement of Adobe": PLAIN[:FRAME] + _segment(0xEE, b"Adobe") + PLAIN[FRAME:],
    "a cut profile": PLAIN[:FRAME] + _segment(0xE2, b"ICC_PROFILE\0\1") + PLAIN[FRAME:],
    "a profile of which parts lack": PLAIN[:FRAME] + _segment(0xE2, b"ICC_PROFILE\0\2\3x") + PLAIN[FRAME:],
    "several images by their index": PLAIN[:FRAME] + _segment(0xE2, b"MPF\0II*\0\x08\0\0\0") + PLAIN[FRAME:],
    "tables of 16 bits": _deep_tables(PLAIN),
    "more lines than there are": PLAIN[: FRAME + 5] + b"\1\0" + PLAIN[FRAME + 7 :],
    "fewer lines than there are": PLAIN[: FRAME + 5] + b"\0\x31" + PLAIN[FRAME + 7 :],
    "RGB by the names of its components": _by_letters(PLAIN),
}


@pytest.mark.parametrize("data", ODD.values(), ids=ODD)
def test_odd_markers_have_the_verdict_of_the_whole_file(data: bytes) -> None:
    """Wherever they are: the same pixels, or the same reason."""
    assert_same_verdict(data, USUAL[:1])
    assert_same_verdict(data, [Preprocessing(make_spec(32, (20, 20)), "exact")])


@pytest.mark.parametrize(
    "exif", [b"II*\0XX", b"MM\0*\0\0\0\xff", b"garbage!", b"", b"II*\0\x08\0\0\0\x05\0\x12\x01\x03"]
)
def test_exif_that_cannot_be_read_has_the_verdict_of_the_whole_file(exif: bytes) -> None:
    """Where images are turned by it, it rejects them, also where only upper rows are needed."""
    data = encoded((60, 80), dpi=(72, 72), exif=b"Exif\0\0" + exif)
    assert jpeg.header(data) is not None
    assert_same_verdict(data, [Preprocessing(make_spec(32, (20, 20)), "exact")])


def test_a_large_image_is_pillows_to_refuse() -> None:
    """An image of more pixels than Pillow warns of is left to it, with its words."""
    data = encoded((60, 80))
    with decode.quiet_pillow(max_megapixels=0.002):
        assert upper_rows.decode(data, lambda _: 9) is None
        assert verdict(data, USUAL, "ignore")[0] == "too_large"


@pytest.mark.parametrize("value", [1, 255])
def test_a_decoder_that_is_wrong_in_one_value_is_not_used(value: int) -> None:
    """Nor one that fails: everything is decoded as a whole then, and crops stay as they are."""

    def wrong(data: bytes, header: jpeg.Header, rows: int) -> Image.Image:
        image = decoded(data, header, rows)
        pixels = np.array(image)
        pixels[0, 2, 1] ^= value
        return Image.fromarray(pixels)

    decoded, data = upper_rows._decoded, encoded((40, 70))
    expected = verdict(data, USUAL[:1], "ignore")
    for fake in (wrong, mock.Mock(side_effect=ValueError("cannot decode image data"))):
        upper_rows.is_proven.cache_clear()
        with mock.patch.object(upper_rows, "_decoded", fake):
            assert not upper_rows.is_proven()
            assert upper_rows.decode(data, lambda _: 9) is None
            assert verdict(data, USUAL[:1], "ignore") == expected
    upper_rows.is_proven.cache_clear()
    assert upper_rows.is_proven()


def test_rows_are_those_that_the_crop_is_made_from() -> None:
    """Of 500 rows resized to 341, whose middle 224 are shown, 17 % are not needed; of a squashed image all are."""
    assert geometry.upper_rows(make_spec(256, (224, 224)), (500, 375)) in range(413, 418)
    assert geometry.upper_rows(make_spec((64, 64), (64, 64), "squash"), (500, 375)) == 500


@pytest.mark.shared
@pytest.mark.slow
def test_photographs_have_the_same_crops(shared_data: Path) -> None:
    """Forty of 1000 photographs, by all interpolations; nearly all from their upper rows."""
    files = [path.read_bytes() for path in sorted((shared_data / "photos").glob("*/*"))[::25]]
    for data in files:
        assert_same_verdict(data, USUAL)
    assert sum(upper_rows.decode(data, lambda size: size[0] // 2) is not None for data in files) >= 0.99 * len(files)


@pytest.mark.shared
@pytest.mark.slow
def test_hostile_jpegs_have_the_same_verdict(shared_data: Path) -> None:
    """Every hostile file that begins as a JPEG, of which two thirds have the form of those whose rows are decoded."""
    files = [path.read_bytes() for path in sorted((shared_data / "hostile").rglob("*")) if path.is_file()]
    jpegs = [data for data in files if data.startswith(b"\xff\xd8")]
    for data in jpegs:
        assert_same_verdict(data, USUAL[:1])
    assert sum(jpeg.header(data) is not None for data in jpegs) > 0.6 * len(jpegs)
