"""imgcls.preprocessing.resample_float: Pillow's pixels by products of matrices in float32."""

from collections.abc import Iterator
from typing import Any
from unittest import mock

import numpy as np
import pytest
from PIL import Image

from builders import make_spec
from imgcls.preprocessing import geometry, resample_float, resample_numpy, resize, transforms
from imgcls.preprocessing.geometry import Side
from imgcls.records.config import Interpolation

INTERPOLATIONS: tuple[Interpolation, ...] = ("bicubic", "lanczos")


def noise(width: int, height: int, mode: str = "RGB") -> Image.Image:
    """Half of it smooth, half only black and white, of which filters overshoot."""
    generator = np.random.default_rng((width, height))
    smooth = Image.fromarray(generator.integers(0, 256, (height // 4 + 1, width // 4 + 1, 3), np.uint8))
    values = np.array(smooth.resize((width, height), Image.Resampling.BICUBIC))
    values[: height // 2] = generator.integers(0, 2, (height // 2, width, 3)) * 255
    return Image.fromarray(values).convert(mode)


@pytest.fixture
def _forgotten() -> Iterator[None]:
    """What was proven, and what resizes which size, is found out anew, before and after."""
    caches: list[Any] = [resample_float.is_proven, resize._way]
    for cache in caches:
        cache.cache_clear()
    yield
    for cache in caches:
        cache.cache_clear()


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("size", [(500, 375), (375, 500), (333, 500), (260, 257), (256, 256), (1024, 300), (300, 1500)])
def test_the_pixels_are_pillows(size: tuple[int, int], mode: str, interpolation: Interpolation) -> None:
    """Upright, wide and hardly smaller images, colour and grey, cut to a side that is no multiple of a window."""
    image, spec = noise(*size, mode), make_spec(256, (224, 213), "center", interpolation)
    x, y = geometry.sides(spec, size[::-1])
    assert resample_float.is_faster(x, y, interpolation)
    whole = np.asarray(image.resize((x.target, y.target), Image.Resampling[interpolation.upper()]))
    expected = whole[y.wanted.start : y.wanted.stop, x.wanted.start : x.wanted.stop]
    assert np.array_equal(resize.resize(image, x, y, interpolation).squeeze(), expected)


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
@pytest.mark.parametrize(
    "side", [Side(500, 341, range(59, 283)), Side(375, 256, range(16, 240)), Side(3000, 256, range(256))]
)
def test_no_sum_is_off_by_the_margin(side: Side, interpolation: Interpolation) -> None:
    """The largest sums, positive and negative, in float32 are nearer to the exact ones than what is doubted."""
    windows = resample_float._windows(side, interpolation)
    weights = windows.weight.transpose(0, 2, 1).reshape(-1, windows.weight.shape[1])
    for brightest in (weights > 0, weights < 0, weights != 0):
        pixels = np.where(brightest, np.float32(255.5), 0)
        off = [float(one @ by) - one.astype(float) @ by.astype(float) for one, by in zip(pixels, weights, strict=True)]
        assert max(map(abs, off)) < windows.margin < 2**-7


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
def test_doubtful_sums_are_computed_in_integers(interpolation: Interpolation) -> None:
    """All of them, where all are doubted, and then whatever the products are; of noise one in some hundreds is."""
    x, y, image = Side(120, 64, range(64)), Side(90, 64, range(8, 56)), noise(120, 90)
    expected = resample_numpy.resize(image, x, y, False, interpolation)
    with mock.patch.object(resample_float, "_exact", wraps=resample_float._exact) as exact:
        assert np.array_equal(resample_float.resize(image, x, y, False, interpolation), expected)
        assert 0 < sum(len(call.args[2]) for call in exact.call_args_list) < 0.02 * expected.size

    def useless(_planes: Any, _windows: Any, lower: Any, upper: Any) -> None:
        lower[:], upper[:] = 0, 1

    with mock.patch.object(resample_float, "_round", useless):
        assert np.array_equal(resample_float.resize(image, x, y, False, interpolation), expected)


def test_a_product_is_too_small_for_threads() -> None:
    """OpenBLAS would start its own in every thread that decodes."""
    x, y, image = Side(1600, 341, range(59, 283)), Side(1200, 256, range(16, 240)), noise(1600, 1200)
    with mock.patch.object(np, "matmul", wraps=np.matmul) as matmul:
        resample_float.resize(image, x, y, False, "lanczos")
    assert max(call.args[0].shape[1] * np.prod(call.args[1].shape[1:]) for call in matmul.call_args_list) <= 1 << 18


@pytest.mark.usefixtures("_forgotten")
@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
def test_products_that_are_wrong_in_one_value_are_not_used(interpolation: Interpolation) -> None:
    """Pillow resizes then, as one does that was built to round otherwise."""
    original, image, spec = resample_float.resize, noise(500, 375), make_spec(256, (224, 224), "center", interpolation)

    def wrong(*given: Any) -> Any:
        pixels = original(*given)
        pixels[5, 7, 0] ^= 1
        return pixels

    expected = transforms.crop(spec, image)
    assert resample_float.is_proven(interpolation)
    resample_float.is_proven.cache_clear()
    resize._way.cache_clear()
    with mock.patch.object(resample_float, "resize", wrong):
        assert np.array_equal(transforms.crop(spec, image), expected)
        assert not resample_float.is_proven(interpolation)


def test_what_is_enlarged_or_huge_is_pillows() -> None:
    """Products gain nothing there; nor for bilinear."""
    smaller, enlarged, huge = Side(500, 341, range(300)), Side(200, 256, range(256)), Side(4000, 341, range(341))
    low, long = Side(32, 32, range(32)), Side(65_536, 32, range(32))
    assert resample_float.is_faster(smaller, smaller, "bicubic")
    assert not resample_float.is_faster(smaller, enlarged, "bicubic")
    assert not resample_float.is_faster(huge, huge, "lanczos")
    assert not resample_float.is_faster(long, low, "lanczos")
    assert not resample_float.is_faster(smaller, smaller, "bilinear")
