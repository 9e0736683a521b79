"""imgcls.models.sources.transformers: Hugging Face's image classifiers, with their processor's input and classes."""

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from huggingface_hub import constants
from PIL import Image
from safetensors.torch import load_file, save_file

from imgcls.errors import ConfigError, ImgclsError, MachineError, ModelError, WeightsMissing
from imgcls.models import loader
from imgcls.models.sources import registry, transformers
from imgcls.records.config import ModelSpec
from networks import INPUT

NAMES = {0: "cat", 1: "dog", 2: "owl"}
IMAGE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (50, 71, 3), np.uint8))
SQUARE = {"height": 32, "width": 32}


@pytest.fixture(scope="module", autouse=True)
def quiet() -> Iterator[None]:
    """No bars of progress while the tests themselves save networks."""
    with transformers._quiet():
        yield


@pytest.fixture(scope="module")
def vit(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """A tiny vision transformer as ``save_pretrained`` writes it."""
    from transformers import ViTConfig, ViTForImageClassification, ViTImageProcessor

    config = ViTConfig(
        hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32, image_size=32, patch_size=8,
        id2label=NAMES, label2id={name: index for index, name in NAMES.items()},
    )  # fmt: skip
    torch.manual_seed(0)
    network = ViTForImageClassification(config).eval()
    folder = tmp_path_factory.mktemp("hf") / "vit"
    network.save_pretrained(folder)
    ViTImageProcessor(size=SQUARE, image_mean=[0.4, 0.5, 0.6]).save_pretrained(folder)
    return folder, network


def _spec(folder: Path | str, **keys: Any) -> ModelSpec:
    return ModelSpec("net", f"transformers:{folder}", **keys)


def test_a_folder(vit: tuple[Path, Any]) -> None:
    """Its logits are the network's own on the processor's own tensor, and its classes are ``id2label``."""
    folder, network = vit
    model = loader.load(_spec(folder), "cpu")
    assert model.labels.names == tuple(NAMES.values())
    assert str(model.input) == (
        "resize((32, 32), bilinear, squash) | center_crop(32) | normalize((0.4, 0.5, 0.6), (0.5, 0.5, 0.5))"
    )
    batch = model.transform(IMAGE)[None]
    with torch.inference_mode():
        assert np.allclose(network(batch).logits, model(batch), atol=1e-6)
    assert model.identity["transformers"]
    assert model.identity["own_sources"].keys() == {"config.json"}


@pytest.mark.parametrize(
    ("name", "settings", "text"),
    [
        ("ViTImageProcessor", {"size": SQUARE, "resample": 3}, "resize((32, 32), bicubic, squash) | center_crop(32)"),
        ("CLIPImageProcessor", {"size": {"shortest_edge": 40}, "crop_size": SQUARE}, "resize(40, bicubic) | center_"),
        ("ConvNextImageProcessor", {"size": {"shortest_edge": 224}}, "resize(256, bicubic) | center_crop(224)"),
        ("ConvNextImageProcessor", {"size": {"shortest_edge": 384}}, "resize((384, 384), bicubic, squash)"),
        (
            "ViTImageProcessor", {"size": SQUARE, "do_normalize": False},
            "resize((32, 32), bilinear, squash) | center_crop(32) | normalize((0, 0, 0), (1, 1, 1))",
        ),
    ],
)  # fmt: skip
def test_processors(vit: tuple[Path, Any], tmp_path: Path, name: str, settings: dict[str, Any], text: str) -> None:
    """Size, crop, mean, deviation and resampling are the processor's; the tensor is its own but for its rounding."""
    import transformers as library

    folder = Path(shutil.copytree(vit[0], tmp_path / "net"))
    processor = getattr(library, f"{name}Pil", None) or getattr(library, name)
    processor(**settings).save_pretrained(folder)
    model = loader.load(_spec(folder, weights="random:0"), "cpu")
    assert str(model.input).startswith(text)
    smooth = transformers._ramp()  # its middle is another by half a pixel where an odd number of pixels is cut off
    expected = processor(**settings)(images=smooth, return_tensors="np")["pixel_values"][0]
    assert np.abs(model.transform(smooth).numpy() - expected).max() < 0.05


@pytest.mark.parametrize(
    ("name", "settings"),
    [("ViTImageProcessor", {"size": SQUARE, "do_rescale": False}), ("EfficientNetImageProcessor", {"size": SQUARE})],
)
def test_processors_that_do_more(vit: tuple[Path, Any], tmp_path: Path, name: str, settings: dict[str, Any]) -> None:
    """What settings cannot state is not guessed: the input is required."""
    import transformers as library

    folder = Path(shutil.copytree(vit[0], tmp_path / "net"))
    getattr(library, name)(**settings).save_pretrained(folder)
    with pytest.raises(ConfigError, match=r"publishes no input settings: give crop, interpolation, mean, resize, std"):
        loader.load(_spec(folder), "cpu")
    assert loader.load(_spec(folder, input=INPUT), "cpu").input.crop == (32, 32)


def test_a_network_without_a_processor(vit: tuple[Path, Any], tmp_path: Path) -> None:
    """The keys to give are named."""
    folder = Path(shutil.copytree(vit[0], tmp_path / "net"))
    (folder / "preprocessor_config.json").unlink()
    with pytest.raises(ConfigError, match=r"publishes no input settings: give crop, .* in \[models\.net\.input\]"):
        registry.input_spec(_spec(folder))


def test_names_that_transformers_makes_up(vit: tuple[Path, Any], tmp_path: Path) -> None:
    """``LABEL_0`` is not a name of a class."""
    folder = Path(shutil.copytree(vit[0], tmp_path / "net"))
    config = json.loads((folder / "config.json").read_text())
    config["id2label"] = {index: f"LABEL_{index}" for index in range(3)}
    (folder / "config.json").write_text(json.dumps(config))
    assert registry.label_list(_spec(folder)).names == ()


def test_a_checkpoint_of_ones_own(vit: tuple[Path, Any], tmp_path: Path) -> None:
    """A file of weights, also one whose head has another size, goes into the same architecture."""
    folder, _ = vit
    state = load_file(folder / "model.safetensors")
    state["classifier.weight"], state["classifier.bias"] = torch.randn(10, 16), torch.randn(10)
    save_file(state, tmp_path / "ten.safetensors")
    model = loader.load(_spec(folder, weights=tmp_path / "ten.safetensors", labels="digits"), "cpu")
    assert loader.output_count(model) == 10
    assert torch.equal(model.classifier.module.classifier.bias, state["classifier.bias"])


def test_weights_that_do_not_fit(vit: tuple[Path, Any], tmp_path: Path) -> None:
    """A tensor too few is never a random one."""
    folder = Path(shutil.copytree(vit[0], tmp_path / "net"))
    state = load_file(folder / "model.safetensors")
    del state["vit.layernorm.weight"]
    save_file(state, folder / "model.safetensors")
    with pytest.raises(ModelError, match=r"does not fit .*not in the file: vit\.layernorm\.weight"):
        loader.load(_spec(folder), "cpu")


def test_options_are_the_configurations(vit: tuple[Path, Any]) -> None:
    """Keys of ``config.json`` can be changed, and others are refused; ``num_classes`` means what it means elsewhere."""
    folder, _ = vit
    spec = _spec(folder, weights="random:1", options={"num_classes": 10, "num_hidden_layers": 1}, labels="digits")
    network = loader.load(spec, "cpu").classifier.module
    assert (network.config.num_labels, len(network.vit.layers)) == (10, 1)
    with pytest.raises(ConfigError, match=r"options: .* has no num_hidden_layer; nearest: num_hidden_layers"):
        loader.load(_spec(folder, options={"num_hidden_layer": 1}), "cpu")


@pytest.mark.usefixtures("own_caches")
def test_a_repository_in_the_cache(vit: tuple[Path, Any]) -> None:
    """``transformers:ORG/NAME`` is read from the hub's own cache; what is not there is one line."""
    repository = Path(constants.HF_HUB_CACHE) / "models--somebody--vit"
    shutil.copytree(vit[0], repository / "snapshots" / "abc")
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("abc")
    assert loader.load(_spec("somebody/vit"), "cpu").labels.names == tuple(NAMES.values())
    with pytest.raises(
        WeightsMissing, match=r"cannot get config\.json from .*somebody/other/resolve/main/config\.json"
    ):
        loader.load(_spec("somebody/other"), "cpu")


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"model_type": "bert"}, r"cannot be built with \{\}: Unrecognized configuration class"),
        ({"model_type": "vit99"}, r"cannot be built with \{\}: The checkpoint you are trying to load has model type"),
        ({"auto_map": {"AutoConfig": "code.Config"}}, "code that comes with a model of Transformers is not run"),
    ],
)
def test_what_is_no_image_classifier(tmp_path: Path, config: dict[str, Any], message: str) -> None:
    """Other models, and those that bring code of their own, are refused with what the library states."""
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ConfigError, match=message):
        loader.load(_spec(tmp_path, input=INPUT, labels="digits", weights="random:1"), "cpu")


