"""imgcls.models.sources.registry: a network's input and its classes are torchvision's and timm's own."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from timm.data import create_transform, resolve_data_config
from timm.data.transforms import CenterCropOrPad, ResizeKeepRatio
from torchvision import models
from torchvision.transforms import CenterCrop, Resize

from imgcls.data import class_lists
from imgcls.errors import ConfigError
from imgcls.models.sources import registry
from imgcls.preprocessing import transforms
from imgcls.records.config import InputSpec, ModelSpec

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
HALF = (0.5, 0.5, 0.5)
IMAGE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (223, 301, 3), np.uint8))


def _spec(arch: str, **keys: Any) -> ModelSpec:
    return ModelSpec("net", arch, **keys)


# Inputs.


@pytest.mark.parametrize(
    ("mean", "std", "most"),
    [((127.0,) * 3, (128.0,) * 3, "128"), ((123.675,), (0.5,), "123.675"), (HALF, (1.0,) * 3, None)],
)
def test_constants_of_pixels_up_to_255_are_noted(mean: tuple[float, ...], std: tuple[float, ...], most: Any) -> None:
    """With what to do; a standard deviation of 1 leaves the scale as it is."""
    notes = registry.input_notes(replace(_centered(256, 224), mean=mean, std=std))
    expected = f"a mean or std of {most} is of pixels from 0 to 255; they are from 0 to 1 here, so divide mean and std"
    assert [note.removesuffix(" by 255") for note in notes] == ([expected] if most else [])


def _centered(resize: int, crop: int, interpolation: Any = "bilinear") -> InputSpec:
    return InputSpec(resize, (crop, crop), "center", interpolation, IMAGENET_MEAN, IMAGENET_STD)


@pytest.mark.parametrize(
    ("name", "tag", "expected"),
    [
        ("alexnet", None, _centered(256, 224)),
        ("googlenet", None, _centered(256, 224)),
        ("resnet50", None, _centered(232, 224)),
        ("resnet50", "IMAGENET1K_V2", _centered(232, 224)),
        ("resnet50", "IMAGENET1K_V1", _centered(256, 224)),
        ("regnet_y_3_2gf", None, _centered(232, 224)),
        ("inception_v3", None, _centered(342, 299)),
        ("vit_h_14", "IMAGENET1K_SWAG_E2E_V1", _centered(518, 518, "bicubic")),
    ],
)
def test_torchvision_inputs(name: str, tag: str | None, expected: InputSpec) -> None:
    """A torchvision network's input is known, and makes the same tensor as the transform that its weights carry."""
    spec = registry.input_spec(_spec(f"torchvision:{name}", weights=tag))
    assert expected == spec
    weights = models.get_model_weights(name)
    transform = (weights[tag] if tag else weights.DEFAULT).transforms()
    assert torch.equal(transform(IMAGE), transforms.normalize(spec, transforms.crop(spec, IMAGE)[np.newaxis])[0])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("vit_base_patch16_224.augreg_in21k", InputSpec(248, (224, 224), "center", "bicubic", HALF, HALF)),
        ("tf_efficientnetv2_m.in21k", InputSpec((480, 480), (480, 480), "squash", "bicubic", HALF, HALF)),
        ("resnetv2_50x1_bit.goog_in21k", InputSpec(256, (224, 224), "center", "bilinear", HALF, HALF)),
        ("resnet50", InputSpec(288, (288, 288), "center", "bicubic", IMAGENET_MEAN, IMAGENET_STD)),
        ("pit_b_224", InputSpec(248, (224, 224), "center", "bicubic", IMAGENET_MEAN, IMAGENET_STD)),
    ],
)
def test_timm_inputs(name: str, expected: InputSpec) -> None:
    """A timm network's input is known, and makes the same tensor as timm's evaluation transform at its test size."""
    spec = registry.input_spec(_spec(f"timm:{name}"))
    assert expected == spec
    transform = _timm_transform(timm.get_pretrained_cfg(name).to_dict())
    assert torch.equal(transform(IMAGE), transforms.normalize(spec, transforms.crop(spec, IMAGE)[np.newaxis])[0])


def _timm_transform(config: dict[str, Any]) -> Any:
    return create_transform(**resolve_data_config({}, pretrained_cfg=config, use_test_size=True))


