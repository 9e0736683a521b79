"""imgcls.models.sources.base: a spec leads to its source, and a tag of weights to nothing else."""

from pathlib import Path

import pytest

from imgcls.errors import ConfigError
from imgcls.models.sources import base as sources
from imgcls.models.sources import python, timm
from imgcls.records.config import ModelSpec


def test_a_spec_leads_to_its_source() -> None:
    """What is before the first colon of ``arch`` names the source."""
    assert sources.of(ModelSpec("net", "timm:resnet50.a1_in1k")) is timm.SOURCE
    assert sources.of(ModelSpec("net", "python:nets:tiny")) is python.SOURCE


@pytest.mark.parametrize("arch", ["jax:resnet50", "resnet50", ""])
def test_unknown_sources_are_refused(arch: str) -> None:
    """A source that does not exist is a wrong configuration, with those that there are."""
    with pytest.raises(ConfigError, match=rf"\[models\.net\] arch: '{arch}' is not one of torchvision:NAME, timm:NAME"):
        sources.of(ModelSpec("net", arch))


@pytest.mark.parametrize(
    ("weights", "tag"),
    [
        (None, None),
        ("pretrained", None),
        ("IMAGENET1K_V2", "IMAGENET1K_V2"),
        ("random:7", None),
        ("builtin:digits_vit", None),
        (Path("own.pth"), None),
    ],
)
def test_only_tags_are_tags(weights: Path | str | None, tag: str | None) -> None:
    """Of all that ``weights`` may state, one kind names published weights by their tag."""
    assert tag == sources.published_tag(ModelSpec("net", "torchvision:resnet50", weights=weights))


@pytest.mark.parametrize(
    ("arch", "modules"),
    [
        ("torchvision:resnet50", ("torchvision",)),
        ("timm:resnet50", ("timm",)),
        ("python:package.nets:tiny", ("package.nets",)),
        ("reference:efficientnet_b0", ("imgcls.models.runtimes.numpy",)),
    ],
)
def test_what_building_imports(arch: str, modules: tuple[str, ...]) -> None:
    """Each source states the modules that building its networks imports."""
    spec = ModelSpec("net", arch)
    assert sources.of(spec).imports(spec) == modules
