"""Inputs of one channel: grey by Pillow's rule, and every step after it bit for bit as torchvision's and timm's."""

import io
from dataclasses import replace
from typing import Any
from unittest import mock

import numpy as np
import pytest
import torch
from PIL import Image
from timm.data import transforms as timm_transforms
from torchvision import transforms as tv_transforms

from builders import CROP_MODES, INTERPOLATIONS, make_spec
from imgcls.preprocessing import decode, preprocess, resize, transforms
from imgcls.preprocessing.preprocess import Preprocessing
from imgcls.records.config import CropMode, InputSpec, Interpolation

SIZES = [(37, 53), (301, 223), (64, 64)]


def _noise(width: int, height: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(width).integers(0, 256, (height, width, 3), np.uint8))


def _spec(crop_mode: CropMode = "center", interpolation: Interpolation = "bilinear") -> InputSpec:
    side = 48 if crop_mode == "center" else (48, 40)
    return replace(make_spec(side, (41, 36), crop_mode, interpolation), mean=(0.1307,), std=(0.3081,))


def _theirs(spec: InputSpec, image: Image.Image) -> torch.Tensor:
    interpolation: Any = tv_transforms.InterpolationMode(spec.interpolation)
    sized = tv_transforms.Resize(spec.resize, interpolation), tv_transforms.CenterCrop(spec.crop)
    if spec.crop_mode == "border":
        fill = round(255 * spec.mean[0])
        sized = (
            timm_transforms.ResizeKeepRatio(spec.resize, longest=1.0, interpolation=spec.interpolation),
            timm_transforms.CenterCropOrPad(list(spec.crop), fill=fill),
        )
    normalised = tv_transforms.ToTensor(), tv_transforms.Normalize(spec.mean, spec.std)
    result: torch.Tensor = tv_transforms.Compose([tv_transforms.Grayscale(), *sized, *normalised])(image)
    return result


@pytest.mark.parametrize("frugal", [True, False], ids=["pillow", "numpy"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
@pytest.mark.parametrize("crop_mode", CROP_MODES)
def test_grey_images_are_torchvisions(
    crop_mode: CropMode, interpolation: Interpolation, size: tuple[int, int], *, frugal: bool
) -> None:
    """Grey, resized, cropped and normalised in this order; also where NumPy resizes in Pillow's place."""
    spec, image = _spec(crop_mode, interpolation), _noise(*size)
    with mock.patch.object(resize, "_pillow_is_frugal", return_value=frugal):
        crop = transforms.crop(spec, image)
    assert crop.shape == (41, 36, 1)
    assert torch.equal(_theirs(spec, image), transforms.normalize(spec, crop[np.newaxis])[0])


def test_grey_files_keep_their_values() -> None:
    """A grey image becomes RGB when it is decoded, and is the same grey image afterwards."""
    grey = Image.fromarray(np.arange(256, dtype=np.uint8).reshape(16, 16))
    spec = replace(_spec(interpolation="nearest"), resize=16, crop=(16, 16))
    assert np.array_equal(transforms.crop(spec, grey.convert("RGB"))[..., 0], np.asarray(grey))


@pytest.mark.parametrize("interpolation", ["bilinear", "nearest"])
def test_fast_grey_images_are_nearly_exact(interpolation: Interpolation) -> None:
    """With the fast decoder, too, an image is made grey before it is cropped, at the same place."""
    spec, file = _spec(interpolation=interpolation), io.BytesIO()
    x, y = np.meshgrid(np.arange(120), np.arange(90))
    Image.fromarray(np.stack([x, y, x + y], 2).astype(np.uint8)).save(file, "JPEG", quality=95)
    with decode.quiet_pillow():
        fast, exact = Preprocessing(spec, "fast"), Preprocessing(spec, "exact")
        crops: Any = preprocess.prepare(file.getvalue(), [fast, exact]).crops
    assert np.abs(np.int16(crops[fast]) - np.int16(crops[exact])).max() <= 2
    assert preprocess.batch(spec, [crops[fast]]).shape == (1, 1, 41, 36)


def test_a_grey_fingerprint_is_four_means() -> None:
    """One mean for each quarter of the one channel."""
    batch = torch.arange(32, dtype=torch.float32).reshape(2, 1, 4, 4)
    assert transforms.fingerprint(batch)[0].tolist() == [2.5, 4.5, 10.5, 12.5]


def test_a_grey_input_states_it() -> None:
    """The text of an input, as in tables, states that images become grey."""
    assert str(_spec()) == "grey | resize(48, bilinear) | center_crop((41, 36)) | normalize((0.1307), (0.3081))"
    assert _spec().shape == (1, 41, 36)
