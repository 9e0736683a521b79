"""The masks of one training step, drawn before it, so that another network can be given the same."""

from __future__ import annotations

from typing import Any

import numpy as np

from imgcls.reference.architecture import Architecture, blocks, last_channels
from imgcls.reference.arrays import Array


def draw(
    architecture: Architecture, images: int, generator: np.random.Generator, xp: Any = np, dtype: Any = None
) -> dict[str, Array]:
    """The masks by the name of the step: 0, or 1 / (share that is kept), so that the mean stays what it was.

    ``…stochastic_depth``: (images), for each residual block but the first of all blocks, which is never left out ·
    ``classifier.0``: (images, channels), dropout.
    """
    sizes: dict[str, tuple[tuple[int, ...], float]] = {
        f"{block.name}.stochastic_depth": ((images,), block.left_out)
        for block in blocks(architecture)
        if block.is_residual
    }
    sizes["classifier.0"] = (images, last_channels(architecture)), architecture.dropout
    return {
        name: xp.asarray(_mask(shape, left_out, generator), dtype=dtype or xp.float32)
        for name, (shape, left_out) in sizes.items()
        if left_out > 0
    }


def _mask(shape: tuple[int, ...], left_out: float, generator: np.random.Generator) -> np.ndarray:
    return (generator.random(shape) >= left_out) / (1 - left_out)
