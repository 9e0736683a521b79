"""imgcls.preprocessing.decode: bytes decode as Pillow decodes them, or say why not, and print nothing meanwhile."""

import hashlib
import io
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import get_args

import PIL
import pytest
from PIL import Image, ImageFile, ImageOps

from imgcls.errors import MachineError, Reason, Undecodable
from imgcls.preprocessing import decode as decoding


@pytest.fixture
def quiet() -> Iterator[None]:
    with decoding.quiet_pillow():
        yield


def _encoded(image: Image.Image, name: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, name, **options)
    return buffer.getvalue()


def _noise(width: int, height: int) -> Image.Image:
    """A grey image that no compression makes small, the same in every run."""
    return Image.frombytes("L", (width, height), hashlib.shake_256(b"noise").digest(width * height))


PNG = _encoded(Image.new("RGB", (2, 2), (1, 2, 3)), "PNG")
JPEG = _encoded(_noise(32, 32).convert("RGB"), "JPEG")


def _damaged(data: bytes, start: int) -> bytes:
    return data[:start] + b"\xff" * 6 + data[start + 6 :]


def _noisy_tiff() -> bytes:
    """Decodes, although libtiff prints "Fax4Decode: Bad code word ..."."""
    return _damaged(_encoded(_noise(64, 64).convert("1"), "TIFF", compression="group4"), 20)


def _broken_tiff() -> bytes:
    """Does not decode, and libtiff prints "tempfile.tif: Using code not yet in table."."""
    return _damaged(_encoded(_noise(64, 64), "TIFF", compression="tiff_lzw"), 100)


def _outcome(data: bytes) -> Undecodable | None:
    try:
        decoding.decode(data)
    except Undecodable as fault:
        return fault
    return None


def _in_mode(mode: str) -> Image.Image:
    if mode == "LAB":
        return Image.merge("LAB", [_noise(19, 13)] * 3)
    return _noise(19, 13).convert("RGB").convert(mode)


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        *(("PNG", mode) for mode in ("1", "L", "LA", "P", "RGB", "RGBA")),
        *(("JPEG", mode) for mode in ("L", "RGB", "CMYK")),
        *(("WEBP", mode) for mode in ("RGB", "RGBA")),
        *(("BMP", mode) for mode in ("1", "L", "P", "RGB", "RGBA")),
        *(("TIFF", mode) for mode in ("1", "L", "P", "RGB", "RGBA", "CMYK", "LAB")),
        *(("GIF", mode) for mode in ("1", "L", "P")),
        ("TGA", "RGB"),
    ],
)
@pytest.mark.usefixtures("quiet")
def test_decode_gives_the_pixels_of_pillow(name: str, mode: str) -> None:
    """Pixels are those of Image.open(...).convert("RGB"), byte for byte, for every format and mode."""
    data = _encoded(_in_mode(mode), name)

    decoded = decoding.decode(data)

    expected = Image.open(io.BytesIO(data)).convert("RGB")
    assert (decoded.mode, decoded.size, decoded.tobytes()) == ("RGB", (19, 13), expected.tobytes())


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP"])
@pytest.mark.usefixtures("quiet")
def test_decode_turns_an_image_only_on_request(name: str) -> None:
    """Exif orientation 6 (turned right) is ignored as in torchvision and timm, and applied on request."""
    exif = Image.Exif()
    exif[0x0112] = 6
    data = _encoded(Image.new("RGB", (4, 2)), name, exif=exif)

    assert (decoding.decode(data).size, decoding.decode(data, exif="apply").size) == ((4, 2), (2, 4))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.usefixtures("quiet")
