"""imgcls.models.sources.sizes: the option for a network's size and the configured crop imply each other."""

from typing import Any

import pytest
import torch

from imgcls.errors import ConfigError
from imgcls.models import loader
from imgcls.models.sources import base, registry
from networks import make_spec


@pytest.mark.parametrize(
    ("arch", "options", "text"),
    [
        ("timm:test_vit", {"img_size": 64}, "resize(67, bicubic) | center_crop(64)"),
        ("timm:test_vit", {"img_size": [64, 96]}, "resize((67, 101), bicubic) | center_crop((64, 96))"),
        ("torchvision:vit_b_16", {"image_size": 384}, "resize(438, bilinear) | center_crop(384)"),
        ("timm:test_resnet", {}, "resize(168, bilinear) | center_crop(160)"),
    ],
)
def test_the_option_implies_the_input(arch: str, options: dict[str, Any], text: str) -> None:
    """Images are cropped to the size that the network is built for, and resized in the published proportion."""
    assert str(registry.input_spec(make_spec(arch, options=options))).startswith(text)


@pytest.mark.parametrize("crop", [64, (64, 64), (64, 96)])
def test_the_input_implies_the_option(crop: Any) -> None:
    """A network that takes one size only is built for the configured crop."""
    network = base.build(make_spec("timm:test_vit", input={"crop": crop}))
    assert network.patch_embed.img_size == ((64, 64) if crop == 64 else crop)
    assert network.pos_embed.shape[1] != base.build(make_spec("timm:test_vit")).pos_embed.shape[1]


def test_the_input_implies_torchvisions_option() -> None:
    """Its vision transformers call it otherwise."""
    assert base.build(make_spec("torchvision:vit_b_32", input={"crop": 64})).image_size == 64


def test_networks_of_any_size_stay_what_they_are() -> None:
    """timm's own option for other sizes, and convolutional networks, need no other network."""
    spec = make_spec("timm:test_vit", options={"dynamic_img_size": True}, input={"crop": 64})
    assert base.build(spec).patch_embed.img_size == (160, 160)
    base.build(make_spec("timm:test_resnet", input={"crop": 64}))


def test_a_whole_model(own_caches: None) -> None:  # noqa: ARG001 - a fixture
    """Scored with untrained weights: the crop of the configuration is all that it takes."""
    model = loader.load(make_spec("timm:test_vit", weights="random:1", input={"resize": 64, "crop": 64}), "cpu")
    assert loader.output_count(model) == 1000


@pytest.mark.parametrize(
    ("arch", "keys", "message"),
    [
        ("timm:test_vit", {"options": {"img_size": 96}, "input": {"crop": 64}},
         "options: img_size = 96 and [models.net.input] crop = 64 contradict each other: give one of the two"),
        ("timm:test_vit", {"options": {"img_size": "large"}, "input": {"crop": 64}},
         "options: img_size must be a whole number of pixels or [h, w], not 'large'"),
        ("torchvision:vit_b_16", {"options": {"image_size": 96}, "input": {"crop": 64}},
         "options: image_size = 96 and [models.net.input] crop = 64 contradict each other: give one of the two"),
        ("timm:test_resnet", {"options": {"img_size": 64}},
         ("timm:test_resnet cannot be built with {'img_size': 64}: ResNet.__init__() got an unexpected keyword "
          "argument 'img_size'; remove img_size from [models.net] options")),
        ("timm:test_vit", {"options": {"depth": "two"}}, "timm:test_vit cannot be built with {'depth': 'two'}: "),
    ],
)  # fmt: skip
def test_what_cannot_be_built(arch: str, keys: dict[str, Any], message: str) -> None:
    """What contradicts itself, and what the library refuses, is one line with the key to change."""
    with pytest.raises(ConfigError) as error:
        base.build(make_spec(arch, **keys))
    assert str(error.value).startswith(f"[models.net] {message}")


@pytest.mark.parametrize(
    ("arch", "crop", "reason", "size"),
    [
        ("timm:xcit_nano_12_p8_224", 61, "`patch_size` should divide image dimensions evenly", 224),
        ("torchvision:vit_b_32", 61, "Input shape indivisible by patch size!", 224),
        ("torchvision:vit_b_32", (64, 96), "unsupported operand type", 224),
    ],
)
def test_sizes_that_an_architecture_does_not_take(arch: str, crop: Any, reason: str, size: int) -> None:
    """The key that is at fault is named, although it is no option, with the value that fits."""
    with pytest.raises(ConfigError) as error:
        base.build(make_spec(arch, input={"crop": crop}))
    at_fault = f"[models.net] {arch} takes images of one size, and cannot be built for the crop in [models.net.input]"
    assert str(error.value).startswith(f"{at_fault} ({reason}")
    assert str(error.value).endswith(f"): set crop = {size}, as it is published")


def test_torchvision_builds_what_its_weights_are_for() -> None:
    """The size is that of the weights, also of a tag with another, as where torchvision loads them itself."""
    spec = make_spec("torchvision:vit_b_16", weights="IMAGENET1K_SWAG_E2E_V1")
    with torch.device("meta"):
        assert base.build(spec).image_size == registry.input_spec(spec).crop[0] == 384
        assert base.build(make_spec("torchvision:vit_b_16")).image_size == 224
