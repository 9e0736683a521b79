"""imgcls.models.sources.openvino_ir: what is read from a file of OpenVINO, and what is refused of it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from imgcls.errors import ImgclsError, MachineError, ModelError, WeightsMissing
from imgcls.models import loader
from imgcls.models.model import Model
from imgcls.system import versions
from network_files import (
    IMAGES,
    NAMES,
    SIDE,
    WEIGHTS,
    assert_close,
    expected,
    log_softmax,
    make_spec,
    write_openvino,
)

if not versions.has_library("openvino"):
    pytest.skip("openvino: not installed", allow_module_level=True)

MEAN = np.array([123.0, 116, 104], np.float32).reshape(1, 3, 1, 1)


def _load(file: Path, **keys: Any) -> Model:
    return loader.load(make_spec(f"openvino:{file}", **keys), "cpu")


def _refused(file: Path, kind: type[ImgclsError]) -> str:
    with pytest.raises(kind) as caught:
        _load(file)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_a_plain_network(tmp_path: Path) -> None:
    """Its logits are the network's, its types are those of the file, and both of its files are in its hash."""
    model = _load(write_openvino(tmp_path / "net.xml"))
    assert_close(model.classifier.logits(IMAGES), expected())
    assert (model.info.runtime, model.info.precision) == ("openvino-ir", "float32")
    assert model.info.parameters == WEIGHTS.size
    content = bytearray((tmp_path / "net.bin").read_bytes())
    content[-1] ^= 1
    (tmp_path / "net.bin").write_bytes(content)
    assert _load(tmp_path / "net.xml").info.state_sha256 != model.info.state_sha256


def test_normalisation_and_softmax_in_the_graph(tmp_path: Path) -> None:
    """A graph that subtracts the mean of bytes is fed with bytes, and its probabilities become their logarithms."""
    file = write_openvino(
        tmp_path / "net.xml",
        before=lambda ops, images: ops.subtract(images, ops.constant(MEAN)),
        after=lambda ops, logits: ops.softmax(logits, 1),
    )
    model = _load(file)
    assert model.input.std == (1 / 255,) * 3
    pixels = IMAGES + torch.from_numpy(MEAN)
    assert np.allclose(model.classifier.logits(pixels), log_softmax(expected()), rtol=0, atol=1e-3)
    assert len(model.info.notes) == 2


def test_what_model_info_states(tmp_path: Path) -> None:
    """Mean and scale in bytes, names as words with _ for spaces, and the order of channels as a note."""
    info = {
        "mean_values": "127.5 127.5 127.5",
        "scale_values": "51 51 51",
        "reverse_input_channels": "YES",
        "labels": "cat dog ewe fox gnu",
    }
    model = _load(write_openvino(tmp_path / "net.xml", info=info))
    assert (model.input.mean, model.input.std) == ((0.5,) * 3, (0.2,) * 3)
    assert model.info.input_sources["mean"] == "model_info of the file"
    assert model.labels.names == NAMES
    assert any("images are fed as RGB" in note for note in model.info.notes)


def test_channels_last_and_bytes(tmp_path: Path) -> None:
    """A uint8 input whose last dimension is 3 gets bytes in NHWC."""
    file = write_openvino(
        tmp_path / "net.xml",
        before=lambda ops, images: ops.transpose(ops.convert(images, "f32"), ops.constant(np.array([0, 3, 1, 2]))),
        shape=(1, SIDE, SIDE, 3),
        dtype=np.uint8,
    )
    model = _load(file)
    pixels = (IMAGES * 255).round()
    assert_close(model.classifier.logits(pixels), expected(pixels))
    assert model.input.std == (1 / 255,) * 3


def test_a_file_without_its_weights(tmp_path: Path) -> None:
    """The message names the file of weights."""
    file = write_openvino(tmp_path / "net.xml")
    (tmp_path / "net.bin").unlink()
    assert "has its weights in net.bin, which is not next to it: copy both files" in _refused(file, WeightsMissing)


def test_something_else(tmp_path: Path) -> None:
    """A file that is not of OpenVINO is named with the next step."""
    file = write_openvino(tmp_path / "net.xml")
    file.write_text(file.read_text()[:300])
    assert "is not a model of OpenVINO, or was cut off" in _refused(file, ModelError)


def test_without_its_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line names the extra."""
    file = write_openvino(tmp_path / "net.xml")
    monkeypatch.setattr(versions, "of_runtime", lambda _: {})
    assert "pip install 'imgcls[openvino]'" in _refused(file, MachineError)
