"""``import imgcls``: six verbs that do what the commands of the same names do."""

import hashlib
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from timm.data import create_transform, resolve_data_config

import imgcls
from conftest import COLOURS, Project
from imgcls.data import digits
from imgcls.errors import ConfigError, ImgclsError, RejectionWarning
from imgcls.models.model import Model

RESNET = imgcls.ModelSpec(
    "resnet",
    "timm:test_resnet",
    weights="builtin:digits_resnet",
    options={"num_classes": 10},
    labels="digits",
    input={
        "resize": 32,
        "crop": (32, 32),
        "interpolation": "bilinear",
        "mean": (0.5, 0.5, 0.5),
        "std": (0.5, 0.5, 0.5),
    },
)
COLOUR_INPUT = {"resize": 8, "crop": 8, "interpolation": "bilinear", "mean": [0.5] * 3, "std": [0.5] * 3}


class Colour(torch.nn.Module):
    """Its logits are the mean of each channel."""

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        return batch.mean(dim=(2, 3))


def test_importing_imports_nothing_heavy() -> None:
    """Neither torch nor NumPy is imported until a verb is used."""
    code = "import sys, imgcls; print([m for m in ('torch', 'numpy', 'PIL', 'argparse') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_public_name_is_there() -> None:
    """What ``__all__`` names exists, and nothing else does."""
    assert all(getattr(imgcls, name) for name in imgcls.__all__)
    assert dir(imgcls) == imgcls.__all__
    with pytest.raises(AttributeError, match="no attribute 'scores'"):
        imgcls.scores  # noqa: B018  # the access is the test


def test_a_loaded_model_transforms_as_timm_does(photographs: Path) -> None:
    """The tensor of an image is timm's own, bit for bit, and the logits are the network's."""
    spec = imgcls.ModelSpec("net", "timm:test_resnet.r160_in1k", weights="random:0")
    model = imgcls.load_model(spec)
    network = timm.create_model("test_resnet.r160_in1k", pretrained=False)
    transform = create_transform(**resolve_data_config({}, model=network, use_test_size=True))
    for file in sorted(photographs.glob("*/*")):
        image = Image.open(file)
        tensor = model.transform(image)
        assert torch.equal(tensor, transform(image.convert("RGB")))
        assert model(tensor[None]).shape == (1, 1000)
    assert str(model.input).startswith("resize(")


@pytest.mark.parametrize("weights", ["best.pth", Path("best.pth")])
def test_a_specification_names_a_file_as_the_configuration_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, weights: str | Path
) -> None:
    """As words or as a path; words that have another form are a tag of the publisher."""
    monkeypatch.chdir(tmp_path)
    network = timm.create_model("test_resnet", num_classes=10)
    torch.save(network.state_dict(), "best.pth")
    spec = imgcls.ModelSpec("net", "timm:test_resnet", weights, labels="digits", options={"num_classes": 10})
    assert imgcls.load_model(spec).info.weights_file_sha256 == hashlib.sha256(Path("best.pth").read_bytes()).hexdigest()
    with pytest.raises(imgcls.ImgclsError, match=r"no weights file at .*runs/last; put it there"):
        imgcls.load_model(replace(spec, weights="runs/last"))
    with pytest.raises(imgcls.ImgclsError, match=r"publishes no 'test_resnet\.best'"):
        imgcls.load_model(replace(spec, weights="best"))
    with pytest.raises(imgcls.ImgclsError, match=r"^ModelSpec: \[models\.net\] weights: is empty: leave it out"):
        imgcls.load_model(replace(spec, weights=""))


def test_a_module_gives_its_own_logits() -> None:
    """``model(batch)`` is what the module itself computes."""
    model = imgcls.load_model(Colour(), input=COLOUR_INPUT, labels=list(COLOURS))
    batch = torch.rand(3, 3, 8, 8)
    assert torch.allclose(model(batch), Colour()(batch))
    assert model.labels.names == tuple(COLOURS)


@pytest.mark.usefixtures("project")
def test_predict_gives_the_best_classes() -> None:
    """Of images and folders, best class first, with names and probabilities."""
    model = imgcls.load_model(Colour(), input=COLOUR_INPUT, labels=list(COLOURS))
    paths: list[str | Path] = ["colours/red/0000.png", Path("colours/blue")]
    predictions = list(imgcls.predict(model, paths, top=2))
    assert [(p.path, p.top[0].name) for p in predictions][:2] == [
        ("colours/red/0000.png", "red"),
        ("colours/blue/0000.png", "blue"),
    ]
    assert len(predictions) == 5
    assert all(len(p.top) == 2 and 0 < p.top[1].probability <= p.top[0].probability for p in predictions)


