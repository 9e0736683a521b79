"""Another file of the same pixels."""

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from contract_networks import image_file
from imgcls.contracts import reencode
from imgcls.contracts.jpeg_reader import Unsupported
from imgcls.preprocessing import decode


def _pixels(data: bytes, exif: Any = "ignore") -> Any:
    return np.asarray(decode.decode(data, exif))


def _profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def _turned(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010E] = "a description"
    return exif


@pytest.mark.parametrize("exif", ["ignore", "apply"])
@pytest.mark.parametrize("name", ["image.jpg", "image.png"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_all_encoders_keep_the_pixels(tmp_path: Path, name: str, orientation: int, exif: Any) -> None:
    """As the rule for Exif has them."""
    options: dict[str, Any] = {"comment": "hello"} if name.endswith("jpg") else {}
    image = image_file(tmp_path, name, exif=_turned(orientation), icc_profile=_profile(), **options)
    data = image.file.read_bytes()
    for what, encoder in reencode.ENCODERS.items():
        if name.endswith("png") and encoder is reencode.recoded:
            continue
        assert np.array_equal(_pixels(encoder(data, exif), exif), _pixels(data, exif)), what


def test_metadata_is_gone(tmp_path: Path) -> None:
    """Comment, profile, Exif; Adobe's and JFIF's segments stay, which state the colours."""
    data = image_file(tmp_path, exif=_turned(6), icc_profile=_profile(), comment="hello").file.read_bytes()
    bare = reencode.without_metadata(data, "ignore")
    with Image.open(io.BytesIO(bare)) as image:
        assert set(image.info) == {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
    assert b"a description" not in bare
    assert len(bare) < len(data)


def test_only_the_orientation_is_left(tmp_path: Path) -> None:
    """Where it counts."""
    bare = reencode.without_metadata(image_file(tmp_path, exif=_turned(6)).file.read_bytes(), "apply")
    with Image.open(io.BytesIO(bare)) as image:
        assert dict(image.getexif()) == {0x0112: 6}


def test_chunks_of_a_png(tmp_path: Path) -> None:
    """Texts, profile and times go; palettes and transparency stay."""
    text = PngInfo()
    text.add_text("comment", "hello")
    data = image_file(tmp_path, "image.png", pnginfo=text, icc_profile=_profile()).file.read_bytes()
    bare = reencode.without_metadata(data, "ignore")
    assert [bare[at : at + 4] for at in _chunks(bare)] == [b"IHDR", b"IDAT", b"IEND"]


def _chunks(data: bytes) -> list[int]:
    places, at = [], 8
    while at < len(data):
        (length,) = struct.unpack_from(">I", data, at)
        assert zlib.crc32(data[at + 4 : at + 8 + length]) == struct.unpack_from(">I", data, at + 8 + length)[0]
        places.append(at + 4)
        at += 12 + length
    return places


def test_transparency_that_rgb_cannot_have() -> None:
    """Only pixels go into the PNG, not what Pillow still knows of the file."""
    buffer = io.BytesIO()
    Image.new("1", (8, 8), 1).save(buffer, "PNG", transparency=1)
    data = buffer.getvalue()
    assert np.array_equal(_pixels(reencode.as_png(data, "ignore")), _pixels(data))


def test_what_is_not_encoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other formats, and files that would take too long."""
    bitmap = image_file(tmp_path, "image.bmp").file.read_bytes()
    with pytest.raises(Unsupported, match=r"^it is neither a JPEG nor a PNG$"):
        reencode.without_metadata(bitmap, "ignore")
    with pytest.raises(Unsupported, match=r"^it is not a JPEG$"):
        reencode.recoded(bitmap, "ignore")
    monkeypatch.setattr(reencode, "MAX_BYTES", 100)
    with pytest.raises(Unsupported, match=r"^it has more than 100 bytes$"):
        reencode.recoded(image_file(tmp_path).file.read_bytes(), "ignore")
