"""imgcls.inspection.features: what a crop and a mirror do to coarse and to fine features."""

import numpy as np
import pytest
from scipy import ndimage

from imgcls.inspection import features
from imgcls.inspection.features import SIDE, Thumbnails


def _thumbnails(count: int, seed: int = 0) -> Thumbnails:
    """Smooth noise."""
    noise = np.random.default_rng(seed).standard_normal((count, SIDE, SIDE))
    smooth = ndimage.gaussian_filter(noise, (0, 2, 2))
    thumbnails: Thumbnails = np.clip(128 + 40 * smooth / smooth.std(), 0, 255).astype(np.uint8)
    return thumbnails


def test_coarse_features_are_unit_vectors() -> None:
    """63 of them, so that the products of all are their cosines."""
    coarse = features.coarse(_thumbnails(3))
    assert coarse.shape == (3, 63)
    assert np.linalg.norm(coarse, axis=1) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(("gain", "bias"), [(1, 20), (2, 0), (2, -30)])
def test_coarse_features_do_not_see_brightness_and_contrast(gain: int, bias: int) -> None:
    """Nothing that is the same for every pixel changes them."""
    grey = _thumbnails(2) // 4 + 40
    assert features.coarse(grey * np.uint8(gain) + np.uint8(bias % 256)) == pytest.approx(
        features.coarse(grey), abs=1e-5
    )


def test_a_mirrored_image_has_the_opposite_odd_horizontal_frequencies() -> None:
    """A property of the cosine transform, which fixes the order of rows and columns."""
    thumbnails = _thumbnails(2)
    signs = np.ones((8, 8))
    signs[:, 1::2] = -1
    mirrored = features.coarse(thumbnails[:, :, ::-1])
    assert mirrored == pytest.approx(features.coarse(thumbnails) * signs.ravel()[1:], abs=1e-5)


def test_fine_features_are_local_contrast() -> None:
    """Those of the whole image are what SciPy's filters give, step by step."""
    thumbnails = _thumbnails(2)
    grey = thumbnails.astype(float)
    differences = grey - ndimage.uniform_filter(grey, (0, 5, 5))
    contrast = differences / np.sqrt(ndimage.uniform_filter(differences**2, (0, 5, 5)) + 2)
    flat = contrast.reshape(2, -1)
    flat -= flat.mean(axis=1, keepdims=True)
    expected = flat / np.linalg.norm(flat, axis=1, keepdims=True)
    assert features.fine(thumbnails)[:, 0] == pytest.approx(expected, abs=1e-5)


def test_cosines_find_the_crop_on_either_side() -> None:
    """An image and its crop are alike whichever of them is the crop; two images are not."""
    large = np.kron(_thumbnails(2, seed=3), np.ones((10, 10), np.uint8))
    smooth = ndimage.gaussian_filter(large.astype(float), (0, 5, 5))
    whole = smooth.reshape(2, SIDE, 10, SIDE, 10).mean(axis=(2, 4)).astype(np.uint8)
    crop = ndimage.zoom(smooth[:, 12:228, 12:228], (1, 1 / 9, 1 / 9), order=1, grid_mode=True, mode="nearest")
    alike = features.cosines(features.fine(whole), features.fine(crop.astype(np.uint8)))
    reverse = features.cosines(features.fine(crop.astype(np.uint8)), features.fine(whole))
    assert alike == pytest.approx(reverse.T, abs=1e-5)
    assert alike.diagonal().min() > features.ALIKE_FINE
    assert max(alike[0, 1], alike[1, 0]) < 0.3


def test_nothing_has_no_features() -> None:
    """No thumbnails give no rows."""
    none = np.empty((0, SIDE, SIDE), np.uint8)
    assert features.coarse(none).shape == (0, 63)
