"""A network's own preprocessing: a function of its author that makes a tensor of a Pillow image."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from imgcls.errors import ModelError
from imgcls.messages import one_line
from imgcls.records.config import InputSpec

if TYPE_CHECKING:
    import torch

Array = npt.NDArray[np.float32]

EXAMPLE_SIZE = (40, 30)  # docs/decisions.md#preprocessing-of-ones-own
"""The (w, h) of the image by which a function is tried."""


class OwnPreprocessing:
    """``function``: a Pillow image of mode RGB to a floating-point tensor (channels, h, w), the same for all images.

    Several threads may call it at once. Equal only to itself, as functions are.
    """

    def __init__(self, name: str, function: Callable[[Image.Image], Any]) -> None:
        """Try it on an image. Raises ModelError where it fails, or returns other values for the same image."""
        self.name, self.function = name, function
        self.shape: tuple[int, ...] | None = None
        image = _example()
        first = self(image)
        self.shape = first.shape
        self(image.transpose(Image.Transpose.ROTATE_90))
        if not np.array_equal(first, self(image), equal_nan=True):
            raise ModelError(f"{name} returns other values each time for the same image: remove what is random from it")

    def __call__(self, image: Image.Image) -> Array:
        """The network's input of an RGB image, float32 (channels, h, w). Raises ModelError."""
        try:
            tensor = self.function(image.copy())
        except (Exception, SystemExit) as error:  # a user's function may raise anything, and other models go on
            raise ModelError(
                f"{self.name} failed on an RGB image of {image.width} x {image.height}: "
                f"{type(error).__name__}: {one_line(error)}"
            ) from error
        return self._array(tensor)

    def input_spec(self) -> InputSpec:
        """What is known of it: the size of its tensors, and their number of channels."""
        assert self.shape is not None  # noqa: S101 - it was tried
        channels, height, width = self.shape
        size = (height, width)
        return InputSpec(size, size, "squash", "nearest", (0.0,) * channels, (1.0,) * channels, function=self.name)

    def _array(self, tensor: torch.Tensor | object) -> Array:
        import torch

        if not isinstance(tensor, torch.Tensor) or tensor.ndim != 3 or not tensor.is_floating_point():
            raise ModelError(
                f"{self.name} returned {_described(tensor)}: return a floating-point tensor (channels, h, w), "
                "without a batch dimension"
            )
        if self.shape is not None and tuple(tensor.shape) != self.shape:
            raise ModelError(
                f"{self.name} returned {_described(tensor)}, and for another image {self.shape}: "
                "all images of a network have one size, so resize and crop to it"
            )
        return np.asarray(tensor.detach().cpu().float().contiguous().numpy())


def _described(value: object) -> str:
    import torch

    if isinstance(value, torch.Tensor):
        return f"a tensor of shape {tuple(value.shape)} and type {str(value.dtype).removeprefix('torch.')}"
    return f"a {type(value).__name__}"


def _example() -> Image.Image:
    width, height = EXAMPLE_SIZE
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8))
