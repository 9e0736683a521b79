"""Resizes are those of the libraries that they are named for."""

import numpy as np
import pytest
import torch
from PIL import Image

from imgcls.serving import resizing
from imgcls.serving.steps import Filter

IMAGE = Image.fromarray(np.random.default_rng(2).integers(0, 256, (61, 90, 3), np.uint8))


@pytest.mark.parametrize("by", ["nearest", "bilinear", "bicubic", "lanczos"])
def test_filters_of_pillow_are_pillows(by: Filter) -> None:
    """Byte for byte."""
    expected = np.asarray(IMAGE.resize((40, 30), Image.Resampling[by.upper()]))
    assert np.array_equal(resizing.resize(IMAGE, (30, 40), by, "nearest"), expected)


@pytest.mark.parametrize("by", ["bilinear", "bicubic"])
def test_values_that_are_not_rounded_are_near_those_that_are(by: Filter) -> None:
    """Pillow rounds twice, so they are less than a level apart; cut ones are whole numbers below."""
    rounded = resizing.resize(IMAGE, (30, 40), by, "nearest")
    exact = resizing.resize(IMAGE, (30, 40), by, "none")
    assert 0.1 < np.abs(rounded - exact).mean() < 0.5
    assert np.array_equal(resizing.resize(IMAGE, (30, 40), by, "down"), np.floor(exact))


@pytest.mark.parametrize("by", ["bilinear", "bicubic"])
def test_without_antialias_is_that_of_tensors(by: Filter) -> None:
    """As torch has it, rounded to bytes."""
    batch = torch.from_numpy(np.asarray(IMAGE, np.float32).transpose(2, 0, 1)[None].copy())
    expected = torch.nn.functional.interpolate(batch, (30, 40), mode=by, align_corners=False).round().clamp(0, 255)
    values = resizing.resize(IMAGE, (30, 40), f"{by} without antialias", "nearest")  # type: ignore[arg-type]  # built
    assert np.array_equal(values.transpose(2, 0, 1), expected[0].numpy())


@pytest.mark.parametrize(
    ("by", "flag"),
    [
        ("bilinear without antialias", "INTER_LINEAR"),
        ("bicubic without antialias", "INTER_CUBIC"),
        ("area", "INTER_AREA"),
        ("nearest from the corner", "INTER_NEAREST"),
    ],
)
@pytest.mark.parametrize("size", [(30, 40), (61, 45)])
def test_filters_of_opencv_are_opencvs(by: Filter, flag: str, size: tuple[int, int]) -> None:
    """Up to a level, since it computes with eleven bits."""
    cv2 = pytest.importorskip("cv2", reason="cv2 is not installed: pip install opencv-python-headless")
    expected = cv2.resize(np.asarray(IMAGE), size[::-1], interpolation=getattr(cv2, flag)).astype(np.float32)
    apart = np.abs(resizing.resize(IMAGE, size, by, "nearest") - expected)
    assert (apart > 1).mean() <= 0.001
