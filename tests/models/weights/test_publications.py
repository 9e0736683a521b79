"""imgcls.models.weights.publications: which file a library publishes, read from its code, is what it says itself."""

from pathlib import Path

import pytest
import timm
from torchvision import models

from imgcls.models.weights import publications
from imgcls.records.config import ModelSpec
from imgcls.records.weights import PublishedFile

OF_TIMM = (
    "resnet50", "resnet50.a1_in1k", "vgg11", "tf_efficientnet_b0.ns_jft_in1k", "vit_base_patch16_224",
    "vit_base_patch16_224.augreg_in21k", "convnext_tiny.in12k_ft_in1k", "eva02_tiny_patch14_224", "test_resnet",
    "vit_base_patch16_clip_224.openai", "mobilenetv3_large_100",
)  # fmt: skip


@pytest.mark.slow
def test_torchvisions_files_are_those_of_its_enums() -> None:
    """Every classifier with every tag, and the default."""
    names = models.list_models(module=models)
    assert [name for name in names if not publications.is_torchvisions(name)] == []
    for name in names:
        enum = models.get_model_weights(name)
        urls = {tag: [file.url for file in _of(f"torchvision:{name}", tag)] for tag in [None, *enum.__members__]}
        assert urls == {None: [enum.DEFAULT.url], **{tag: [entry.url] for tag, entry in enum.__members__.items()}}


@pytest.mark.slow
@pytest.mark.parametrize("name", OF_TIMM)
def test_timms_files_are_those_of_its_configurations(name: str) -> None:
    """With a tag, and with the one that it takes where none is named."""
    files, cfg = _of(f"timm:{name}"), timm.get_pretrained_cfg(name)
    assert cfg is not None
    assert {file.repository for file in files} == {cfg.hf_hub_id}
    named = cfg.hf_hub_filename
    assert [file.name for file in files] == ([named] if named else ["model.safetensors", "pytorch_model.bin"])


def test_weights_names_the_tag_too() -> None:
    """As the configuration may write it."""
    assert _of("timm:resnet50", "a2_in1k")[0].repository == "timm/resnet50.a2_in1k"


@pytest.mark.parametrize("arch", ["timm:hf-hub:org/net@v1", "transformers:org/net@v1"])
def test_of_a_repository_its_configuration_is_first(arch: str) -> None:
    """Which states what the network is."""
    assert _of(arch) == (PublishedFile("config.json", repository="org/net", revision="v1"),)


@pytest.mark.parametrize(
    ("arch", "weights"),
    [
        ("torchvision:resnet5", None),
        ("torchvision:fcn_resnet50", None),
        ("torchvision:resnet50", "IMAGENET1K_V9"),
        ("torchvision:resnet50", "random:0"),
        ("timm:resnet50", "no_such_tag"),
        ("timm:tf_efficientnet_b0_ns", None),
        ("timm:local-dir:net", None),
        ("transformers:../net", None),
        ("python:nets:colour", None),
        ("torchvision:resnet50", Path("net.pth")),
    ],
)
def test_where_only_the_library_knows_there_is_nothing(arch: str, weights: str | Path | None) -> None:
    """Another name, an old one, another tag, weights of one's own, and code of one's own."""
    assert _of(arch, weights) == ()


def test_bare_names_are_known_without_the_libraries() -> None:
    """Those of functions that are registered, and no other functions."""
    assert publications.is_torchvisions("resnet50")
    assert not publications.is_torchvisions("list_models")
    assert publications.is_timms("resnet50d")
    assert not publications.is_timms("create_model")


def _of(arch: str, weights: str | Path | None = None) -> tuple[PublishedFile, ...]:
    return publications.of(ModelSpec("net", arch, weights))
