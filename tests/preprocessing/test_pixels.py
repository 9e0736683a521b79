"""imgcls.preprocessing.pixels: values of more than 8 bits by the depth or the range that the file states."""

import io
import warnings
from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from image_files import SMAX_SAMPLE_VALUE, SMIN_SAMPLE_VALUE, png_of_16_bits, tiff
from imgcls.errors import Undecodable
from imgcls.preprocessing import decode, pixels

GREY = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
COLOUR = np.random.default_rng(1).integers(0, 256, (16, 16, 3), np.uint8)
SIXTEEN = "16 bits per channel, of which the upper 8 were taken"


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    with decode.quiet_pillow():
        yield


def _decoded(data: bytes) -> tuple[npt.NDArray[np.uint8], list[str]]:
    remarks: list[str] = []
    return np.asarray(decode.decode(data, "ignore", remarks)), remarks


def _saved(values: npt.NDArray[np.generic], name: str) -> bytes:
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of formats that Pillow 15 will not have
        Image.fromarray(values[..., 0]).save(buffer, name)
    return buffer.getvalue()


def _wide(values: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint16]:
    """Of 16 bits, as every program makes them of 8: black stays black and white white."""
    return values.astype(np.uint16) * 257


@pytest.mark.parametrize(
    "data",
    [
        png_of_16_bits(_wide(GREY)),
        png_of_16_bits(np.dstack([_wide(GREY), _wide(GREY)])),
        tiff(_wide(GREY)),
        tiff(65535 - _wide(GREY), white_is_zero=True),
        *(_saved(_wide(GREY), name) for name in ("PNG", "TIFF", "JPEG2000", "IM", "PPM")),
    ],
)
def test_grey_of_16_bits_is_the_image_of_8_bits(data: bytes) -> None:
    """Value for value, where plain Pillow makes nearly all of them white; the rule is said."""
    decoded, remarks = _decoded(data)
    assert np.array_equal(decoded, np.repeat(GREY, 3, axis=2))
    assert remarks == [SIXTEEN]


@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("write", [png_of_16_bits, tiff])
def test_colours_of_16_bits_are_those_of_8_bits(write: Callable[[npt.NDArray[np.uint16]], bytes], alpha: bool) -> None:
    """They are Pillow's, torchvision's and timm's, bit for bit, and the rule is said too."""
    channels = np.dstack([COLOUR, GREY]) if alpha else COLOUR
    data = write(_wide(channels))
    decoded, remarks = _decoded(data)
    assert np.array_equal(decoded, COLOUR)
    assert decoded.tobytes() == Image.open(io.BytesIO(data)).convert("RGB").tobytes()
    assert remarks == [SIXTEEN]


def test_the_rule_is_that_of_pillow_for_colours() -> None:
    """The same values as grey and as colour give the same pixels, whatever the lower 8 bits are."""
    values = np.random.default_rng(2).integers(0, 65536, (16, 16, 1), np.uint16)
    grey, colour = _decoded(png_of_16_bits(values))[0], _decoded(png_of_16_bits(np.repeat(values, 3, axis=2)))[0]
    assert np.array_equal(grey, colour)


def test_12_bits_are_scaled_as_12() -> None:
    """White is 4095, where two values share three bytes."""
    packed = bytes([0x00, 0x0F, 0xFF, 0x80, 0x00, 0x00])  # 0, 4095, 2048, 0
    data = tiff(np.zeros((1, 4, 1), np.uint16), bits=12)
    decoded, remarks = _decoded(data[:8] + packed + data[8 + len(packed) :])
    assert decoded[0, :3, 0].tolist() == [0, 255, 128]
    assert remarks == ["12 bits per channel, of which the upper 8 were taken"]


