"""imgcls.records.config: ``arch`` and ``weights`` are texts, and each has parts."""

from pathlib import Path

import pytest

from imgcls.errors import ConfigError
from imgcls.records.config import (
    Architecture,
    BuiltinWeights,
    ModelSpec,
    PublishedWeights,
    RandomWeights,
    WeightsFile,
    WeightsSource,
)


@pytest.mark.parametrize(
    ("arch", "source", "name"),
    [
        ("timm:resnet50.a1_in1k", "timm", "resnet50.a1_in1k"),
        ("python:package.nets:tiny", "python", "package.nets:tiny"),
        ("resnet50", "resnet50", ""),
        (":resnet50", "", "resnet50"),
    ],
)
def test_an_architecture_has_two_parts(arch: str, source: str, name: str) -> None:
    """What is before the first colon is the source, and all that follows its name for the network."""
    assert ModelSpec("net", arch).architecture == Architecture(source, name)


@pytest.mark.parametrize(
    ("weights", "source"),
    [
        (None, PublishedWeights()),
        ("pretrained", PublishedWeights()),
        ("IMAGENET1K_V2", PublishedWeights("IMAGENET1K_V2")),
        ("random", PublishedWeights("random")),
        ("random:7", RandomWeights(7)),
        ("builtin:digits_vit", BuiltinWeights("digits_vit")),
        (Path("own.pth"), WeightsFile(Path("own.pth"))),
    ],
)
def test_weights_are_one_of_four_kinds(weights: Path | str | None, source: WeightsSource) -> None:
    """Published under a tag or by default, a file, a seed, or built in."""
    assert ModelSpec("net", "timm:resnet50", weights=weights).weights_source == source


@pytest.mark.parametrize("weights", ["random:", "random:one", "random:-1", "random:1.0"])
def test_a_seed_is_a_whole_number(weights: str) -> None:
    """Anything else behind ``random:`` is a wrong configuration."""
    with pytest.raises(ConfigError, match=rf"\A'{weights}': the seed of random weights is a whole number"):
        _ = ModelSpec("net", "timm:resnet50", weights=weights).weights_source
