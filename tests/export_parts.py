"""A trained network, and what its exports are compared by, for the tests of files that are made of it."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgcls.config import recipe
from imgcls.config.table import ConfigTable
from imgcls.records.config import ExportSpec, ModelSpec
from networks import INPUT

SPEC = ModelSpec(
    "digits", "timm:test_resnet", weights="builtin:digits_resnet", options={"num_classes": 10}, labels="digits",
    input=INPUT,
)  # fmt: skip
"""The built-in ResNet of the digits."""


ODD = """
import torch

class Odd(torch.nn.Module):
    def forward(self, images):
        return torch.special.bessel_j0(images).mean((2, 3))

class Fixed(torch.nn.Module):
    def forward(self, images):
        return images.mean((2, 3)).reshape(2, 3)

class Branch(torch.nn.Module):
    def forward(self, images):
        return images.mean((2, 3)) if images.sum() >= 0 else -images.mean((2, 3))

def Small():
    torch.manual_seed(0)
    features = torch.nn.Conv2d(3, 16, 3, stride=2), torch.nn.BatchNorm2d(16), torch.nn.ReLU()
    head = torch.nn.AdaptiveAvgPool2d(4), torch.nn.Flatten(), torch.nn.Linear(256, 10)
    return torch.nn.Sequential(*features, *head)

class Large(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.head = torch.nn.Linear(3, 3)
        self.head.weight.data[0, 0] = 1e5

    def forward(self, images):
        return self.head(images.mean((2, 3)))
"""
"""Networks that are not a file of every format, and a small one that is."""


def distance(logits: NDArray[np.float32], others: Any) -> float:
    """The largest difference in standard deviations of the first."""
    assert others.dtype == np.float32
    return float(np.abs(others - logits).max() / logits.std())


def agreement(logits: NDArray[np.float32], others: Any) -> float:
    """The share of images with the same best class."""
    return float((logits.argmax(1) == others.argmax(1)).mean())


def made_spec(**keys: Any) -> ExportSpec:
    """The export of an entry of ``made`` with these keys."""
    return recipe.read(ConfigTable(Path("imgcls.toml"), "models.digits.exports.made.net", keys))