@pytest.mark.parametrize("maximum", [1023, 65535])
def test_netpbm_states_its_maximum(maximum: int) -> None:
    """Colours of up to any maximum are scaled from it, and that is said."""
    values = np.array([0, maximum // 2 + 1, maximum], ">u2").tobytes()
    decoded, remarks = _decoded(b"P6 1 1 %d\n" % maximum + values)
    assert decoded.tolist() == [[[0, 128, 255]]]
    assert remarks == [f"values of up to {maximum} per channel, scaled to 255"]


@pytest.mark.parametrize(
    ("values", "low", "high"),
    [
        (GREY.astype(np.float32) / 255, 0.0, 1.0),
        (GREY.astype(np.float32), 0.0, 255.0),
        (GREY.astype(np.float32) * 20 - 1000, -1000.0, 4100.0),
        (GREY.astype(np.int32) * 1000, 0.0, 255000.0),
        (GREY.astype(np.int16) * 100 - 12800, -12800.0, 12700.0),
        (GREY.astype(np.uint32) * (1 << 24), 0.0, float(255 << 24)),
    ],
)
def test_values_without_a_depth_are_scaled_by_their_range(
    values: npt.NDArray[np.generic], low: float, high: float
) -> None:
    """Black and white are what SMinSampleValue and SMaxSampleValue of a TIFF state, signed, unsigned and floating."""
    limits = {SMIN_SAMPLE_VALUE: low, SMAX_SAMPLE_VALUE: high}
    decoded, remarks = _decoded(tiff(values, doubles=limits))
    assert np.array_equal(decoded, np.repeat(GREY, 3, axis=2))
    assert remarks == [pixels.DECLARED_RANGE]
    if values.dtype.kind == "f":  # of integers, Pillow reads none whose white is zero
        negative, _ = _decoded(tiff(values, white_is_zero=True, doubles=limits))
        assert np.array_equal(negative, 255 - decoded)


def test_values_beyond_the_range_are_clipped() -> None:
    """What is blacker than black is black."""
    values = np.array([[[-5.0], [0.5], [7.0]]], np.float32)
    decoded, _ = _decoded(tiff(values, doubles={SMIN_SAMPLE_VALUE: 0.0, SMAX_SAMPLE_VALUE: 1.0}))
    assert decoded[0, :, 0].tolist() == [0, 128, 255]


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (tiff(GREY.astype(np.float32)), "floating point"),
        (tiff(GREY.astype(np.int32)), "integer"),
        (tiff(GREY.astype(np.int16)), "integer"),
        (tiff(GREY.astype(np.float32), doubles={SMAX_SAMPLE_VALUE: 255.0}), "floating point"),
        (tiff(GREY.astype(np.float32), doubles={SMIN_SAMPLE_VALUE: 1.0, SMAX_SAMPLE_VALUE: 1.0}), "floating point"),
        (tiff(GREY.astype(np.float32), doubles={SMIN_SAMPLE_VALUE: 0.0, SMAX_SAMPLE_VALUE: np.inf}), "floating point"),
        *((_saved(GREY.astype(np.float32), name), "floating point") for name in ("PPM", "IM", "SPIDER")),
        (_saved(GREY.astype(np.int32), "IM"), "integer"),
    ],
)
def test_values_of_which_no_white_is_stated_are_refused(data: bytes, kind: str) -> None:
    """Any scale would be a guess; the message states what to write."""
    with pytest.raises(Undecodable, match=rf"^unsupported: its {kind} values have no .*SMaxSampleValue \(341\)"):
        decode.decode(data)


def test_planes_that_pillow_misreads_are_refused() -> None:
    """It takes each of their bytes for a value; planes of 8 bits are well."""
    why = "unsupported: Pillow misreads separate planes of 16 bits: save it with its channels side by side"
    with pytest.raises(Undecodable, match=f"^{why}$"):
        _decoded(tiff(_wide(COLOUR), planes=3))
    values, remarks = _decoded(tiff(COLOUR, planes=3))
    assert (values.tolist(), remarks) == (COLOUR.tolist(), [])


def test_what_is_not_a_number_is_refused() -> None:
    """NaN has no grey."""
    values = np.array([[[0.0], [np.nan]]], np.float32)
    with pytest.raises(Undecodable, match=r"corrupt: some of its values are not a number \(NaN\)"):
        decode.decode(tiff(values, doubles={SMIN_SAMPLE_VALUE: 0.0, SMAX_SAMPLE_VALUE: 1.0}))


def test_16_bits_per_pixel_are_not_16_bits_per_channel() -> None:
    """A bitmap with 5, 6 and 5 bits has no rule to be said."""
    header = b"".join(n.to_bytes(size, "little") for n, size in [(40, 4), (2, 4), (1, 4), (1, 2), (16, 2), (0, 4)])
    data = b"BM" + bytes(8) + (54).to_bytes(4, "little") + header + bytes(20) + bytes(4)
    assert _decoded(data)[1] == []


