"""A trained network and the images that it never saw."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from export_parts import ODD, SPEC
from imgcls.config.recipe import ExportRecipe
from imgcls.data import digits
from imgcls.models.exports import calibration, network
from imgcls.models.exports.calibration import Batches
from imgcls.models.exports.network import Network
from imgcls.records.config import ModelSpec
from networks import INPUT


@pytest.fixture(autouse=True)
def _one_thread(one_thread: None) -> None:
    """Small networks on a busy machine."""


@pytest.fixture(scope="session")
def reference() -> Network:
    """The built-in ResNet of the digits, loaded once; nothing may change it."""
    return network.load(SPEC)


def _batches(reference: Network, path: Path, images: int) -> Batches:
    chosen = calibration.chosen(ExportRecipe("onnx", "int8", calibration=path, images=images))
    return calibration.decoded(chosen, reference.model).batches


@pytest.fixture(scope="session")
def images(reference: Network) -> torch.Tensor:
    """Digits of the test split as the network takes them: (100, 3, 32, 32)."""
    return torch.from_numpy(np.concatenate(list(_batches(reference, digits.folder("test"), 100))))


@pytest.fixture(scope="session")
def training_images(reference: Network) -> Batches:
    """Digits of the training split, to calibrate on."""
    return _batches(reference, digits.folder("train"), 40)


@pytest.fixture(scope="session")
def logits(reference: Network, images: torch.Tensor) -> NDArray[np.float32]:
    """What the network makes of the images."""
    result: NDArray[np.float32] = reference.model.classifier.logits(images)
    return result


@pytest.fixture
def odd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Network]]:
    """Loads one of the networks of :data:`export_parts.ODD`, by its name."""
    (tmp_path / "odd_nets.py").write_text(ODD)
    monkeypatch.syspath_prepend(tmp_path)
    yield lambda name: network.load(ModelSpec("odd", f"python:odd_nets:{name}", labels="digits", input=INPUT))
    sys.modules.pop("odd_nets", None)
