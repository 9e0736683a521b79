"""Networks as people have them, all the way: scored, recorded and predicted with, by the command and in Python."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import imgcls as library
from conftest import Project
from imgcls.errors import ImgclsError

Command = Callable[..., pytest.RunResult]

NETS = '''
import numpy as np


class Plain(torch.nn.Module):
    """As Colour, without a log: the mean of each channel."""

    def forward(self, batch):
        return batch.mean(dim=(2, 3))


class Dict(Plain):
    def forward(self, batch):
        return {"features": batch, "scores": super().forward(batch)}


class Logits(Plain):
    def forward(self, batch):
        return {"features": batch, "logits": super().forward(batch)}


class Tuple(Plain):
    def forward(self, batch):
        return super().forward(batch), batch


class IsBlue(Plain):
    def forward(self, batch):
        means = super().forward(batch)
        return 2 * means[:, 2] - means.sum(dim=1) - 1


class Probability(IsBlue):
    def forward(self, batch):
        return torch.sigmoid(super().forward(batch))


class Grey(torch.nn.Module):
    """Blue is darkest and green brightest."""

    def __init__(self):
        super().__init__()
        self.first = torch.nn.Conv2d(1, 1, 1)

    def forward(self, batch):
        level = batch.mean(dim=(1, 2, 3))
        return -(level[:, None] - torch.tensor([76 / 255, 149 / 255, 29 / 255])).abs()


class Hue(torch.nn.Module):
    """Two channels of its own."""

    def __init__(self):
        super().__init__()
        self.centres = torch.nn.Parameter(torch.tensor([0.0, 85.0, 170.0]))

    def preprocess(self, image):
        if image.size == (23, 23):
            raise ValueError("cannot look at it")
        hue, saturation, _ = image.convert("HSV").resize((5, 4)).split()
        return torch.stack([torch.from_numpy(np.array(band, np.float32)) for band in (hue, saturation)])

    def forward(self, batch):
        return -(batch[:, 0].mean(dim=(1, 2))[:, None] - self.centres).abs()
'''

INPUT = 'input = { resize = 8, crop = 8, interpolation = "bilinear", mean = 0.5, std = 0.5 }'

DATASET = '[datasets.colours]\npath = "colours"\ngolden = true\n'


def _model(factory: str, *lines: str) -> str:
    table = f"[models.{factory.lower()}]", f'arch = "python:nets:{factory}"', 'labels = "names.txt"', *lines, ""
    return "\n".join(table)


@pytest.fixture
def networks(project: Project) -> Project:
    """The project with more networks."""
    nets = project.folder / "nets.py"
    nets.write_text(nets.read_text() + NETS)
    return project


def _results(imgcls: Command) -> dict[str, Any]:
    imgcls("score", "--json", "r.json", "--device", "cpu")
    document = json.loads(Path("r.json").read_text())
    return {result["model"]: result for result in document["results"]}


def test_every_output_and_input_is_scored(networks: Project, imgcls: Command) -> None:
    """Tuples, dicts, a named output, one channel and a network's own preprocessing: 12 of 12 right, in one pass."""
    grey = INPUT.replace("mean = 0.5, std = 0.5", "mean = 0, std = 1")
    models = [
        _model("Plain", INPUT), _model("Logits", INPUT), _model("Tuple", INPUT),
        _model("Dict", INPUT, 'output = "scores"'), _model("Grey", grey), _model("Hue"),
    ]  # fmt: skip
    networks.configure(DATASET + "\n".join(models))
    results = _results(imgcls)
    assert {name: result["top1_count"] for name, result in results.items()} == dict.fromkeys(results, 12)
    assert len(results) == 6
    assert results["hue"]["input"] == "Hue.preprocess() of the network itself, to 2 x 4 x 5"
    assert results["grey"]["input"].startswith("grey | resize(8, bilinear)")
    assert results["plain"]["input"].endswith("normalize((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))")
    stored = _results(imgcls)
    assert {result["from_store"] for result in stored.values()} == {12}


