"""imgcls.models.sources.tflite: files of TensorFlow Lite, in float32 and in int8."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import tflite_files
from imgcls.errors import MachineError, ModelError
from imgcls.models import loader
from imgcls.models.model import Model
from imgcls.system import versions
from network_files import IMAGES, WEIGHTS, assert_close, log_softmax, make_spec


def _load(file: Path, **keys: Any) -> Model:
    return loader.load(make_spec(f"tflite:{file}", **keys), "cpu")


def test_without_its_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line names the extra."""
    (tmp_path / "net.tflite").write_bytes(b"    TFL3")
    monkeypatch.setattr(versions, "of_runtime", lambda _: {})
    with pytest.raises(MachineError, match=r"pip install 'imgcls\[tflite\]'"):
        _load(tmp_path / "net.tflite")


needs_litert = pytest.mark.skipif(not find_spec("ai_edge_litert"), reason="ai-edge-litert: not installed")


@needs_litert
def test_float32(tmp_path: Path) -> None:
    """Its logits, parameters and bytes are exact; axes are not parameters."""
    model = _load(tflite_files.write(tmp_path / "net.tflite"))
    assert_close(model.classifier.logits(IMAGES), tflite_files.logits(IMAGES.numpy()))
    assert model.info.parameters == WEIGHTS.size + tflite_files.CLASSES
    assert model.info.runtime == "tflite"


@needs_litert
def test_a_softmax_at_the_end(tmp_path: Path) -> None:
    """The logits are the logarithms of the probabilities."""
    model = _load(tflite_files.write(tmp_path / "net.tflite", softmax=True))
    assert_close(model.classifier.logits(IMAGES), log_softmax(tflite_files.logits(IMAGES.numpy())))


@needs_litert
def test_int8(tmp_path: Path) -> None:
    """Images are quantised as the file states, and its outputs are numbers again, to half a step of each."""
    model = _load(tflite_files.write(tmp_path / "net.tflite", int8=True))
    distance = np.abs(model.classifier.logits(IMAGES) - tflite_files.logits(IMAGES.numpy())).max()
    assert distance < tflite_files.OUTPUT_SCALE
    assert (model.input.mean, model.input.std) == ((0.0,) * 3, (1.0,) * 3)
    assert model.info.input_sources["mean"] == "the range of the input"
    assert "net.tflite: the input is int8 and stands for 0 to 1: images are quantised to it" in model.info.notes


@needs_litert
def test_int8_probabilities(tmp_path: Path) -> None:
    """The best class of a quantised softmax has its probability to one step of 1/256."""
    model = _load(tflite_files.write(tmp_path / "net.tflite", int8=True, softmax=True))
    probabilities = torch.from_numpy(tflite_files.logits(IMAGES.numpy())).softmax(1).numpy()
    assert np.allclose(np.exp(model.classifier.logits(IMAGES)), probabilities, rtol=0, atol=0.02)


@needs_litert
def test_something_else(tmp_path: Path) -> None:
    """A file that is not of TensorFlow Lite, or is cut off, is named with the next step."""
    file = tmp_path / "net.tflite"
    file.write_bytes(b"something else")
    with pytest.raises(ModelError, match="is not a model of TensorFlow Lite, or was cut off"):
        _load(file)
