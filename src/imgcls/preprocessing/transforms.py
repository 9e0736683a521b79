"""Decoded pixels become a network's input, bit for bit as torchvision's and timm's evaluation transforms make it.

Both libraries resize the whole image, then cut out the middle; for an image of 1 x 20000 pixels that takes
gigabytes. Here only what the crop shows is computed. Pillow's resize is two passes, one along each side, with a
rounding to 8 bits between them, so that what the crop does not show can be left out between the two without changing
any other pixel. Where even that is too large, the same integer arithmetic runs in NumPy for the crop only.

:func:`crop_fast` cuts out the same place, and its pixels are nearly the same: for models that ask for it.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from PIL import Image

from imgcls.preprocessing import geometry, resize
from imgcls.preprocessing.geometry import Pixels, Reduced, Side
from imgcls.records.config import InputSpec

if TYPE_CHECKING:
    import torch


def crop(spec: InputSpec, image: Image.Image, height: int | None = None) -> Pixels:
    """Resize ``image`` and take its middle, padding where it is smaller.

    ``image``: mode RGB, of any size; for one channel it becomes grey first. ``height``: that of the whole image, of
    which ``image`` may be only the :func:`geometry.upper_rows`; by default its own. Memory beyond the image itself
    grows with the crop, not with the resized image. Returns a new array of ``(*spec.crop, spec.channels)``, in
    whatever order in memory. Raises :class:`ConfigError` where ``spec.resize`` does not suit ``spec.crop_mode``.
    """
    x, y = geometry.sides(spec, (height or image.height, image.width))
    shown = resize.resize(coloured(spec, image), x, y, spec.interpolation)
    return shown if shown.shape[:2] == spec.crop else _padded(spec, x, y, shown)


def coloured(spec: InputSpec, image: Image.Image) -> Image.Image:
    """An RGB image as the network takes it: itself, or grey as ``convert("L")`` makes it."""
    return image.convert("L") if spec.is_grey else image


def crop_fast(spec: InputSpec, image: Reduced) -> Pixels:
    """Like :func:`crop`, at the same place, but with filters that are rounded otherwise.

    A value of an image that was not reduced is nearly always the exact one, else off by one or two; where bicubic
    overshoots beyond black or white, by up to an eighth of the range, since the passes may come in another order.
    Raises :class:`ConfigError` as :func:`crop` does.
    """
    x, y = geometry.sides(spec, image.size)
    image = image._replace(image=coloured(spec, image.image))
    resized = (
        resize.resize_by_torch if resize.torch_is_faster(image, x, y, spec.interpolation) else resize.resize_by_box
    )
    return _padded(spec, x, y, resized(image, x, y, spec.interpolation))


def _padded(spec: InputSpec, x: Side, y: Side, shown: Pixels) -> Pixels:
    rows, columns = geometry.crop_window(y.target, spec.crop[0]), geometry.crop_window(x.target, spec.crop[1])
    top, left = y.wanted.start - rows.start, x.wanted.start - columns.start
    canvas = np.zeros((spec.channels, *spec.crop), np.uint8).transpose(1, 2, 0)
    if spec.crop_mode == "border":
        canvas[:] = [min(max(round(255 * value), 0), 255) for value in spec.mean]
    canvas[top : top + len(y.wanted), left : left + len(x.wanted)] = shown
    return canvas


def normalize(spec: InputSpec, crops: Sequence[Pixels] | Pixels, device: str = "cpu") -> torch.Tensor:
    """Scale n ``crops``, uint8 (h, w, channels), to [0, 1], subtract ``spec.mean`` and divide by ``spec.std``.

    Returns a float32 tensor (n, channels, h, w), the same bits as torchvision's ``ToTensor`` and ``Normalize``:
    contiguous on the CPU; on a CUDA device, which is sent the bytes, channels last and perhaps not computed yet.
    """
    import torch

    if device != "cpu":  # plane by plane, as they lie in memory, so that it is fast
        return _normalized(spec, sent([crop.transpose(2, 0, 1) for crop in crops], device))
    mean, std = (np.array(values, np.float32).reshape(-1, 1, 1) for values in (spec.mean, spec.std))
    batch = np.empty((len(crops), spec.channels, *spec.crop), np.float32)
    with np.errstate(over="ignore"):  # a tiny std makes infinite inputs, which the logits show
        for number, pixels in enumerate(crops):  # one at a time stays in the cache
            batch[number] = pixels.transpose(2, 0, 1)
            batch[number] /= np.float32(255)
            batch[number] -= mean
            batch[number] /= std
    return torch.from_numpy(batch)


def sent(arrays: Sequence[Pixels] | Sequence[npt.NDArray[np.float32]], device: str) -> torch.Tensor:
    """Arrays of one shape as a tensor of a GPU, with CUDA on its way there.

    NumPy copies them, for CUDA into pinned memory (docs/decisions.md#normalising-on-a-gpu).
    """
    import torch

    kind: torch.dtype = getattr(torch, arrays[0].dtype.name)
    pins_memory = torch.device(device).type == "cuda"
    host = torch.empty((len(arrays), *arrays[0].shape), dtype=kind, device="cpu", pin_memory=pins_memory)
    np.stack(arrays, out=host.numpy())
    return host.to(device, non_blocking=pins_memory)


def _normalized(spec: InputSpec, planes: torch.Tensor) -> torch.Tensor:
    import torch

    most, mean, std = _constants(spec, planes.device)
    return planes.to(torch.float32, memory_format=torch.channels_last).div_(most).sub_(mean).div_(std)


@functools.cache
def _constants(spec: InputSpec, device: torch.device) -> tuple[torch.Tensor, ...]:
    """255, the mean and the standard deviation as tensors of the device (docs/decisions.md#normalising-on-a-gpu): by a
    plain 255 CUDA does not divide, it multiplies by 1 / 255, and rounds otherwise.

    Sent once, because sending numbers waits for all that the device is doing.
    """
    import torch

    constants = ((255.0,) * spec.channels, spec.mean, spec.std)
    return tuple(torch.tensor(values, dtype=torch.float32, device=device).view(-1, 1, 1) for values in constants)


def fingerprint(batch: torch.Tensor) -> npt.NDArray[np.float32]:
    """float32 (n, channels, h, w) -> (n, 4 * channels): each channel's mean over each quarter, to know a tensor by.

    Quarters share the middle row or column where a side is odd, as those of torch's ``adaptive_avg_pool2d``, which on a
    GPU adds up a quarter's values one after the other and is off in the fourth digit.
    """
    if batch.device.type != "cpu":
        return quarter_means(batch).cpu().numpy()
    means = [quarter.numpy().mean(axis=(2, 3)) for quarter in _quarters(batch)]
    return np.stack(means, axis=2).reshape(len(batch), -1)


def quarter_means(batch: torch.Tensor) -> torch.Tensor:
    """The same on the batch's device, float32 (n, 4 * channels), where it is perhaps not computed yet."""
    import torch

    means = [quarter.mean(dim=(2, 3)) for quarter in _quarters(batch)]
    return torch.stack(means, dim=2).reshape(len(batch), -1)


def _quarters(batch: torch.Tensor) -> Sequence[torch.Tensor]:
    rows, columns = ((slice(0, -(-side // 2)), slice(side // 2, side)) for side in batch.shape[2:])
    return [batch[:, :, row, column] for row in rows for column in columns]
