"""imgcls.models.sources.exported: programs of torch.export run eagerly, as they were written."""

from pathlib import Path
from typing import Any

import pytest
import torch

from imgcls.errors import ModelError
from imgcls.models import loader
from imgcls.models.model import Model
from network_files import IMAGES, NAMES, WEIGHTS, Net, assert_close, expected, log_softmax, make_spec, write_exported


class Halves(torch.nn.Module):
    """Computes in float16, subtracts half of what pixels may be, and ends with a softmax."""

    def __init__(self) -> None:
        super().__init__()
        self.net = Net().half()
        self.mean: torch.Tensor
        self.register_buffer("mean", torch.full((1, 3, 1, 1), 127.5))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(n, 3, h, w) to (n, classes)."""
        result: torch.Tensor = self.net(((images - self.mean) / 127.5).half()).softmax(1)
        return result


def _load(file: Path, **keys: Any) -> Model:
    return loader.load(make_spec(f"exported:{file}", **keys), "cpu")


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A program for any number of images, with the names of its classes."""
    return write_exported(tmp_path_factory.mktemp("plain") / "net.pt2", extra={"labels.txt": "\n".join(NAMES)})


def test_a_plain_program(plain: Path) -> None:
    """Its logits, parameters and names are the network's, and it runs on eager."""
    model = _load(plain)
    assert_close(model.classifier.logits(IMAGES), expected())
    assert (model.info.parameters, model.info.weight_bytes) == (WEIGHTS.size, WEIGHTS.nbytes)
    assert (model.info.runtime, model.labels.names) == ("eager", NAMES)


def test_a_fixed_batch(tmp_path: Path) -> None:
    """A program for two images runs any number of them."""
    model = _load(write_exported(tmp_path / "net.pt2", batch=2))
    assert_close(model.classifier.logits(IMAGES), expected())
    assert model.classifier.max_batch_size == 2


def test_types_and_steps_stay_as_they_were_written(tmp_path: Path) -> None:
    """Half-precision weights are not cast; normalisation and softmax are read from the graph."""
    network = Halves().eval()
    model = _load(write_exported(tmp_path / "net.pt2", network))
    assert {tensor.dtype for tensor in model.classifier.module.parameters()} == {torch.float16}
    assert model.input.std == (1 / 255,) * 3
    pixels = IMAGES * 255
    with torch.inference_mode():
        right = network(pixels).float().clamp_min(torch.finfo(torch.float32).tiny).log().numpy()
    assert_close(model.classifier.logits(pixels), right)
    assert "net.pt2: weights: 1 float16, 1 float32" in model.info.notes


def test_probabilities_that_only_the_outputs_show(tmp_path: Path) -> None:
    """An operation that may be anything is tried on noise."""
    model = _load(write_exported(tmp_path / "net.pt2", Net(lambda logits: logits.softmax(1).abs())))
    assert_close(model.classifier.logits(IMAGES), log_softmax(expected()))


def test_an_output_of_several(tmp_path: Path) -> None:
    """A program that returns a dict of features and logits is read like a network that does."""
    file = write_exported(tmp_path / "net.pt2", Net(lambda logits: {"features": logits * 2, "logits": logits}))
    assert_close(_load(file).classifier.logits(IMAGES), expected())


def test_something_else(tmp_path: Path) -> None:
    """A file that is no archive is named with the next step, and nothing is logged."""
    (tmp_path / "net.pt2").write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(ModelError, match=r"is not a program of torch\.export, or was cut off"):
        _load(tmp_path / "net.pt2")
