"""imgcls.models.sources.torchscript: programs that are code run only where the configuration trusts them."""

from pathlib import Path

import pytest

from imgcls.errors import ConfigError, ModelError
from imgcls.models import loader
from network_files import IMAGES, NAMES, SIDE, WEIGHTS, Net, assert_close, expected, log_softmax, make_spec
from network_files import write_torchscript as write

INPUT = {"crop": (SIDE, SIDE)}


def test_it_needs_trust(tmp_path: Path) -> None:
    """Without it nothing is loaded, and the message says why and what to write."""
    (tmp_path / "net.pt").write_bytes(b"never read")
    with pytest.raises(ConfigError, match=r"which is code that loading it would run: .* write trust = true"):
        loader.load(make_spec(f"torchscript:{tmp_path / 'net.pt'}"), "cpu")


def test_a_trusted_program(tmp_path: Path) -> None:
    """Its logits, parameters and names are the network's."""
    file = write(tmp_path / "net.pt", extra={"labels.txt": "\n".join(NAMES)})
    model = loader.load(make_spec(f"torchscript:{file}", trust=True, input=INPUT), "cpu")
    assert_close(model.classifier.logits(IMAGES), expected())
    assert (model.info.parameters, model.info.runtime) == (WEIGHTS.size, "eager")
    assert model.labels.names == NAMES


def test_a_softmax_at_the_end(tmp_path: Path) -> None:
    """It is read from the program's graph."""
    file = write(tmp_path / "net.pt", Net(lambda logits: logits.softmax(1)))
    model = loader.load(make_spec(f"torchscript:{file}", trust=True, input=INPUT), "cpu")
    assert_close(model.classifier.logits(IMAGES), log_softmax(expected()))


def test_it_states_no_size(tmp_path: Path) -> None:
    """A program does not state the size of its images, so that the configuration must."""
    with pytest.raises(ConfigError, match=r"crop = 224 in \[models.net.input\]"):
        loader.load(make_spec(f"torchscript:{write(tmp_path / 'net.pt')}", trust=True), "cpu")


def test_something_else(tmp_path: Path) -> None:
    """A trusted file that is no archive is named with the next step."""
    (tmp_path / "net.pt").write_bytes(b"no archive")
    with pytest.raises(ModelError, match="is not a TorchScript archive that torch"):
        loader.load(make_spec(f"torchscript:{tmp_path / 'net.pt'}", trust=True), "cpu")
