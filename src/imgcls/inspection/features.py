"""What of thumbnails is compared: a few frequencies that survive a crop, and local contrast, which decides.

The frequencies are those of the discrete cosine transform (DCT-II) of luminance, as in Zauner, "Implementation and
Benchmarking of Perceptual Image Hash Functions" (2010), but as numbers and not as bits, so that the cosines of all
pairs are one product of matrices. The contrast is that of every pixel with its neighbours, over the contrast that is
usual there (Jarrett et al., "What is the best multi-stage architecture for object recognition?", 2009, section 2.1):
a frame or a horizon, which many images have in common, then counts no more than any other pixels.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

Thumbnails = NDArray[np.uint8]
Features = NDArray[np.float32]

SIDE: Final = 24  # docs/decisions.md#near-duplicates
"""Pixels of a thumbnail's side."""

ALIKE_COARSE, ALIKE_FINE = 0.75, 0.65  # docs/decisions.md#near-duplicates
"""The cosines from which on two images look the same: both have to be reached."""

_FREQUENCIES = 8  # docs/decisions.md#near-duplicates
"""Coarse frequencies per axis."""

COARSE_SIZE: Final = _FREQUENCIES**2 - 1
"""Coarse features of an image: all but its mean grey."""

_POOLED = (0.0, 0.05, 0.10, 0.15)  # docs/decisions.md#near-duplicates
"""Margins, as parts of a side, over which coarse frequencies are summed, so that a crop changes them little."""

_SLOPE = 0.7  # docs/decisions.md#near-duplicates
"""The power of a frequency by which it is weighted: photographs have much less of high ones."""

_MARGINS = (0.0, 0.02, 0.04, 0.06, 0.08, 0.10)  # docs/decisions.md#near-duplicates
"""Margins, as parts of a side, that one of two images may have lost all around."""

_NEIGHBOURS, _NOISE = 5, 2.0  # docs/decisions.md#near-duplicates
"""The side of a neighbourhood in pixels, and the variance that compression leaves there, in squared levels of 255."""


def coarse(thumbnails: Thumbnails) -> Features:
    """Unit vectors, (n, 63), for thumbnails, (n, 24, 24); meaningless for those of one grey."""
    grey = thumbnails.astype(np.float32)
    spectra = sum(_on_both_axes(transform, grey) for transform in map(_transform, _POOLED))
    return _unit((spectra * _weights()).reshape(len(grey), _FREQUENCIES**2)[:, 1:])


def fine(thumbnails: Thumbnails) -> Features:
    """Unit vectors, (n, 6, 576), for thumbnails, (n, 24, 24), cropped by each margin."""
    grey = thumbnails.astype(np.float32)
    return np.stack([_unit(_local_contrast(grey, margin)) for margin in _MARGINS], axis=1)


def cosines(ones: Features, others: Features) -> Features:
    """How alike images are by their fine features, (n, 6, 576) and (m, 6, 576), where one may be a crop: (n, m)."""
    alike: Features = ones[:, 0] @ others[:, 0].T
    for margin in range(1, len(_MARGINS)):
        np.maximum(alike, ones[:, 0] @ others[:, margin].T, out=alike)
        np.maximum(alike, ones[:, margin] @ others[:, 0].T, out=alike)
    return alike


def _local_contrast(grey: Features, margin: float) -> Features:
    """Each pixel's difference from its neighbourhood, over the standard deviation there, (n, 576)."""
    cropped = _on_both_axes(_crop(margin), grey)
    differences = cropped - _on_both_axes(_mean(), cropped)
    contrast = differences / np.sqrt(_on_both_axes(_mean(), differences**2) + _NOISE)
    flat = contrast.reshape(len(grey), SIDE**2)
    centred: Features = flat - flat.mean(axis=1, keepdims=True)
    return centred


def _on_both_axes(of_axis: Features, images: Features) -> Features:
    """``of_axis``, (m, 24), applied to the rows and the columns of images, (n, 24, 24): (n, m, m)."""
    for _ in range(2):
        images = (images.reshape(-1, SIDE) @ of_axis.T).reshape(*images.shape[:2], len(of_axis)).swapaxes(1, 2)
    return images


@cache
def _crop(margin: float) -> Features:
    """From the pixels of an axis to those of its crop, by linear interpolation, (24, 24)."""
    pixels = np.arange(SIDE)
    places = (pixels + 0.5) * (1 - 2 * margin) + margin * SIDE - 0.5
    return np.stack([np.interp(places, pixels, one) for one in np.eye(SIDE)], axis=1).astype(np.float32)


@cache
def _mean() -> Features:
    """From the pixels of an axis to the means of their neighbourhoods, (24, 24)."""
    mean: Features = ndimage.uniform_filter1d(np.eye(SIDE, dtype=np.float32), _NEIGHBOURS, axis=0)
    return mean


@cache
def _transform(margin: float) -> Features:
    """From the pixels of an axis to the lowest frequencies of its crop, (8, 24)."""
    cosine = fft.dct(np.eye(SIDE, dtype=np.float32), axis=0, norm="ortho")[:_FREQUENCIES]
    return (cosine @ _crop(margin)).astype(np.float32)


@cache
def _weights() -> Features:
    """The weight of each pair of a vertical and a horizontal frequency, (8, 8)."""
    vertical, horizontal = np.mgrid[:_FREQUENCIES, :_FREQUENCIES]
    weights: Features = (np.hypot(vertical, horizontal) ** _SLOPE).astype(np.float32)
    return weights


def _unit(vectors: Features) -> Features:
    """Vectors of length 1."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: Features = vectors / np.maximum(lengths, np.finfo(np.float32).tiny)
    return unit