def test_predict_names_what_it_leaves_out(project: Project) -> None:
    """A broken image is a warning with its reason, not a silent gap."""
    (project.folder / "colours" / "red" / "broken.png").write_bytes(b"\xff\xd8\xff no")
    with pytest.warns(RejectionWarning, match=r"broken.png is left out: not_an_image"):
        predictions = list(imgcls.predict(Colour(), "colours/red", input=COLOUR_INPUT, labels=list(COLOURS)))
    assert len(predictions) == 4


def test_score_counts_and_judges(project: Project) -> None:
    """Accuracies, their intervals, and verdicts that say no."""
    scores = imgcls.score(Colour(), "colours", input=COLOUR_INPUT, labels=list(COLOURS))
    assert (scores.top1, scores.scored, scores.rejected, scores.listed) == (1.0, 12, 0, 12)
    assert scores.interval("top1").low == pytest.approx(0.7575, abs=1e-4)
    assert scores.passes(top1=1.0, min_images=12)
    assert not scores.passes(min_images=13)
    assert [v.status for v in scores.judge(top1=0.9, confidence=0.95)] == ["inconclusive", "pass"]
    assert not (project.folder / ".imgcls").exists()


@pytest.mark.parametrize("kind", ["spec", "loaded", "module"])
def test_every_kind_of_model_scores_alike(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A specification, the loaded model and its bare module have one and the same counts and logits."""
    monkeypatch.chdir(tmp_path)
    loaded = imgcls.load_model(RESNET)
    models: dict[str, Any] = {"spec": RESNET, "loaded": loaded, "module": getattr(loaded.classifier, "module", None)}
    given: dict[str, Any] = {"input": RESNET.input, "labels": "digits"} if kind == "module" else {}
    scores = imgcls.score(models[kind], "builtin:digits", store=None, **given)
    assert (scores.scored, round(scores.top1 * 360)) == (360, 355)


@pytest.mark.usefixtures("project")
def test_runs_are_saved_and_compared() -> None:
    """A saved run is a baseline; a worse model flips images and is not shown to be no worse."""
    scores = imgcls.score(Colour(), "colours", input=COLOUR_INPUT, labels=list(COLOURS))
    scores.save("main.json")
    same = imgcls.compare("main.json", scores)
    assert same.flips == ()
    assert same.not_worse(top1=0.0)

    worse = imgcls.score(Colour(), "colours", input=COLOUR_INPUT, labels=["red", "blue", "green"])
    changed = imgcls.compare(scores, worse)
    assert changed.refusals
    assert not changed.not_worse(top1=0.005)
    with pytest.raises(ConfigError, match="name the margin"):
        same.not_worse()


def test_benchmark_measures_what_the_command_measures() -> None:
    """Latency of the batch, parameters and multiply-accumulates; a bare module's memory is not measured."""
    cost = imgcls.benchmark(Colour(), batch_size=2, input=COLOUR_INPUT, labels=list(COLOURS))
    assert cost.latency.conditions.batch == 2
    assert cost.latency.p50_ns > 0
    assert (cost.parameters, cost.memory) == (0, None)
    with pytest.raises(ConfigError, match="batch_size = 0"):
        imgcls.benchmark(Colour(), batch_size=0, input=COLOUR_INPUT, labels=list(COLOURS))


@pytest.mark.slow
@pytest.mark.usefixtures("forked_memory")
def test_benchmark_measures_memory() -> None:
    """Of a model that another process can load."""
    cost = imgcls.benchmark(RESNET)
    assert cost.memory is not None
    assert cost.memory.inference.heap_bytes > 0


@pytest.mark.slow
def test_train_writes_a_model_that_scores(project: Project) -> None:
    """The trained weights, with the configuration next to them, are scored by name."""
    run = imgcls.train(
        "colours", "timm:test_resnet", epochs=1, out="run", input={**COLOUR_INPUT, "resize": 32, "crop": 32}, seed=1
    )
    assert (len(run.history), run.best.number) == (1, 1)
    assert (project.folder / "run" / "best.safetensors").exists()
    scores = imgcls.score("trained", "validation", config="run/imgcls.toml", store=None)
    assert scores.scored == run.validation_images


def test_folders_may_be_the_classes(project: Project) -> None:
    """A module has no list; its outputs, red, green and blue, are not the folders in sorted order, which is said."""
    del project
    scores = imgcls.score(Colour(), "colours", input=COLOUR_INPUT, labels="folders")
    assert (scores.top1, scores.scored) == (1 / 3, 12)
    assert scores.document.results[0].notes[-1].endswith("sorted order, blue, green, red")
    with pytest.raises(ImgclsError, match=r"nothing states what the 3 outputs .* 3 folders blue, green, red, set it"):
        imgcls.score(Colour(), "colours", input=COLOUR_INPUT)
    assert imgcls.load_model(Colour(), input=COLOUR_INPUT).labels.names == ()


def test_a_configured_model_keeps_its_gates(importable: Project) -> None:
    """Names of a configuration mean its models and datasets, and its gates are judged."""
    scores = imgcls.score("colour", "colours", config="imgcls.toml")
    assert [v.check for v in scores.verdicts] == ["top1 >= 1", "images >= 12", "rejected <= 0"]
    assert all(v.status == "pass" for v in scores.verdicts)
    assert (importable.folder / ".imgcls").exists()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: imgcls.load_model("torchvision:resnet5"), "no classifier 'resnet5'"),
        (lambda: list(imgcls.predict(Colour(), "nowhere.png", input=COLOUR_INPUT)), "set `labels`"),
        (lambda: imgcls.load_model(Colour(), labels=["a"]), "give crop, interpolation"),
        (lambda: imgcls.load_model(42), "a int is not a model"),  # type: ignore[arg-type]  # that is the test
        (lambda: imgcls.score(RESNET, "nowhere", store=None), "nowhere"),
        (lambda: list(imgcls.predict(RESNET, "nowhere.png", top=11)), "between 1 and 10"),
        (lambda: imgcls.compare("a.json", "b.json"), "a.json"),
    ],
)
def test_errors_are_ours(call: object, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a caller can mend is an ImgclsError that names it."""
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (8, 8)).save("nowhere.png")
    with pytest.raises(ImgclsError, match=message):
        call()  # type: ignore[operator]  # a lambda of the table above


def test_a_loaded_model_is_a_model() -> None:
    """The type that users annotate with is public."""
    assert isinstance(imgcls.load_model(RESNET), Model)
    assert np.isfinite(imgcls.load_model(RESNET)(torch.zeros(1, 3, 32, 32)).numpy()).all()


@pytest.mark.parametrize(
    ("given", "names"),
    [({"labels": "imagenet-1k"}, "labels"), ({"input": COLOUR_INPUT, "labels": "digits"}, "input and labels")],
)
def test_a_loaded_model_is_not_changed(given: dict[str, Any], names: str) -> None:
    """Settings that it would not take are refused."""
    loaded = imgcls.load_model(RESNET)
    with pytest.raises(ConfigError, match=f"^resnet is loaded, with its own {names}: give them to load_model instead$"):
        imgcls.score(loaded, digits.folder(), store=None, **given)


def test_scores_come_with_what_was_used_for_them() -> None:
    """The notes of a result name the input, which no figure shows."""
    scores = imgcls.score(RESNET, digits.folder(), store=None)
    assert any(note.startswith("resnet: input resize(32, bilinear) | center_crop(32)") for note in scores.notes)


def test_the_verbs_work_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The library in one go, as its documentation shows it: load, predict, score, save, compare."""
    monkeypatch.chdir(tmp_path)
    photos = digits.folder("test")
    cat = next(photos.glob("three/*.png"))
    model = imgcls.load_model(RESNET, device="cpu")
    logits = model(model.transform(Image.open(cat).convert("RGB"))[None])
    assert int(logits.argmax()) == 3

    lines = [
        f"{prediction.path} {prediction.top[0].name} {prediction.top[0].probability:.1%}"
        for prediction in imgcls.predict(RESNET, [cat, photos / "seven"], top=5)
    ]
    assert lines[0].startswith(f"{cat} three ")

    scores = imgcls.score(RESNET, photos, device="cpu", folders="name")
    assert (scores.scored, scores.rejected, scores.interval("top1").low < scores.top1) == (360, 0, True)
    assert scores.passes(top1=0.97)
    scores.save("main.json")

    diff = imgcls.compare("main.json", scores)
    assert diff.not_worse(top1=0.005, confidence=0.95)
    assert [(flip.path, flip.before, flip.after) for flip in diff.flips[:10]] == []