def _read(transform: Any) -> dict[str, Any]:
    """What a timm transform's own parts hold, in the words of an InputSpec; mean and std as float32."""
    resize, crop, _, normalize = transform.transforms
    assert isinstance(resize, Resize | ResizeKeepRatio)
    assert isinstance(crop, CenterCrop | CenterCropOrPad)
    if isinstance(resize, ResizeKeepRatio):
        crop_mode = "border" if resize.longest else "center"
    else:
        crop_mode = "center" if isinstance(resize.size, int) else "squash"
    return {
        "resize": resize.size,
        "crop": tuple(crop.size),
        "crop_mode": crop_mode,
        "interpolation": resize.interpolation.value,
        "mean": normalize.mean.tolist(),
        "std": normalize.std.tolist(),
    }


def _written(spec: InputSpec) -> dict[str, Any]:
    return {
        "resize": spec.resize,
        "crop": spec.crop,
        "crop_mode": spec.crop_mode,
        "interpolation": spec.interpolation,
        "mean": torch.tensor(spec.mean).tolist(),
        "std": torch.tensor(spec.std).tolist(),
    }


def test_every_published_timm_input() -> None:
    """For every published timm tag of three channels the spec is what timm's own transform does, size by size."""
    different, count = [], 0
    for name in timm.list_pretrained():
        config = timm.get_pretrained_cfg(name).to_dict()
        if config["input_size"][0] != 3 or config["interpolation"] == "random":
            continue
        count += 1
        written, read = _written(registry.input_spec(_spec(f"timm:{name}"))), _read(_timm_transform(config))
        if written != read:
            different.append((name, written, read))
    assert different == []
    assert count > 1000


def test_every_published_timm_size() -> None:
    """For every published timm tag the resize is the floor of its test size over its test crop share."""
    different = []
    for name in timm.list_pretrained():
        config = timm.get_pretrained_cfg(name)
        share = config.test_crop_pct or config.crop_pct
        scale_size = tuple(math.floor(side / share) for side in (config.test_input_size or config.input_size)[1:])
        resize = registry.input_spec(_spec(f"timm:{name}")).resize
        if scale_size != ((resize, resize) if isinstance(resize, int) else resize):
            different.append((name, scale_size, resize))
    assert different == []


def test_every_published_torchvision_input() -> None:
    """For every published torchvision classifier the spec is what the weights' own transform does."""
    different, count = [], 0
    for name in models.list_models(module=models):
        for tag, entry in models.get_model_weights(name).__members__.items():
            count += 1
            transform = entry.transforms()
            (resize,), (crop,) = transform.resize_size, transform.crop_size
            interpolation, mean, std = transform.interpolation.value, tuple(transform.mean), tuple(transform.std)
            expected = InputSpec(resize, (crop, crop), "center", interpolation, mean, std)
            if expected != registry.input_spec(_spec(f"torchvision:{name}", weights=tag)):
                different.append((name, tag))
    assert different == []
    assert count > 100


def test_own_weights_have_the_default_input(tmp_path: Path) -> None:
    """Random weights and files of one's own are fed as the architecture's default weights are."""
    for arch in ("torchvision:resnet50", "timm:resnet50.a1_in1k"):
        published = registry.input_spec(_spec(arch, weights="pretrained"))
        for weights in ("random:7", tmp_path / "own.safetensors"):
            assert published == registry.input_spec(_spec(arch, weights=weights))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"resize": 288}, {"resize": 288}),
        ({"crop": 192}, {"crop": (192, 192)}),
        ({"crop": (192, 160)}, {"crop": (192, 160)}),
        ({"interpolation": "nearest"}, {"interpolation": "nearest"}),
        ({"mean": HALF}, {"mean": HALF}),
        ({"std": HALF}, {"std": HALF}),
        ({"resize": (240, 320)}, {"resize": (240, 320), "crop_mode": "squash"}),
        ({"crop_mode": "squash"}, {"resize": (256, 256), "crop_mode": "squash"}),
        ({"crop_mode": "border"}, {"resize": (256, 256), "crop_mode": "border"}),
        ({"resize": (240, 320), "crop_mode": "border"}, {"resize": (240, 320), "crop_mode": "border"}),
        ({"resize": (240, 320), "crop_mode": "center"}, {"resize": (240, 320)}),
        ({"resize": (240, 240), "crop_mode": "center"}, {"resize": 240}),
    ],
)
def test_inputs_are_overridden_key_by_key(given: dict[str, Any], expected: dict[str, Any]) -> None:
    """What the configuration gives replaces what the weights state, and nothing else changes but a size's form."""
    before = registry.input_spec(_spec("torchvision:alexnet"))
    after = registry.input_spec(_spec("torchvision:alexnet", input=given))
    assert replace(before, **expected) == after