def test_the_depth_of_jpeg_2000_is_the_headers() -> None:
    """Colours of more than 8 bits, which Pillow does not mention and cannot write: the header is edited."""
    buffer = io.BytesIO()
    Image.fromarray(COLOUR).save(buffer, "JPEG2000", no_jp2=True)
    data = bytearray(buffer.getvalue())
    with Image.open(io.BytesIO(data)) as image:
        assert pixels.stated_depth(image) is None
    data[42:49] = bytes([11, 1, 1, 11, 1, 1, 11])
    with Image.open(io.BytesIO(data)) as image:
        assert pixels.stated_depth(image) == "12 bits per channel, of which the upper 8 were taken"


def test_the_depth_of_heic_is_said() -> None:
    """Telephones take 10 bits, which libheif reduces."""
    pillow_heif = pytest.importorskip("pillow_heif", reason="pillow-heif is not installed")
    buffer = io.BytesIO()
    pillow_heif.encode("RGB;16", (16, 16), _wide(COLOUR).tobytes(), buffer)
    assert _decoded(buffer.getvalue())[1] == ["10 bits per channel, reduced to 8 by libheif"]


@pytest.mark.parametrize("orientation", [1, 6, 0, 9])
@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP"])
def test_an_ignored_orientation_is_said(name: str, orientation: int) -> None:
    """Only where it would turn or mirror the image, and not where it is applied."""
    exif, buffer, applied = Image.Exif(), io.BytesIO(), list[str]()
    exif[0x0112] = orientation
    Image.fromarray(COLOUR).save(buffer, name, exif=exif)
    assert _decoded(buffer.getvalue())[1] == ([pixels.IGNORED_ORIENTATION] if orientation == 6 else [])
    decode.decode(buffer.getvalue(), "apply", applied)
    assert applied == []


def test_heic_is_upright_by_itself() -> None:
    """Its library turns it, so nothing is ignored, and nothing is turned twice."""
    pytest.importorskip("pillow_heif", reason="pillow-heif is not installed")
    exif, buffer = Image.Exif(), io.BytesIO()
    exif[0x0112] = 6
    Image.new("RGB", (32, 16)).save(buffer, "HEIF", exif=exif.tobytes())
    remarks: list[str] = []
    sizes = [decode.decode(buffer.getvalue(), how, remarks).size for how in ("ignore", "apply")]
    assert (sizes, remarks) == ([(16, 32), (16, 32)], [])


def test_a_broken_exif_does_not_reject_an_image() -> None:
    """It has no orientation, and the pixels are there."""
    buffer = io.BytesIO()
    Image.fromarray(COLOUR).save(buffer, "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    decoded, remarks = _decoded(buffer.getvalue())
    assert decoded.shape == (16, 16, 3)
    assert remarks == []


@pytest.mark.parametrize("name", ["GIF", "PNG", "WEBP", "TIFF"])
def test_the_first_of_several_frames_is_said(name: str) -> None:
    """It is the one that is read; one frame is nothing to speak of."""
    first, second = Image.new("RGB", (8, 8), "red"), Image.new("RGB", (8, 8), "blue")
    several, single = io.BytesIO(), io.BytesIO()
    first.save(several, name, save_all=True, append_images=[second], lossless=True)
    first.save(single, name, lossless=True)
    values, remarks = _decoded(several.getvalue())
    assert (values[0, 0].tolist(), remarks) == ([255, 0, 0], [pixels.FIRST_FRAME])
    assert _decoded(single.getvalue())[1] == []


def test_a_broken_second_frame_does_not_reject_an_image() -> None:
    """The first is what is asked for."""
    whole = io.BytesIO()
    frames = [Image.fromarray(np.roll(COLOUR, shift, 0)) for shift in range(2)]
    frames[0].save(whole, "GIF", save_all=True, append_images=frames[1:])
    for missing in (10, 300, 500):
        assert _decoded(whole.getvalue()[:-missing])[0].shape == (16, 16, 3)


def test_images_of_8_bits_without_orientation_have_no_remark() -> None:
    """The usual image is converted by no rule of ours."""
    buffer = io.BytesIO()
    Image.fromarray(COLOUR).save(buffer, "JPEG")
    assert _decoded(buffer.getvalue())[1] == []
