"""Decoding.fast and crop_fast: the same place of the image as the exact way shows, and nearly the same pixels."""

import io
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Literal
from unittest import mock

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from builders import CROP_MODES, INTERPOLATIONS, make_spec
from image_files import lossless_jpeg
from imgcls.errors import ConfigError, Undecodable
from imgcls.preprocessing import decode as decoding
from imgcls.preprocessing import geometry, resize, transforms
from imgcls.preprocessing.geometry import Pixels, Reduced
from imgcls.records.config import CropMode, InputSpec, Interpolation

ORIENTATION = 0x0112


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Pillow warns of large images."""
    with decoding.quiet_pillow():
        yield


@pytest.fixture(params=["torch", "box"])
def way(request: pytest.FixtureRequest) -> Iterator[str]:
    """Resize by torch where it can, as on most machines, or never."""
    usual = resize.torch_is_faster
    with mock.patch.object(resize, "torch_is_faster", usual if request.param == "torch" else lambda *_: False):
        yield request.param


USUAL = make_spec(256, (224, 224))


def smooth(width: int, height: int) -> Image.Image:
    """An image without edges, so that only where it is cut makes a difference, and no two places look alike."""
    coarse = np.random.default_rng(1).integers(0, 256, (12, 16, 3), np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)


def encoded(image: Image.Image, name: str = "JPEG", orientation: int = 1) -> bytes:
    exif, buffer = Image.Exif(), io.BytesIO()
    exif[ORIENTATION] = orientation
    image.save(buffer, name, exif=exif, **({"quality": 95} if name == "JPEG" else {}))
    return buffer.getvalue()


@lru_cache(3)
def photographed(width: int, height: int) -> tuple[bytes, Image.Image]:
    """The bytes of a camera's file, and its pixels."""
    data = encoded(smooth(width, height))
    return data, decoding.decode(data)


def off(spec: InputSpec, data: bytes, exif: Literal["ignore", "apply"] = "ignore") -> float:
    """By how many of 255 levels the fast crop is off in the mean."""
    exact = transforms.crop(spec, decoding.decode(data, exif))
    fast = transforms.crop_fast(spec, decoding.Decoding(data, exif).fast(spec))
    assert (fast.shape, fast.dtype.name, fast.transpose(2, 0, 1).flags.c_contiguous) == (exact.shape, "uint8", True)
    return distance(exact, fast)


def distance(one: Pixels, other: Pixels) -> float:
    return float(np.abs(one.astype(int) - other).mean())


# Decoding.


def test_twelve_megapixels_are_decoded_at_an_eighth() -> None:
    """For a crop of 224 a camera's 4000 x 3000 pixels become 500 x 375, and the original size is kept."""
    reduced = decoding.Decoding(encoded(smooth(4000, 3000))).fast(USUAL)
    assert (reduced.image.mode, reduced.image.size, reduced.by) == ("RGB", (500, 375), 8)
    assert reduced.size == (3000, 4000)


def test_every_model_gets_what_it_would_get_by_itself() -> None:
    """Models that are scored together get the same pixels as one by one, and share what they can."""
    data = encoded(smooth(4000, 3000))
    specs = [
        USUAL,
        make_spec(480, (448, 448)),
        make_spec(64, (64, 64), "center", "nearest"),
        make_spec(200, (200, 200)),
    ]
    shared = decoding.Decoding(data)
    together = [shared.fast(spec) for spec in specs]
    assert [reduced.by for reduced in together] == [8, 4, 1, 8]
    assert together[0] is together[3]
    for spec, reduced in zip(specs, together, strict=True):
        single = decoding.Decoding(data).fast(spec)
        assert np.array_equal(transforms.crop_fast(spec, single), transforms.crop_fast(spec, reduced))


