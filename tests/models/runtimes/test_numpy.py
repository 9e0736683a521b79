"""imgcls.models.runtimes.numpy: ``reference:efficientnet_b0``, the array EfficientNet, is a model like any other."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torchvision import models as torchvision_models

from conftest import Project
from imgcls.config import specs
from imgcls.errors import ConfigError, ModelError
from imgcls.models import loader
from imgcls.models.runtimes.numpy import ReferenceClassifier
from imgcls.models.weights import download
from imgcls.records.config import ModelSpec

RunPytest = Callable[..., pytest.RunResult]

BOTH = """
[datasets.colours]
path = "colours"
labels = { file = "map.csv" }

[models.ours]
arch = "reference:efficientnet_b0"
weights = "random:0"
input = { resize = 32, crop = 32 }

[models.theirs]
arch = "torchvision:efficientnet_b0"
weights = "random:0"
input = { resize = 32, crop = 32 }
"""

MAP = "folder,index\nred,1\ngreen,2\nblue,3\n"


def _spec(**keys: Any) -> ModelSpec:
    return ModelSpec("ours", "reference:efficientnet_b0", **keys)


@pytest.mark.slow
def test_its_predictions_are_torchvisions(project: Project, run_pytest: RunPytest) -> None:
    """Scored through the plugin, its five best classes are torchvision's, and so is its info but the runtime."""
    project.configure(BOTH)
    (project.folder / "map.csv").write_text(MAP)
    outcome = run_pytest("-m", "accuracy", "--imgcls-json", "out.json")
    document = json.loads((project.folder / "out.json").read_text())
    assert outcome.ret == 0, "\n".join(outcome.outlines)
    ours, theirs = (
        {r["path"]: r["top"] for r in document["predictions"] if r["model"] == m} for m in ("ours", "theirs")
    )
    assert len(ours) == 12
    for path, top in ours.items():
        assert [best[0] for best in top] == [best[0] for best in theirs[path]]
        np.testing.assert_allclose([best[2] for best in top], [best[2] for best in theirs[path]], rtol=1e-4)
    results = {r["model"]: r for r in document["results"]}
    assert results["ours"]["runtime"] == "numpy"
    same = ("state_sha256", "input", "param_count", "precision", "top1_count", "top5_count")
    assert [results["ours"][key] for key in same] == [results["theirs"][key] for key in same]


def test_its_prediction_keys_are_its_own() -> None:
    """The key holds NumPy's version and the reference's own source: another of either is another prediction."""
    model = loader.load(_spec(weights="random:0", input={"resize": 32, "crop": (32, 32)}), "cpu")
    assert model.info.runtime == model.identity["runtime"] == "numpy"
    assert model.identity["numpy"] == np.__version__
    theirs = loader.load(ModelSpec("theirs", "torchvision:efficientnet_b0", weights="random:0"), "cpu")
    assert model.identity["imgcls_sha256"] != theirs.identity["imgcls_sha256"]
    assert "timm" not in model.identity


def test_it_shares_the_networks_memory() -> None:
    """The weights are there once: the arrays are the memory of torchvision's network."""
    module = torchvision_models.efficientnet_b0()
    classifier = ReferenceClassifier(module, "float32", "cpu")
    weight = classifier.network.parameters["classifier"]["1"]["weight"]
    assert np.shares_memory(weight, module.classifier[1].weight.detach().numpy())


@pytest.mark.parametrize(("precision", "device"), [("bfloat16", "cpu"), ("float32", "cuda")])
def test_it_runs_only_on_the_cpu_in_float32(precision: str, device: str) -> None:
    """Another device or precision is refused in one line."""
    with pytest.raises(ModelError, match=f"not on {device} in {precision}"):
        ReferenceClassifier(torchvision_models.efficientnet_b0(), precision, device)


@pytest.mark.parametrize(("key", "value"), [("runtime", "eager"), ("precision", "bfloat16")])
def test_a_configuration_cannot_name_another_runtime(key: str, value: str) -> None:
    """What the reference cannot do is refused where it is written, with the reason."""
    with pytest.raises(ConfigError, match=rf"{key}: '{value}' is not available: reference:… runs on NumPy in float32"):
        specs.model("imgcls.toml", {"arch": "reference:efficientnet_b0", key: value})


@pytest.mark.parametrize(
    ("name", "message"),
    [("resnet50", "the reference has no 'resnet50'"), ("efficientnet_b8", "the reference has no 'efficientnet_b8'")],
)
def test_a_network_it_does_not_have_is_refused(name: str, message: str) -> None:
    """Only the published EfficientNets have a reference."""
    with pytest.raises(ConfigError, match=message):
        loader.load(ModelSpec("ours", f"reference:{name}", weights="random:0"), "cpu")


def test_its_number_of_classes_is_an_option() -> None:
    """A network of another number of classes is one too."""
    classifier = loader.load(_spec(weights="random:0", options={"num_classes": 7}, labels="digits"), "cpu").classifier
    assert classifier.logits(torch.zeros(2, 3, 32, 32)).shape == (2, 7)


def test_another_network_is_refused() -> None:
    """A module whose state dict is of no published EfficientNet is refused."""
    with pytest.raises(ModelError, match="none of efficientnet_b0"):
        ReferenceClassifier(torchvision_models.squeezenet1_0(), "float32", "cpu")


def test_torchs_profiler_sees_nothing_of_it(project: Project, imgcls: Callable[..., pytest.RunResult]) -> None:
    """``imgcls profile`` states in one line that there is nothing to see, and what does show it."""
    project.configure(BOTH)
    outcome = imgcls("profile", "ours")
    assert outcome.ret == 1
    assert "torch.profiler sees no operators; bench/reference_step.py in the repository shows where" in "\n".join(
        outcome.errlines + outcome.outlines
    )


def test_published_weights_are_torchvisions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its published weights are torchvision's file, and its logits those of torchvision's network."""
    urls: list[str] = []
    torch.manual_seed(0)
    file = tmp_path / "efficientnet_b0.pth"
    torch.save(torchvision_models.efficientnet_b0().state_dict(), file)

    def fetched(url: str, **_: object) -> Path:
        urls.append(url)
        return file

    monkeypatch.setattr(download, "from_url", fetched)
    ours, theirs = (
        loader.load(ModelSpec("m", f"{kind}:efficientnet_b0"), "cpu") for kind in ("reference", "torchvision")
    )
    assert urls == [torchvision_models.EfficientNet_B0_Weights.DEFAULT.url] * 2
    image = torch.rand(1, 3, 224, 224)
    np.testing.assert_allclose(ours.classifier.logits(image), theirs.classifier.logits(image), rtol=0, atol=1e-5)
    assert ours.info.state_sha256 == theirs.info.state_sha256
    assert (ours.info.input, ours.labels) == (theirs.info.input, theirs.labels)