def test_upright_is_as_in_pillow(orientation: int) -> None:
    """With any Exif orientation applied, a JPEG's pixels are those of Pillow's own transposition."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = _encoded(_noise(40, 30).convert("RGB"), "JPEG", exif=exif)

    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB")

    decoded = decoding.decode(data, exif="apply")
    assert (decoded.size, decoded.tobytes()) == (upright.size, upright.tobytes())


@pytest.mark.usefixtures("quiet")
def test_decode_turns_a_tiff_once() -> None:
    """Pillow always turns a TIFF upright by itself; to apply its Exif orientation does not turn it again."""
    exif = Image.Exif()
    exif[0x0112] = 6
    data = _encoded(_noise(4, 2), "TIFF", exif=exif)

    upright = _noise(4, 2).transpose(Image.Transpose.ROTATE_270).convert("RGB").tobytes()

    assert (decoding.decode(data).tobytes(), decoding.decode(data, exif="apply").tobytes()) == (upright, upright)


def _bmp(width: int, depth: int = 24) -> bytes:
    header = b"".join(n.to_bytes(size, "little") for n, size in [(40, 4), (width, 4), (width, 4), (1, 2), (depth, 2)])
    return b"BM" + bytes(8) + (54).to_bytes(4, "little") + header + bytes(24)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not_an_image"),
        (b"no image at all", "not_an_image"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n", "not_an_image"),
        (JPEG[: len(JPEG) // 2], "truncated"),
        (PNG[:50], "truncated"),
        (_damaged(_encoded(_noise(32, 32), "PNG"), 100), "corrupt"),
        (_bmp(2, depth=7), "unsupported"),
        (_bmp(50_000), "too_large"),
    ],
)
@pytest.mark.usefixtures("quiet")
def test_decode_gives_the_reason(data: bytes, reason: str) -> None:
    """Each kind of damage has its word, and a detail that does not change from run to run."""
    first, second = _outcome(data), _outcome(data)

    assert first is not None
    assert second is not None
    assert (first.reason, bool(first.detail)) == (reason, True)
    assert first.detail == second.detail


@pytest.mark.usefixtures("quiet")
def test_decode_names_a_lack_of_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """An image that does not fit into memory is rejected, and does not end the run."""

    def exhausted(_image: Image.Image, _mode: str) -> None:
        raise MemoryError

    monkeypatch.setattr(Image.Image, "convert", exhausted)

    with pytest.raises(Undecodable, match=r"^out_of_memory: MemoryError$"):
        decoding.decode(PNG)


def test_warnings_do_not_change_what_decodes() -> None:
    """An image that Pillow warns of decodes inside quiet_pillow, where warnings are errors and in other threads."""
    palette = Image.new("P", (2, 2))
    data = _encoded(palette, "PNG", transparency=b"\x80\x40")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(UserWarning, match="Palette images with Transparency"):
            decoding.decode(data)
        with decoding.quiet_pillow(), ThreadPoolExecutor(2) as pool:
            decoded = list(pool.map(decoding.decode, [data] * 8))

    assert [image.mode for image in decoded] == ["RGB"] * 8


def test_what_libtiff_prints_goes_into_the_detail(capfd: pytest.CaptureFixture[str]) -> None:
    """In two threads at once, what libtiff prints of a broken file is in its own rejection, not on the terminal."""
    noisy, broken = _noisy_tiff(), _broken_tiff()
    with decoding.quiet_pillow(), ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(_outcome, [noisy, broken] * 20))

    assert capfd.readouterr() == ("", "")
    assert outcomes[::2] == [None] * 20
    details = {fault.detail for fault in outcomes[1::2] if fault}
    assert len(details) == 1
    assert details.pop().endswith(f"-2; {_printed(broken, capfd)}")


def _printed(data: bytes, capfd: pytest.CaptureFixture[str]) -> str:
    with suppress(OSError):
        Image.open(io.BytesIO(data)).convert("RGB")
    return capfd.readouterr().err.rstrip("\n")


def test_libtiff_does_print(capfd: pytest.CaptureFixture[str]) -> None:
    """Plain Pillow prints on the two images of the test above: they are fit to prove it."""
    assert _printed(_noisy_tiff(), capfd)
    assert _printed(_broken_tiff(), capfd)


def test_no_temporary_file_is_the_machines_fault(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where nothing can be caught for want of a temporary file, the image is not blamed."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))

    with pytest.raises(MachineError, match="set TMPDIR"):
        decoding.decode(_noisy_tiff())


def test_decode_works_with_stderr_closed(tmp_path: Path) -> None:
    """With file descriptor 2 closed and warnings as errors, images decode and are rejected as ever."""
    (tmp_path / "noisy.tif").write_bytes(_noisy_tiff())
    (tmp_path / "broken.tif").write_bytes(_broken_tiff())
    program = """if True:
        import logging, os, pathlib
        from imgcls.preprocessing import decode as pixels
        from imgcls.errors import Undecodable
        with pixels.quiet_pillow():
            logging.getLogger("PIL.TiffImagePlugin").error("is not shown")
            print(pixels.decode(pathlib.Path("noisy.tif").read_bytes()).size)
            os.close(2)
            print(pixels.decode(pathlib.Path("noisy.tif").read_bytes()).size)
            try:
                pixels.decode(pathlib.Path("broken.tif").read_bytes())
            except Undecodable as fault:
                print(fault.reason)
    """
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True
    )

    assert (done.stdout, done.stderr) == ("(64, 64)\n(64, 64)\ncorrupt\n", "")


@pytest.mark.usefixtures("quiet")
@pytest.mark.shared
@pytest.mark.slow
def test_hostile_files_decode_as_in_plain_pillow(shared_data: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Of 1,194 odd and malicious files, whatever their name, Pillow 13's 220 are rejected, each with a reason.

    An older Pillow decodes fewer; how they divide into reasons is left open, since the words of Pillow's errors move
    from release to release.
    """
    files = sorted(path for path in (shared_data / "hostile").rglob("*") if path.is_file())
    faults = [fault for path in files if (fault := _outcome(path.read_bytes()))]

    assert len(files) == 1194
    assert len(faults) == 220 or (len(faults) > 220 and int(PIL.__version__.partition(".")[0]) < 13)
    assert {fault.reason for fault in faults} <= set(get_args(Reason))
    assert all(fault.detail for fault in faults)
    assert capfd.readouterr() == ("", "")