@given(
    size=st.tuples(st.integers(1, 9000), st.integers(1, 9000)),
    resize=st.integers(1, 600),
    whole=st.booleans(),
)
@settings(max_examples=200, derandomize=True)
def test_no_side_becomes_too_short(size: tuple[int, int], resize: int, whole: bool) -> None:
    """All that is resized to remains, and the next smaller size would be too small or divide nothing."""
    spec = make_spec(resize, (1, 1))

    def suits(by: int) -> bool:
        enough = all(a >= by * b for a, b in zip(size, geometry.resized_size(spec, size), strict=True))
        return enough and (not whole or all(side % by == 0 for side in size))

    by = decoding._reduction(size, spec, whole)
    assert by == max([1, *(smaller for smaller in (2, 4, 8) if suits(smaller))])


@pytest.mark.parametrize("name", ["PNG", "WEBP", "TIFF"])
def test_only_jpeg_is_reduced(name: str) -> None:
    """Other formats cannot be decoded smaller, and lose nothing."""
    data = encoded(smooth(1600, 1200), name)
    reduced = decoding.Decoding(data).fast(USUAL)
    assert (reduced.by, reduced.size) == (1, (1200, 1600))
    assert reduced.image.tobytes() == decoding.decode(data).tobytes()


def test_a_cameras_two_images_in_one_file_are_reduced() -> None:
    """MPO is JPEG, and its first image is the one that counts."""
    buffer = io.BytesIO()
    smooth(1600, 1200).save(buffer, "MPO", save_all=True, append_images=[Image.new("RGB", (1600, 1200))])
    reduced = decoding.Decoding(buffer.getvalue()).fast(USUAL)
    assert (reduced.by, reduced.image.size) == (4, (400, 300))
    assert off(USUAL, buffer.getvalue()) < 1


@pytest.mark.parametrize("size", [(1600, 1200), (1603, 1201)])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied_to_what_was_reduced(orientation: int, size: tuple[int, int]) -> None:
    """Upright size and place are right for all eight orientations, also where a reduction would leave pixels over."""
    data = encoded(smooth(*size), orientation=orientation)
    reduced = decoding.Decoding(data, "apply").fast(USUAL)
    assert reduced.size == decoding.decode(data, "apply").size[::-1]
    assert (reduced.by > 1) == (orientation == 1 or size == (1600, 1200))
    assert off(USUAL, data, "apply") < 0.5
    assert off(USUAL, data, "ignore") < 0.5


def test_what_cannot_be_reduced_is_decoded_exactly() -> None:
    """A lossless JPEG has no smaller form: it keeps all its pixels, and that is said, but not where none was wanted."""
    data = lossless_jpeg(np.add.outer(np.arange(48), np.arange(64)).astype(np.uint8))
    shared = decoding.Decoding(data)
    reduced, whole = shared.fast(make_spec(16, (8, 8))), shared.fast(make_spec(40, (40, 40)))
    assert (reduced.by, reduced.size, reduced.remarks) == (1, (48, 64), (decoding.DECODED_EXACTLY,))
    assert (whole.by, whole.size, whole.remarks) == (1, (48, 64), ())
    assert reduced.image.tobytes() == whole.image.tobytes() == decoding.decode(data).tobytes()


@pytest.mark.parametrize("data", [b"", b"not an image at all", encoded(smooth(1600, 1200))[:20_000]])
def test_what_does_not_decode_is_rejected_alike(data: bytes) -> None:
    """Reason and detail are those of the exact way."""
    with pytest.raises(Undecodable) as exact:
        decoding.decode(data)
    with pytest.raises(Undecodable) as fast:
        decoding.Decoding(data).fast(USUAL)
    assert (fast.value.reason, fast.value.detail) == (exact.value.reason, exact.value.detail)


def test_an_unsuitable_input_is_the_configurations_fault() -> None:
    """What a spec lacks is not attributed to the image."""
    with pytest.raises(ConfigError, match='"squash" needs resize'):
        decoding.Decoding(encoded(smooth(64, 48))).fast(make_spec(256, (224, 224), "squash"))


# Cropping.


