"""imgcls.reporting.lab.models: where the models come from."""

from pathlib import Path

import pytest

import markdown_pages
from imgcls.records.config import ModelSpec
from imgcls.reporting.lab import models
from lab_parts import make_contents


def test_each_model_has_a_row_and_its_input_a_line() -> None:
    """Architecture, weights, classes, parameters, runtime; and the way from an image to the input."""
    text = "\n".join(models.blocks(make_contents()))
    [[head, good, _]] = markdown_pages.tables(text)
    assert head == list(models.COLUMNS)
    assert good == ["good", "timm:test_resnet", "3", "1.25", "eager", "float32"]
    assert f"Weights of good: random:0, untrained, sha256 {'ab' * 32}" in markdown_pages.plain(text)
    assert "good: input resize(256, bilinear) | center_crop(224)" in markdown_pages.plain(text)


@pytest.mark.parametrize(
    ("arch", "given", "text"),
    [
        ("timm:resnet50", None, "published by timm"),
        ("timm:resnet50", "a1_in1k", "published by timm as a1_in1k"),
        ("torchvision:alexnet", "pretrained", "published by torchvision"),
        ("python:nets:net", None, "those that the architecture comes with"),
        ("timm:resnet50", Path("/home/somebody/best.safetensors"), "best.safetensors"),
        ("timm:test_vit", "builtin:digits_vit", "builtin:digits_vit"),
        ("torchvision:alexnet", "random:7", "random:7, untrained"),
    ],
)
def test_weights_in_words(arch: str, given: Path | str | None, text: str) -> None:
    """True on every machine: of a file only its name."""
    assert models.weights(ModelSpec("net", arch, weights=given)) == text