def test_one_logit_is_two_classes(networks: Project, imgcls: Command) -> None:
    """The sigmoid decides, and the document states how; a probability in its place is refused."""
    (networks.folder / "names.txt").write_text("other\nblue\n")
    (networks.folder / "colours" / "green").rename(networks.folder / "colours" / "other")
    for file in (networks.folder / "colours" / "red").iterdir():
        file.unlink()
    (networks.folder / "colours" / "red").rmdir()
    networks.configure(DATASET + _model("IsBlue", INPUT) + _model("Probability", INPUT))
    results = _results(imgcls)
    assert results["isblue"]["top1_count"] == results["isblue"]["scored"] == 8
    assert "one logit for each image: blue where its sigmoid is above 0.5, else other" in results["isblue"]["notes"]
    assert "a probability after a sigmoid: return the logit" in results["probability"]["failure"]["message"]


def test_goldens_hold(networks: Project, run_pytest: Command) -> None:
    """Inputs of any number of channels are recorded, compared, and traced where they move."""
    networks.configure(DATASET + _model("Grey", INPUT) + _model("Hue"))
    run_pytest("--imgcls-update-golden")
    for name, channels in (("grey", 1), ("hue", 2)):
        [image, *_] = json.loads(Path(f"golden/colours/{name}.json").read_text())["images"]
        assert len(image["tensor"]) == 4 * channels
    run_pytest("-m", "golden").assert_outcomes(passed=2, deselected=2)
    text = (networks.folder / "nets.py").read_text().replace("resize((5, 4))", "resize((4, 4))")
    (networks.folder / "nets.py").write_text(text)
    moved = run_pytest("-m", "golden")
    moved.assert_outcomes(passed=1, failed=1, deselected=2)
    moved.stdout.fnmatch_lines(["*golden/colours/hue.json: preprocessing*moved"])


def test_predictions_and_latencies(networks: Project, imgcls: Command) -> None:
    """``imgcls predict`` and a measurement of latency take the network's own input as scoring does."""
    networks.configure(DATASET + _model("Hue"))
    predicted = imgcls("predict", "colours/green/0000.png", "--models", "hue")
    predicted.stdout.fnmatch_lines(["*1  green *"])
    profiled = imgcls("profile", "hue", "--device", "cpu", "--repeats", "1")
    assert profiled.ret == 0


def test_a_failing_preprocessing_stops_no_other_model(networks: Project, imgcls: Command) -> None:
    """An image that it does not take is that network's failure, in one line."""
    from PIL import Image

    Image.new("RGB", (23, 23), (255, 0, 0)).save(networks.folder / "colours" / "red" / "odd.png")
    networks.configure(DATASET + _model("Hue") + _model("Plain", INPUT))
    results = _results(imgcls)
    assert results["plain"]["top1_count"] == 13
    failure = results["hue"]["failure"]["message"]
    assert failure == "Hue.preprocess failed on an RGB image of 23 x 23: ValueError: cannot look at it"


class Both(nn.Module):
    """A module of the caller with a dict for its output and an input of its own."""

    def preprocess(self, image: Any) -> torch.Tensor:
        """The mean colour."""
        colour = image.resize((1, 1)).getpixel((0, 0))
        return torch.tensor(colour, dtype=torch.float32).reshape(3, 1, 1)

    def forward(self, batch: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"logits": batch.mean(dim=(2, 3))}


@pytest.mark.usefixtures("project")
def test_a_module_of_the_caller() -> None:
    """``imgcls.score(module, ...)`` reads outputs and inputs by the same rules, and leaves the module as it was."""
    network = Both()
    scores = library.score(network, "colours", labels=["red", "green", "blue"])
    assert scores.top1 == 1.0
    assert isinstance(network(torch.zeros(1, 3, 1, 1)), dict)


@pytest.mark.usefixtures("project")
def test_a_module_that_is_no_classifier() -> None:
    """The message is one line, and then a wrapper to copy."""
    network = nn.Conv2d(3, 3, 1)
    settings = {"resize": 8, "crop": 8, "interpolation": "bilinear", "mean": [0.5], "std": [0.5]}
    with pytest.raises(ImgclsError) as error:
        library.score(network, "colours", input=settings, labels=["red", "green", "blue"])
    first, _, wrapper = str(error.value).partition("\n")
    assert "Conv2d is not a classifier: for 1 image it returned a tensor of shape (1, 3, 8, 8); wrap it in" in first
    assert "class Classifier(torch.nn.Module):" in wrapper