def _levels_off(spec: InputSpec, image: Image.Image) -> int:
    """The largest difference of a value between the exact crop and the fast crop of an image that was not reduced."""
    exact = transforms.crop(spec, image)
    fast = transforms.crop_fast(spec, Reduced(image, 1, (image.height, image.width)))
    assert fast.shape == exact.shape
    return int(np.abs(exact.astype(int) - fast).max())


SIZES = st.tuples(st.integers(1, 400), st.integers(1, 400))
RESIZES = st.tuples(st.integers(8, 200), st.integers(8, 200))
CROPS = st.tuples(st.integers(1, 200), st.integers(1, 200))


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
@pytest.mark.parametrize("crop_mode", CROP_MODES)
def test_an_image_that_was_not_reduced_is_nearly_exact(
    crop_mode: CropMode, interpolation: Interpolation, way: str
) -> None:
    """Of an image without the darkest and brightest values none is off by more than two, whatever the mode and size.

    Either way rounds after its first pass, by up to half a level, which the weights of the second (their absolute
    values add up to 1 in bilinear, 1.25 in bicubic, 1.55 in lanczos) make 0.8 at most: 1.6 apart, and rounded, two.
    """
    del way

    @settings(max_examples=40, derandomize=True, deadline=None)
    @given(size=SIZES, resize=RESIZES, crop=CROPS)
    def check(size: tuple[int, int], resize: tuple[int, int], crop: tuple[int, int]) -> None:
        spec, image = make_spec(resize, crop, crop_mode, interpolation), smooth(*size)
        moderate = image.point(lambda value: 78 + value * 99 // 255)  # two passes of lanczos stay within 0 to 255
        off_by = _levels_off(spec, moderate)
        assert interpolation == "nearest" or off_by <= 2

    check()


@pytest.mark.parametrize(("interpolation", "limit"), [("bilinear", 2), ("bicubic", 32)])
def test_what_a_filter_overshoots_is_clipped_between_the_passes(
    interpolation: Interpolation, limit: int, way: str
) -> None:
    """Where the exact way resizes columns first and the fast way rows, bicubic may be off by an eighth of the range.

    The first pass clips what it overshoots, 255 / 8 at most, before the second could average it away; bilinear never
    overshoots. 31 levels are the most that a search among black and white pixels found.
    """
    del way

    @settings(max_examples=200, derandomize=True, deadline=None)
    @example(size=(8, 20), resize=(9, 16), seed=0)
    @given(size=st.tuples(st.integers(1, 40), st.integers(1, 40)), resize=RESIZES, seed=st.integers(0, 9))
    def check(size: tuple[int, int], resize: tuple[int, int], seed: int) -> None:
        noise = np.random.default_rng(seed).integers(0, 2, (*size[::-1], 3), np.uint8) * np.uint8(255)
        assert _levels_off(make_spec(resize, resize, "squash", interpolation), Image.fromarray(noise)) <= limit

    check()


def test_passes_in_another_order_clip_otherwise() -> None:
    """Eight columns and twenty rows to sixteen and nine: Pillow begins with the columns, torch with the rows."""
    spec = make_spec((9, 16), (6, 15), "squash", "bicubic")
    x, y = geometry.sides(spec, (20, 8))
    if not (
        resize._is_vertical_first(x, y) and resize.torch_is_faster(Reduced(smooth(8, 20), 1, (20, 8)), x, y, "bicubic")
    ):
        pytest.skip("Pillow before 13 and torch have one order; without AVX2 torch is not used")
    assert _levels_off(spec, smooth(8, 20)) == 3


@pytest.mark.parametrize("size", [(1, 20000), (20000, 1), (60000, 2)])
@pytest.mark.parametrize("crop_mode", CROP_MODES)
def test_elongated_images(crop_mode: CropMode, size: tuple[int, int], way: str) -> None:
    """An image that is resized to gigabytes is cut to what the crop shows, as in the exact way."""
    del way
    spec = make_spec(256 if crop_mode == "center" else (256, 256), (224, 224), crop_mode)
    image = smooth(*size)
    assert distance(transforms.crop(spec, image), transforms.crop_fast(spec, Reduced(image, 1, size[::-1]))) < 0.5


@pytest.mark.parametrize("size", [(4000, 3000), (2999, 4001), (2741, 2743)])
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic", "lanczos"])
def test_a_reduced_image_is_cut_at_the_same_place(
    interpolation: Interpolation, size: tuple[int, int], way: str
) -> None:
    """Also where sides are no multiples of eight; one pixel to the side would be off ten times as much."""
    del way
    spec, (data, decoded) = make_spec(256, (224, 224), "center", interpolation), photographed(*size)
    exact = transforms.crop(spec, decoded)
    reduced = decoding.Decoding(data).fast(spec)
    assert reduced.by == 8
    assert 10 * distance(exact, transforms.crop_fast(spec, reduced)) < distance(exact[:, 1:], exact[:, :-1])


@pytest.mark.slow
def test_no_thread_starts_others() -> None:
    """A decoding thread that crops starts no other, with torch's vector code and on a machine without."""
    program = """if True:
        import threading, psutil, torch
        from PIL import Image
        from imgcls.preprocessing import transforms
        from imgcls.preprocessing.geometry import Reduced
        from imgcls.records.config import InputSpec
        reduced = Reduced(Image.new("RGB", (2000, 1500)), 1, (1500, 2000))
        spec = InputSpec(256, (224, 224), "center", "bilinear", (0.5,) * 3, (0.5,) * 3)
        started, process = [], psutil.Process()
        def crop():
            before = process.num_threads()
            transforms.crop_fast(spec, reduced)
            started.append(process.num_threads() - before)
        thread = threading.Thread(target=crop)
        thread.start()
        thread.join()
        print(*started)
    """
    for capability in ({}, {"ATEN_CPU_CAPABILITY": "default"}):
        environment = {**os.environ, "OMP_NUM_THREADS": "4", **capability}
        result = subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
        )
        assert result.stdout == "0\n"


