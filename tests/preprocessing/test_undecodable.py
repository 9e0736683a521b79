"""imgcls.preprocessing.undecodable: what a file is that Pillow does not decode, and what to do."""

import io
import sys

import numpy as np
import pytest
from PIL import Image, UnidentifiedImageError

from builders import LFS_POINTER
from image_files import tiff
from imgcls.errors import Undecodable
from imgcls.preprocessing import decode, formats, undecodable

HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(40)
AVIF = b"\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf" + bytes(40)
JPEG_XL = b"\xff\x0a" + bytes(40), b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(40)
WEBP = b"RIFF\x24\0\0\0WEBPVP8 " + bytes(40)


def _error(data: bytes) -> Undecodable:
    return undecodable.error(UnidentifiedImageError("cannot identify image file <_io.BytesIO object at 0x7f>"), data)


def test_heic_names_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """By its bytes, whatever the file is called: telephones give them names that end in .jpg."""
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    error = _error(HEIC)
    assert error.reason == "unsupported"
    assert error.detail == "it is an HEIC image, and pillow-heif is not installed: pip install 'imgcls[heif]'"


def test_a_broken_heic_is_not_an_installation_at_fault() -> None:
    """Where pillow-heif is installed, its own words say what is wrong."""
    pytest.importorskip("pillow_heif", reason="pillow-heif is not installed")
    formats.names()
    error = _error(HEIC)
    assert error.reason in {"corrupt", "truncated"}
    assert error.detail.startswith("it is an HEIC image that pillow-heif does not read: ")


def test_libraries_that_pillow_lacks_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A brand in the list of a file counts as its first one."""
    monkeypatch.setattr(formats, "has", lambda _: False)
    details = [(error.reason, error.detail) for error in map(_error, (AVIF, WEBP))]
    assert details == [
        ("unsupported", "it is an AVIF image, which this Pillow does not decode: pip install 'pillow>=11.3'"),
        (
            "unsupported",
            "it is a WebP image, which this Pillow was built without: pip install --force-reinstall pillow",
        ),
    ]


@pytest.mark.parametrize("data", JPEG_XL)
def test_jpeg_xl_names_its_converter(data: bytes) -> None:
    """As codestream and in its container."""
    assert _error(data).detail.startswith("it is a JPEG XL image, which is not read: convert it to JPEG or PNG")


@pytest.mark.parametrize("data", [b"<!DOCTYPE html><html>", b"\xef\xbb\xbf\n <HTML lang='en'>", b"<head>"])
def test_a_web_page_is_named(data: bytes) -> None:
    """What a server sends in the place of an image is often saved under the image's name."""
    error = _error(data)
    assert (error.reason, error.detail.partition(",")[0]) == ("not_an_image", "it is a web page")


def test_a_tiff_of_unknown_pixels_is_an_image() -> None:
    """Floating point colours are a TIFF, and not no image; a damaged one is what it was."""
    data = tiff(np.zeros((2, 2, 3), np.float32))
    with (
        decode.quiet_pillow(),
        pytest.raises(Undecodable, match=r"^unsupported: it is a TIFF image whose kind of pixels"),
    ):
        decode.decode(data)
    with decode.quiet_pillow():
        assert _error(data[:30]).reason == "not_an_image"


@pytest.mark.parametrize(
    ("data", "begin"), [(b"", "in these 0 bytes"), (b"no image at all", "in these 15 bytes, which begin 6e 6f 20 69")]
)
def test_no_image_is_shown_by_its_first_bytes(data: bytes, begin: str) -> None:
    """Not by the address of our buffer."""
    assert begin in _error(data).detail


def test_too_many_pixels_say_how_to_read_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the number that max_megapixels has to be at least; Pillow's own words stand where it names none."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 50_000_000)
    text = "Image size (300000001 pixels) exceeds limit of 100000000 pixels, could be decompression bomb DOS attack."
    error = undecodable.error(Image.DecompressionBombError(text), b"")
    assert error.reason == "too_large"
    assert error.detail == (
        "it has 300,000,001 pixels, more than the 100,000,000 that are read; if it is to be trusted, write "
        "max_megapixels = 301 into the table of its dataset"
    )
    assert undecodable.error(Image.DecompressionBombError("too much"), b"").detail == "too much"


def test_what_libraries_printed_stands_in_the_detail() -> None:
    """After what Pillow raised, each line once."""
    error = undecodable.error(OSError("decoder error -2"), b"II*\0", ["LZWDecode: bad.", "LZWDecode: bad."])
    assert (error.reason, error.detail) == ("corrupt", "decoder error -2; LZWDecode: bad.")


def test_pillow_states_the_number_of_pixels() -> None:
    """What the message is made of is there in this version of Pillow."""
    buffer = io.BytesIO()
    Image.new("L", (40, 30)).save(buffer, "PNG")
    with decode.quiet_pillow(0.001), pytest.raises(Undecodable, match="it has 1,200 pixels"):
        decode.decode(buffer.getvalue())


def test_an_image_that_git_lfs_did_not_fetch_is_no_broken_image() -> None:
    """It has a reason of its own, and what fetches it."""
    with decode.quiet_pillow(), pytest.raises(Undecodable, match="fetch it with `git lfs pull`") as rejected:
        decode.decode(LFS_POINTER)
    assert rejected.value.reason == "lfs_pointer"
