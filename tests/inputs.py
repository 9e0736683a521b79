"""What tests of preprocessing resize and crop to, with ImageNet's usual colours."""

from typing import get_args

from imgcls.records import CropMode, InputSpec, Interpolation

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
INTERPOLATIONS: tuple[Interpolation, ...] = get_args(Interpolation)
CROP_MODES: tuple[CropMode, ...] = get_args(CropMode)


def make_spec(
    resize: int | tuple[int, int],
    crop: tuple[int, int],
    crop_mode: CropMode = "center",
    interpolation: Interpolation = "bilinear",
) -> InputSpec:
    return InputSpec(resize, crop, crop_mode, interpolation, MEAN, STD)