# Real files.


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic", "lanczos"])
@pytest.mark.shared
@pytest.mark.slow
def test_photographs_are_nearly_exact(shared_data: Path, interpolation: Interpolation, way: str) -> None:
    """Of every tenth photograph values are off by hundredths of a level, of all that are reduced by one or two.

    What a filter that is rounded otherwise may move is one level of some values; Pillow's box in float32 moves edges
    of graphics by more. A reduced photograph was averaged by JPEG's cosine transform, which is sharper than the filter:
    0.2 to 4.1 levels (bilinear), up to 5.4 (bicubic). A crop moved by one pixel is off by 7.5 levels in the median.
    """
    del way
    spec = make_spec(256, (224, 224), "center", interpolation)
    whole, reduced = list[float](), list[float]()
    for number, file in enumerate(sorted((shared_data / "photos").glob("*/*"))):
        data = file.read_bytes()
        with Image.open(io.BytesIO(data)) as opened:
            large = min(opened.size) >= 2 * 256
        if large or number % 10 == 0:
            (reduced if large else whole).append(off(spec, data))
    assert len(reduced) > 50
    assert np.median(whole) < 0.01
    assert max(whole) < 0.4
    assert np.median(reduced) < 1.5
    assert max(reduced) < 7


@pytest.mark.shared
@pytest.mark.slow
def test_hostile_files_are_rejected_alike(shared_data: Path) -> None:
    """The files that do not decode exactly are those that do not decode fast, for the same reasons."""
    spec, reasons = make_spec(8, (7, 7)), list[tuple[str, str]]()
    for file in sorted(path for path in (shared_data / "hostile").rglob("*") if path.is_file()):
        data = file.read_bytes()
        exact = fast = ""
        try:
            decoding.decode(data, "apply")
        except Undecodable as fault:
            exact = fault.reason
        try:
            transforms.crop_fast(spec, decoding.Decoding(data, "apply").fast(spec))
        except Undecodable as fault:
            fast = fault.reason
        reasons.append((exact, fast))
    assert len(reasons) == 1194
    assert [(exact, fast) for exact, fast in reasons if exact != fast] == []
