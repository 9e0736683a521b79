"""Small networks and planted serving faults, for the tests of the serving contract."""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import torch

from imgcls.models import loader
from imgcls.models.model import Model
from imgcls.preprocessing import decode
from imgcls.records.config import DatasetSpec, ServingSpec
from imgcls.records.data import ImageRef
from imgcls.records.parity import ServingCheck
from imgcls.serving import check, images, steps, variants
from imgcls.serving.evidence import FunctionEvidence, Network
from imgcls.serving.faults import Diagnosis, diagnosed
from imgcls.serving.steps import Steps
from imgcls.serving.variants import Variant
from networks import filled

IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
CENTER = {"resize": 64, "crop": 56, "interpolation": "bilinear", **IMAGENET}
SQUASH = {"resize": (56, 56), "crop": 56, "crop_mode": "squash", "interpolation": "bicubic", "mean": 0.5, "std": 0.5}
CLASSES = ("cat", "dog", "crane", "tabby", "kite", "jay", "hen", "cock", "newt", "ray")


def make_model(settings: Mapping[str, Any] = CENTER, labels: Sequence[str] = CLASSES) -> Model:
    """A convolutional network of ten classes with random weights, named ``net``."""
    layers = [torch.nn.Conv2d(3, 16, 5, 2), torch.nn.ReLU(), torch.nn.Conv2d(16, 32, 3, 2), torch.nn.ReLU()]
    head = [torch.nn.AdaptiveAvgPool2d(3), torch.nn.Flatten(), torch.nn.Linear(288, 10)]
    spread = {name: settings[name] for name in ("mean", "std") if name in settings}
    values = {name: (value,) * 3 if isinstance(value, float) else value for name, value in spread.items()}
    return loader.from_module(filled(torch.nn.Sequential(*layers, *head)), "net", {**settings, **values}, labels, "cpu")


@cache
def model_of(name: str) -> Model:
    return make_model({"center": CENTER, "squash": SQUASH}[name])


@cache
def network(name: str = "center") -> Network:
    """A network with the made images for its input; whatever it computed is shared by tests."""
    return Network(model_of(name), images.chosen(model_of(name).input).images)


def reference(of: Network) -> Steps:
    return steps.reference(of.model, "ignore")


def all_variants(name: str) -> list[Variant]:
    """Everything that a function may do otherwise."""
    usual = steps.reference(model_of(name), "ignore")
    return [*variants.of_all(usual), *variants.of_files(usual)]


def diagnosis_of(name: str, *planted: Variant) -> Diagnosis:
    """What is found where a function does these things otherwise."""
    of = network(name)
    usual = reference(of)
    faulty = variants.applied(usual, planted)
    with decode.quiet_pillow():
        tensors = {number: of.pipeline.tensor(image, faulty) for number, image in enumerate(of.images)}
        evidence = FunctionEvidence(of, usual, tensors)
        return diagnosed(of, usual, evidence, list(tensors), {}, service=False)


def checked(
    model: Model,
    folder: Path,
    code: str,
    *,
    dataset: DatasetSpec | None = None,
    listed: Sequence[ImageRef] = (),
) -> ServingCheck:
    """The check of the function ``prepare`` in this code."""
    (folder / "serving_app.py").write_text(code)
    spec = ServingSpec(preprocess="python:serving_app:prepare")
    return check.compare(model, spec, dataset, images=listed, folder=folder)


CORRECT = """
import io
import numpy as np
from PIL import Image

def pixels(data):
    image = Image.open(io.BytesIO(data))
    if image.mode == "I;16":
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)).convert("RGB")
    return image.convert("RGB")

def crop(image):
    width, height = image.size
    size = (64, int(64 * height / width)) if width <= height else (int(64 * width / height), 64)
    image = image.resize(size, Image.Resampling.BILINEAR)
    left, top = round((size[0] - 56) / 2), round((size[1] - 56) / 2)
    return image.crop((left, top, left + 56, top + 56))

def normalised(image):
    values = np.asarray(image, np.float32) / 255
    return (values - np.float32([0.485, 0.456, 0.406])) / np.float32([0.229, 0.224, 0.225])

def tensor(data):
    return normalised(crop(pixels(data))).transpose(2, 0, 1)
"""
"""The reference for :data:`CENTER`, without torch."""
