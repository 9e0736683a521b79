"""Ways of decoding that are not the reference's."""

import io
from dataclasses import replace
from typing import Literal

import numpy as np
import pytest
from PIL import Image

from imgcls.preprocessing import decode
from imgcls.serving import decoding, variants
from serving_models import all_variants, network, reference


@pytest.mark.parametrize("exif", ["ignore", "apply"])
def test_by_default_it_is_the_decoding_that_scoring_has(exif: Literal["ignore", "apply"]) -> None:
    """Pixel for pixel, for every kind of image."""
    steps = replace(reference(network()), exif=exif)
    with decode.quiet_pillow():
        for image in network().images:
            expected = decode.decode(image.data, exif)
            assert decoding.decode(image.data, steps).tobytes() == expected.tobytes(), image.kind


def test_repeated_chroma_is_what_the_file_holds() -> None:
    """A colour for each two by two pixels, from which libjpeg's interpolation comes out again."""
    small = np.random.default_rng(1).integers(0, 256, (8, 8, 3), np.uint8)
    values = decoding._repeated(_triangle(small.astype(np.float32)))
    assert np.abs(values - small.repeat(2, axis=0)).max() < 1e-3


def _triangle(own: np.ndarray) -> np.ndarray:
    """Each value twice, 3/4 of it and 1/4 of its neighbour."""
    above, below = np.concatenate([own[:1], own[:-1]]), np.concatenate([own[1:], own[-1:]])
    return np.stack([0.75 * own + 0.25 * above, 0.75 * own + 0.25 * below], axis=1).reshape(-1, *own.shape[1:])


def test_draft_mode_is_pillows_own() -> None:
    """An image of half the size, where that is enough."""
    row = next(row for row in all_variants("center") if row.name == "draft mode")
    image = next(image for image in network().images if image.kind == "large")
    halved = Image.open(io.BytesIO(image.data))
    halved.draft("RGB", (64, 64))
    assert decoding.decode(image.data, variants.applied(reference(network()), [row])).tobytes() == halved.tobytes()
