"""imgcls.preprocessing.own_input: a network's own function makes its input, and what it returns is checked."""

import io
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import transforms

from imgcls.errors import ModelError
from imgcls.preprocessing import preprocess
from imgcls.preprocessing.own_input import OwnPreprocessing
from imgcls.preprocessing.preprocess import Preprocessing

IMAGE = Image.fromarray(np.random.default_rng(1).integers(0, 256, (30, 50, 3), np.uint8))


def _hsv_and_grey(image: Image.Image) -> torch.Tensor:
    """Four channels."""
    sized = image.resize((8, 6))
    bands = [*sized.convert("HSV").split(), sized.convert("L")]
    return torch.stack([torch.from_numpy(np.array(band, np.float64)) for band in bands])


def _jpeg() -> bytes:
    file = io.BytesIO()
    IMAGE.save(file, "PNG")
    return file.getvalue()


def test_any_number_of_channels() -> None:
    """Its tensors are the network's input as they are, in float32, and the input states the function."""
    own = OwnPreprocessing("Net.preprocess", _hsv_and_grey)
    spec = own.input_spec()
    assert (spec.shape, spec.is_grey) == ((4, 6, 8), False)
    assert str(spec) == "Net.preprocess() of the network itself, to 4 x 6 x 8"
    preprocessing = Preprocessing(spec, "exact", own)
    crop = preprocess.prepare(_jpeg(), [preprocessing]).crops[preprocessing]
    batch = preprocess.batch(spec, [crop, crop])
    assert (batch.dtype, batch.shape) == (torch.float32, (2, 4, 6, 8))
    assert torch.equal(batch[1], _hsv_and_grey(IMAGE).float())


def test_a_transform_of_torchvision() -> None:
    """One channel that a function makes is not made grey once more."""
    transform = transforms.Compose([transforms.Grayscale(), transforms.Resize((5, 5)), transforms.ToTensor()])
    own = OwnPreprocessing("Net.preprocess", transform)
    assert own.input_spec().shape == (1, 5, 5)
    assert torch.equal(torch.from_numpy(own(IMAGE)), transform(IMAGE))


def test_the_image_stays_as_it_is() -> None:
    """A function may draw on its image: other networks have their own."""

    def drawing(image: Image.Image) -> torch.Tensor:
        image.paste((0, 0, 0), (0, 0, *image.size))
        return torch.zeros(1, 2, 2)

    before = IMAGE.tobytes()
    OwnPreprocessing("Net.preprocess", drawing)(IMAGE)
    assert before == IMAGE.tobytes()


def _raising(_: Image.Image) -> torch.Tensor:
    raise KeyError("scale")


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda _: np.zeros((3, 2, 2)), "returned a ndarray: return a floating-point tensor (channels, h, w), without"),
        (lambda _: torch.zeros(1, 3, 2, 2), "returned a tensor of shape (1, 3, 2, 2) and type float32: return a"),
        (lambda _: torch.zeros(3, 2, 2, dtype=torch.uint8), "returned a tensor of shape (3, 2, 2) and type uint8: "),
        (lambda _: None, "returned a NoneType: return a floating-point tensor"),
        (_raising, "failed on an RGB image of 40 x 30: KeyError: 'scale'"),
        (transforms.Compose([transforms.Resize(4), transforms.ToTensor()]),
         "returned a tensor of shape (3, 5, 4) and type float32, and for another image (3, 4, 5): all images"),
        (lambda _: torch.full((1, 2, 2), random.random()), "returns other values each time for the same image: "),  # noqa: S311
    ],
)  # fmt: skip
def test_what_a_function_must_return(function: Callable[[Image.Image], Any], message: str) -> None:
    """It is tried when the network is loaded; what is wrong with it is one line."""
    with pytest.raises(ModelError) as error:
        OwnPreprocessing("Net.preprocess", function)
    assert str(error.value).startswith(f"Net.preprocess {message}")
    assert "\n" not in str(error.value)


def test_a_failure_is_of_one_network_only() -> None:
    """An image that it does not take is an error of its batch, and other networks have their crops."""

    def choosy(image: Image.Image) -> torch.Tensor:
        if image.width == IMAGE.width:
            raise ValueError("too wide")
        return torch.zeros(1, 2, 2)

    own = OwnPreprocessing("Net.preprocess", choosy)
    failing, other = Preprocessing(own.input_spec(), "exact", own), OwnPreprocessing("Other.preprocess", _hsv_and_grey)
    working = Preprocessing(other.input_spec(), "exact", other)
    crops = preprocess.prepare(_jpeg(), [failing, working]).crops
    assert preprocess.batch(working.input, [crops[working]]).shape == (1, 4, 6, 8)
    with pytest.raises(ModelError, match=r"Net\.preprocess failed on an RGB image of 50 x 30: ValueError: too wide"):
        preprocess.batch(failing.input, [crops[failing]])