def test_one_key_of_a_squashed_input() -> None:
    """A network that squashes goes on doing so with another size."""
    spec = registry.input_spec(_spec("timm:tf_efficientnetv2_m.in21k", input={"resize": 384, "crop": 384}))
    assert spec == InputSpec((384, 384), (384, 384), "squash", "bicubic", HALF, HALF)


def test_own_networks_need_an_input() -> None:
    """The input of a ``python:`` network is the configured one, by default cropped in the middle."""
    given = {"resize": 32, "crop": 32, "interpolation": "bilinear", "mean": HALF, "std": HALF}
    expected = InputSpec(32, (32, 32), "center", "bilinear", HALF, HALF)
    assert expected == registry.input_spec(_spec("python:nets:tiny", input=given))
    assert registry.input_spec(_spec("python:nets:tiny", input={**given, "crop_mode": "border"})).crop_mode == "border"


def test_own_networks_without_input_are_refused() -> None:
    """What a ``python:`` network lacks is named, with the table where it belongs."""
    with pytest.raises(
        ConfigError, match=r"publishes no input .*: give interpolation, mean, std in \[models\.net\.input\]"
    ):
        registry.input_spec(_spec("python:nets:tiny", input={"resize": 32, "crop": 32}))


# Names.


@pytest.mark.parametrize(
    ("name", "full"),
    [
        ("alexnet", "torchvision:alexnet"),
        ("resnet50", "torchvision:resnet50"),
        ("resnet50.a1_in1k", "timm:resnet50.a1_in1k"),
        ("vit_base_patch16_224.augreg_in21k", "timm:vit_base_patch16_224.augreg_in21k"),
        ("resnetv2_50x1_bit", "timm:resnetv2_50x1_bit"),
        ("timm:resnet50", "timm:resnet50"),
    ],
)
def test_bare_names(name: str, full: str) -> None:
    """A bare name means torchvision's network where there is one, else timm's; a full one stays."""
    assert full == registry.architecture(name)


@pytest.mark.parametrize(("name", "nearest"), [("efficientnet_b00", "efficientnet_b0"), ("resnett50", "resnet50")])
def test_unknown_bare_names(name: str, nearest: str) -> None:
    """A name that neither library has is refused with the nearest of both."""
    with pytest.raises(
        ConfigError, match=rf"neither torchvision nor timm has a model '{name}'; nearest: .*{nearest}\b"
    ):
        registry.architecture(name)


@pytest.mark.parametrize(
    ("arch", "weights", "message"),
    [
        ("torchvision:resnet5", None, r"torchvision has no classifier 'resnet5'; nearest: .*resnet50\b"),
        ("torchvision:fcn_resnet50", None, "torchvision has no classifier 'fcn_resnet50'"),
        (
            "torchvision:resnet50",
            "IMAGENET1K_V3",
            "no 'IMAGENET1K_V3' of resnet50; it has IMAGENET1K_V1, IMAGENET1K_V2",
        ),
        ("timm:resnett50.a1_in1k", None, r"timm has no architecture 'resnett50'; nearest: .*resnet50\b"),
        ("timm:resnet50.a9", None, r"timm publishes no 'resnet50\.a9'; tags of resnet50: .*\ba1_in1k\b"),
        ("timm:resnet50", "a9", r"timm publishes no 'resnet50\.a9'; tags of resnet50: .*\ba1_in1k\b"),
        ("timm:wholly_unlike_anything", None, r"timm has no architecture 'wholly_unlike_anything'\Z"),
    ],
)
def test_unknown_names(arch: str, weights: str | None, message: str) -> None:
    """An architecture or a tag that its library does not have is refused with those that it has."""
    with pytest.raises(ConfigError, match=message):
        registry.input_spec(_spec(arch, weights=weights))


# Classes.