def test_a_folder_that_is_not_there() -> None:
    """A path that is neither a folder nor the name of a repository."""
    with pytest.raises(ImgclsError, match=r"there is no folder \./none, neither in .* the one with config\.json in it"):
        loader.load(_spec("./none"), "cpu")


def test_without_the_extra(vit: tuple[Path, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """The command that installs it is named."""
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MachineError, match=r"pip install 'imgcls\[transformers\]'\Z"):
        loader.load(_spec(vit[0], input=INPUT), "cpu")


@pytest.mark.parametrize("model_type", ["resnet", "of_ones_own"])
@pytest.mark.parametrize("options", [{}, {"trust_remote_code": True}])
def test_code_of_a_folder_is_never_run(
    model_type: str, options: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither by an option nor by an answer at the terminal; a model that Transformers itself has needs no code."""
    mapped = {"AutoConfig": "own.Own", "AutoModelForImageClassification": "own.Own", "AutoImageProcessor": "own.Own"}
    processor = {"size": SQUARE, "image_mean": [0.5] * 3, "image_std": [0.5] * 3, "resample": 2}
    for file, content in (("config.json", {"model_type": model_type}), ("preprocessor_config.json", processor)):
        (tmp_path / file).write_text(json.dumps({**content, "auto_map": mapped}))
    (tmp_path / "own.py").write_text(f"open({str(tmp_path / 'canary')!r}, 'w')\nclass Own: pass\n")
    asked: list[str] = []

    def agreed(question: str = "") -> str:
        asked.append(question)
        return "y"

    monkeypatch.setattr("builtins.input", agreed)
    spec = _spec(tmp_path, weights="random:0", input=INPUT, options=options)
    if model_type == "resnet" and not options:
        loader.load(spec, "cpu")
    else:
        with pytest.raises(ConfigError, match=r'is not run; write a function .*: arch = "python:MODULE:FUNCTION"\Z'):
            loader.load(spec, "cpu")
    assert (asked, (tmp_path / "canary").exists()) == ([], False)