def test_half_an_image_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a training script has set in Pillow, in this process or in the one that filled the store."""
    buffer = io.BytesIO()
    Image.effect_noise((64, 64), 50).convert("RGB").save(buffer, "JPEG")
    half = buffer.getvalue()[: len(buffer.getvalue()) // 2]
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    with decoding.quiet_pillow(), pytest.raises(Undecodable, match="truncated"):
        decoding.decode(half)
    assert ImageFile.LOAD_TRUNCATED_IMAGES


def test_a_dataset_may_have_a_limit_of_its_own() -> None:
    """Inside of its pass more or fewer pixels are read than Pillow's setting allows, which comes back afterwards."""
    usual = Image.MAX_IMAGE_PIXELS
    assert decoding.most_pixels() == 2 * (usual or 0)
    assert decoding.most_pixels(0.001) == 1000
    with decoding.quiet_pillow(0.001):
        assert decoding.decode(_encoded(Image.new("L", (40, 25)), "PNG")).size == (40, 25)
        with pytest.raises(
            Undecodable, match=r"^too_large: it has 1,025 pixels, more than the 1,000 that are read; .*"
        ):
            decoding.decode(_encoded(Image.new("L", (41, 25)), "PNG"))
    with decoding.quiet_pillow(300), Image.open(io.BytesIO(_bmp(15_000))) as image:
        assert image.size == (15_000, 15_000)
    with decoding.quiet_pillow(), pytest.raises(Undecodable, match="write max_megapixels = 225 into the table"):
        decoding.decode(_bmp(15_000))
    assert usual == Image.MAX_IMAGE_PIXELS
