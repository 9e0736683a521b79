"""imgcls.models.inputs: the input of a network is stated, has one channel or three, or is made by its own function."""

import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import networks
from imgcls.errors import ConfigError, ModelError
from imgcls.models import loader
from networks import HALF, INPUT, make_spec, own_spec

NETS = """
import functools
import numpy as np
import torch
from torchvision import transforms

import own_code


def grey(size=8):
    return torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(),
                               torch.nn.Linear(4, 10))


class Spectral(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.head = torch.nn.Linear(5, 10)

    def preprocess(self, image):
        bands = [*image.resize((6, 4)).split(), image.resize((6, 4)).convert("L"), image.resize((6, 4)).convert("L")]
        return torch.stack([torch.from_numpy(np.array(band)) for band in bands]) / 255

    def forward(self, batch):
        return self.head(batch.mean(dim=(2, 3)))


def spectral():
    return Spectral()


def elsewhere():
    module = grey()
    module.preprocess = transforms.Compose([own_code.prepare, transforms.Grayscale(), transforms.ToTensor()])
    return module


def curried():
    module = grey()
    module.preprocess = functools.partial(own_code.tensor, size=8)
    return module


def batched():
    module = grey()
    module.preprocess = lambda image: torch.zeros(1, 1, 8, 8)
    return module


def not_callable():
    module = grey()
    module.preprocess = "resize"
    return module
"""

CODE = """
from torchvision.transforms import functional


def prepare(image):
    return image.resize((8, 8))


def tensor(image, size):
    return functional.to_tensor(image.resize((size, size)).convert("L"))
"""

IMAGE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8))
ONE = {**INPUT, "mean": (0.5,), "std": (0.25,)}


@pytest.fixture(autouse=True)
def nets(own_nets: Path) -> Iterator[None]:
    """The networks of this file, after the usual one."""
    own_nets.write_text(networks.NETS + NETS)
    own_nets.with_name("own_code.py").write_text(CODE)
    yield
    sys.modules.pop("own_code", None)


def test_a_network_of_one_channel() -> None:
    """One number for mean and deviation, and a first layer of one channel: images become grey."""
    model = loader.load(own_spec("grey", input=ONE), "cpu")
    assert str(model.input) == "grey | resize(32, bilinear) | center_crop(32) | normalize((0.5), (0.25))"
    tensor = model.transform(IMAGE)
    assert tensor.shape == (1, 32, 32)
    assert model(tensor[None]).shape == (1, 10)
    assert loader.output_count(model) == 10


def test_one_number_for_three_channels() -> None:
    """For a network that takes RGB it counts for each channel."""
    model = loader.load(own_spec("tiny", input=ONE), "cpu")
    assert (model.input.mean, model.input.std) == (HALF, (0.25,) * 3)


def test_a_grey_network_with_three_means() -> None:
    """Three numbers state RGB, which such a network refuses by itself."""
    model = loader.load(own_spec("grey"), "cpu")
    with pytest.raises(
        ModelError, match=r"refuses a batch of shape \(1, 3, 32, 32\): .*1 channels.*; mean and std of one number "
    ):
        loader.output_count(model)


def test_timm_networks_of_one_channel() -> None:
    """``in_chans = 1`` makes a network of grey images, whose mean and deviation are the configuration's."""
    spec = make_spec(
        "timm:test_resnet", weights="random:1", options={"in_chans": 1}, input={"mean": (0.1,), "std": (0.3,)}
    )
    model = loader.load(spec, "cpu")
    assert model.input.shape == (1, 160, 160)
    assert loader.output_count(model) == 1000
    with pytest.raises(
        ConfigError, match=r"takes 1 channel \(grey\).*give each as one number in \[models\.net\.input\]"
    ):
        loader.load(make_spec("timm:test_resnet", weights="random:1", options={"in_chans": 1}), "cpu")


def test_a_networks_own_preprocessing() -> None:
    """Its module's ``preprocess`` makes the input, of any number of channels, and nothing has to be configured."""
    model = loader.load(own_spec("spectral", input={}), "cpu")
    assert str(model.input) == "Spectral.preprocess() of the network itself, to 5 x 4 x 6"
    network = model.classifier.module
    assert torch.equal(model.transform(IMAGE), network.preprocess(IMAGE))
    with torch.inference_mode():
        expected = network(network.preprocess(IMAGE)[None]).numpy()
    assert np.allclose(model(model.transform(IMAGE)[None]).numpy(), expected, atol=1e-6)


@pytest.mark.parametrize("factory", ["elsewhere", "curried"])
def test_its_code_is_part_of_the_key(factory: str) -> None:
    """Also where the function is another module's, one of several in a row, or has its arguments bound."""
    identity = loader.load(own_spec(factory, input={}), "cpu").identity
    assert identity["own_sources"]["own_code"] == hashlib.sha256(CODE.encode()).hexdigest()


def test_an_input_that_is_configured_goes_first() -> None:
    """``[models.NAME.input]`` determines what happens to images, whatever the network has."""
    model = loader.load(own_spec("elsewhere", input=ONE), "cpu")
    assert (model.input.function, model.own) == (None, None)


@pytest.mark.parametrize(
    ("factory", "keys", "error", "message"),
    [
        (
            "batched",
            {},
            ModelError,
            r"Sequential\.preprocess returned a tensor of shape \(1, 1, 8, 8\) and type float32",
        ),
        (
            "not_callable",
            {},
            ConfigError,
            r"publishes no input settings: give .*or the network a function `preprocess`",
        ),
        ("tiny", {}, ConfigError, r"publishes no input settings: give .*or the network a function `preprocess`"),
        ("elsewhere", {"decode": "fast"}, ConfigError, r'decode = "fast" is not for a network with its own preprocess'),
    ],
)
def test_what_cannot_be_an_input(factory: str, keys: dict[str, Any], error: type[Exception], message: str) -> None:
    """What is missing or wrong is one line when the network is loaded."""
    with pytest.raises(error, match=message):
        loader.load(own_spec(factory, input={}, **keys), "cpu")
