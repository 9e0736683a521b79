"""docs/preprocessing.md states what libraries publish, and what was measured on the shared photographs."""

import re
from pathlib import Path

import pytest
import timm
import torchvision

from imgcls.models.sources import registry
from imgcls.records.config import ModelSpec
from markdown_pages import tables

PAGE = (Path(__file__).parents[2] / "docs" / "preprocessing.md").read_text()
PUBLISHED, MEASURED, OTHERS = tables(PAGE)[:3]

FILES = {
    "regnet_x_1_6gf": ("RegNet_X_1_6GF_Weights.IMAGENET1K_V2", "regnetx_016.tv2_in1k"),
    "regnet_x_800mf": ("RegNet_X_800MF_Weights.IMAGENET1K_V2", "regnetx_008.tv2_in1k"),
    "regnet_y_800mf": ("RegNet_Y_800MF_Weights.IMAGENET1K_V2", "regnety_008_tv.tv2_in1k"),
    "resnet50": ("ResNet50_Weights.IMAGENET1K_V1", "resnet50.tv_in1k"),
}
"""The weights of torchvision's models on the page, and timm's name for the same file."""


@pytest.mark.parametrize("row", PUBLISHED[1:], ids=lambda row: row[0])
def test_a_published_file_is_one_file_with_two_inputs(row: list[str]) -> None:
    """The address is the same in both libraries; each states the page's input, and torchvision its number."""
    weights, timm_name = FILES[row[0]]
    published = torchvision.models.get_weight(weights)
    assert timm.get_pretrained_cfg(timm_name).url == published.url
    inputs = [
        registry.input_spec(ModelSpec("net", arch, tag))
        for arch, tag in ((f"torchvision:{row[0]}", published.name), (f"timm:{timm_name}", None))
    ]
    assert [row[1], row[3]] == [f"{spec.resize}, {spec.interpolation}" for spec in inputs]
    assert float(row[2]) == published.meta["_metrics"]["ImageNet-1K"]["acc@1"]


def test_the_default_weights_of_resnet50_take_another_size_than_the_first() -> None:
    """What the page says of V1 and V2, and of timm's sizes for training and testing."""
    sizes = [registry.input_spec(ModelSpec("net", "torchvision:resnet50", f"IMAGENET1K_V{n}")).resize for n in (1, 2)]
    assert sizes == [256, 232]
    config = timm.get_pretrained_cfg("resnet50.a1_in1k")
    assert (config.input_size[1], config.test_input_size[1]) == (224, 288)
    assert str(registry.input_spec(ModelSpec("net", "timm:resnet50.a1_in1k"))).startswith("resize(288, bicubic)")


def test_the_measured_figures_are_of_1000_images_and_begin_with_the_known_ones() -> None:
    """SqueezeNet has 612 and 833 right as torchvision prepares images, and MobileNetV2 has 892 and 982."""
    counts = re.compile(r"\d{3} / \d{3}")
    assert all(counts.fullmatch(row[column]) for row in MEASURED[1:] for column in (2, 4))
    assert all(counts.fullmatch(row[column]) for row in OTHERS[1:] for column in (1, 3))
    [plain] = [row for row in MEASURED if row[:2] == ["256", "bilinear"]]
    assert plain[2::2] == OTHERS[1][1::2] == ["612 / 833", "892 / 982"]
    assert {(row[0], row[1]) for row in MEASURED[1:]} == {
        (size, filter_) for size in ("224", "232", "256", "288") for filter_ in ("bilinear", "bicubic")
    }
