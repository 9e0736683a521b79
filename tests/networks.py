"""Small networks with known weights, and what names them, for the tests of loading."""

import copy
from typing import Any

import numpy as np
import torch

from imgcls.models.model import Model
from imgcls.models.weights import random_init
from imgcls.records.config import ModelSpec

BATCH = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
HALF = (0.5, 0.5, 0.5)
INPUT = {"resize": 32, "crop": 32, "interpolation": "bilinear", "mean": HALF, "std": HALF}
RESNET, SQUEEZENET, GOOGLENET = "timm:test_resnet", "torchvision:squeezenet1_0", "torchvision:googlenet"

RESNET_ON_COLOURS = """
[datasets.colours]
path = "colours"

[models.resnet]
arch = "timm:test_resnet"
weights = "random:1"
options = { num_classes = 3 }
labels = "names.txt"
input = { resize = 32, crop = 32 }
"""
"""A configuration of the network of a package that is installed, and the images of ``project``."""

DIGITS_NET = """
[models.net]
arch = "timm:test_resnet"
options = { num_classes = 10 }
weights = "builtin:digits_resnet"
labels = "digits"
input = { resize = 32, crop = 32, interpolation = "bilinear", mean = [0.5, 0.5, 0.5], std = [0.5, 0.5, 0.5] }
"""
"""The table of a network that comes with the package."""

NETS = """
import torch

def tiny(classes=10):
    return torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(2), torch.nn.Flatten(), torch.nn.Linear(12, classes))

def broken():
    raise RuntimeError("no such\\nbackbone")

def nothing():
    return {"model": None}

number = 7
"""


def make_spec(arch: str, **keys: Any) -> ModelSpec:
    """A model named ``net``."""
    return ModelSpec("net", arch, **keys)


def own_spec(factory: str, **keys: Any) -> ModelSpec:
    """A model of a factory in the module ``own_nets``."""
    return make_spec(f"python:own_nets:{factory}", **{"labels": "digits", "input": INPUT, **keys})


def filled(network: Any) -> Any:
    """The network with random weights of seed 1, in evaluation mode."""
    random_init.fill(network, 1)
    return network.eval()


def assert_same_logits(network: Any, model: Model) -> None:
    """The loaded model gives the network's own logits, which are worth comparing."""
    with torch.inference_mode():
        like_ours = copy.deepcopy(network).to(memory_format=torch.channels_last)
        expected = like_ours(BATCH.to(memory_format=torch.channels_last)).numpy()
    assert expected.std() > 0
    assert np.array_equal(expected, model.classifier.logits(BATCH))
