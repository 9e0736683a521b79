"""imgcls.preprocessing.formats: what is decoded, and the versions of what decodes it."""

import io
import sys

import PIL
import pytest
from PIL import Image

from imgcls.preprocessing import decode, formats


def test_programs_are_never_started() -> None:
    """EPS would start Ghostscript, and IPTC may hold an EPS."""
    assert {"JPEG", "PNG", "TIFF", "JPEG2000", "QOI"} <= set(formats.names())
    assert not {"EPS", "IPTC"} & set(formats.names())


def test_decoder_names_its_libraries() -> None:
    """The store's key holds the versions of Pillow and of all libraries that it decodes with."""
    decoder = formats.decoder()
    assert decoder.startswith(f"pillow {PIL.__version__} (libjpeg_turbo ")
    assert ", libtiff 4." in decoder
    assert (", pillow_heif " in decoder) == (formats.heif() is not None)


def test_decoder_of_files_names_only_what_decodes_them() -> None:
    """A golden record of JPEGs is compared strictly wherever the same JPEG library is, whatever else is installed."""
    of_jpegs = formats.decoder(["a.jpg", "b.PNG"])
    assert "avif" not in of_jpegs
    assert "heif" not in of_jpegs
    assert ("avif" in formats.decoder(["a.jpg", "c.AVIF"])) == formats.has("avif")
    assert ("libheif" in formats.decoder(["IMG_1.HEIC"])) == (formats.heif() is not None)


def test_heic_is_decoded_where_pillow_heif_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its pixels are those that pillow-heif gives, and without it nothing else changes."""
    pillow_heif = pytest.importorskip("pillow_heif", reason="pillow-heif is not installed")
    assert "HEIF" in formats.names()
    buffer = io.BytesIO()
    Image.new("RGB", (16, 8), (250, 120, 10)).save(buffer, "HEIF")
    with decode.quiet_pillow():
        decoded = decode.decode(buffer.getvalue())
    assert (decoded.mode, decoded.size) == ("RGB", (16, 8))
    assert decoded.tobytes() == bytes(pillow_heif.open_heif(buffer).to_pillow().convert("RGB").tobytes())
    with_heif = formats.names()
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    assert formats.heif() is None
    assert [name for name in formats.names.__wrapped__() if name != "HEIF"] == [n for n in with_heif if n != "HEIF"]