@pytest.mark.parametrize(
    ("arch", "source", "classes"),
    [
        ("torchvision:alexnet", "imagenet-1k", 1000),
        ("timm:resnet50", "imagenet-1k", 1000),
        ("timm:vit_base_patch16_224.augreg_in21k", "imagenet-21k-goog", 21843),
        ("timm:resnetv2_50x1_bit.goog_in21k", "imagenet-21k-goog", 21843),
        ("timm:tf_efficientnetv2_m.in21k", "imagenet-21k-goog", 21843),
        ("timm:convnext_nano.in12k", "imagenet-12k", 11821),
        ("timm:convnext_tiny.fb_in22k", "imagenet-22k", 21841),
        ("timm:mixer_b16_224.miil_in21k", "imagenet-21k-miil", 11221),
    ],
)
def test_published_classes(arch: str, source: str, classes: int) -> None:
    """The classes of published weights are known by name and by WordNet id, as many as the network has outputs."""
    labels = registry.label_list(_spec(arch))
    assert (labels.source, len(labels.names), len(labels.wnids or ())) == (source, classes, classes)


@pytest.mark.parametrize(
    ("named", "source", "classes"), [("imagenet-1k", "imagenet-1k", 1000), ("imagenet-21k", "imagenet-21k-goog", 21843)]
)
def test_classes_by_name(named: str, source: str, classes: int) -> None:
    """A list that the configuration names goes before what the weights state."""
    labels = registry.label_list(_spec("timm:test_resnet", labels=named))
    assert (labels.source, len(labels.names)) == (source, classes)


def test_names_are_wordnets_lemmas() -> None:
    """A name is a class's lemmas, in the order of the outputs, with its WordNet id; two classes may share a name."""
    labels = class_lists.imagenet("imagenet-1k")
    assert labels.wnids is not None
    assert (labels.wnids[0], labels.names[0]) == ("n01440764", "tench, Tinca tinca")
    assert [i for i, name in enumerate(labels.names) if name == "crane"] == [134, 517]
    assert (labels.wnids[134], labels.wnids[517]) == ("n02012849", "n03126707")


def test_digits() -> None:
    """The built-in list has ten names and no WordNet ids."""
    labels = registry.label_list(_spec("timm:test_vit", labels="digits"))
    assert (labels.source, labels.names[:2], len(labels.names), labels.wnids) == ("digits", ("zero", "one"), 10, None)


def test_classes_from_a_file(tmp_path: Path) -> None:
    """A file has a name per line; a byte order mark, spaces around it and Windows' line ends are no part of it."""
    file = tmp_path / "classes.txt"
    file.write_bytes("\ufeffKäse\r\n red fox \r\n".encode())
    labels = registry.label_list(_spec("timm:test_vit", labels=file))
    assert (labels.source, labels.names, labels.wnids) == (str(file), ("Käse", "red fox"), None)


@pytest.mark.parametrize("arch", ["python:nets:tiny"])
def test_unknown_classes_are_unstated(arch: str) -> None:
    """Where nothing states what the outputs mean, the network can be measured, and is refused where it is scored."""
    assert registry.label_list(_spec(arch)) == class_lists.UNSTATED


def test_models_that_one_map_can_name() -> None:
    """Lists with WordNet ids go together, and lists of names; a model whose list cannot be read is left out."""
    specs = [
        ModelSpec("thousand", "timm:test_vit", labels="imagenet-1k"),
        ModelSpec("large", "timm:test_vit", labels="imagenet-21k"),
        ModelSpec("digits", "timm:test_vit", labels="digits"),
        ModelSpec("folders", "timm:test_vit", labels="folders"),
        ModelSpec("lost", "timm:test_vit", labels=Path("absent.txt")),
    ]
    lists = [registry.label_list(spec) for spec in specs[:3]]
    assert [registry.with_lists_like(each, specs) for each in lists] == [["thousand", "large"]] * 2 + [["digits"]]


@pytest.mark.parametrize(
    ("arch", "own", "expected"),
    [
        ("torchvision:alexnet", {}, 0.875),
        ("torchvision:resnet50", {}, 0.9655),
        ("torchvision:alexnet", {"resize": (256, 300), "crop": (224, 224)}, 0.875),
        ("timm:vit_base_patch16_224.augreg_in21k", {}, 0.9),
        ("timm:vit_base_patch16_224.augreg_in21k", {"resize": 224}, 1.0),
        ("timm:tf_efficientnetv2_m.in21k", {}, 1.0),
    ],
)
def test_crop_pct_is_timms_own(arch: str, own: dict[str, Any], expected: float) -> None:
    """Timm's figure where the input is timm's, so that tables join; else crop over resized height, to four places."""
    spec = ModelSpec("net", arch, input=own)
    assert registry.crop_pct(spec, registry.input_spec(spec)) == expected
