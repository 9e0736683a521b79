"""``examples/labs/``: the commands of their pages, run on photographs, write reports that somebody hands in.

Networks of a few million parameters stand for the seven of the configurations, whose real sizes take minutes; times and
memory are as if they had been measured. Everything else is as the pages have it.
"""

import json
import re
import shlex
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import markdown_pages
from builders import make_latency, make_memory
from conftest import Command
from imgcls import hashing
from imgcls.config import loader as configuration
from imgcls.performance import latency, memory
from imgcls.records.performance import Latency, Scenario

LABS = Path(__file__).parents[2] / "examples" / "labs"

INPUT = 'resize = 32, crop = 32, interpolation = "bilinear", mean = [0.5, 0.5, 0.5], std = [0.5, 0.5, 0.5]'

SMALL: Mapping[str, str] = {
    "torchvision:alexnet": "torchvision:squeezenet1_1",
    "torchvision:resnet50": "torchvision:shufflenet_v2_x0_5",
    "torchvision:googlenet": "torchvision:mnasnet0_5",
    "timm:vit_base_patch16_224.augreg_in21k": "timm:vit_tiny_patch16_224.augreg_in21k",
    "timm:tf_efficientnetv2_m.in21k": "timm:tiny_vit_5m_224.dist_in22k",
    "timm:resnetv2_50x1_bit.goog_in21k": "timm:vit_tiny_patch16_224.augreg_in21k",
    "reference:efficientnet_b0": f"reference:efficientnet_small --input '{INPUT}'",
    "torchvision:efficientnet_b0": f"timm:test_efficientnet --input '{INPUT}'",
    "--epochs 12": "--epochs 3",
}
"""What stands for a network here."""

GATHERED = {
    "n01443537": "goldfish", "n02389026": "sorrel", "n04146614": "school bus", "n02676566": "acoustic guitar",
    "n07753592": "banana",
}  # fmt: skip
"""The folders of the second page, by WordNet id."""


def _latency(model: Any, scenario: Scenario, **_: object) -> Latency:
    return make_latency(scenario, model=model.spec.name)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Times and sizes as if they had been measured."""
    monkeypatch.setattr(latency, "measure", _latency)
    monkeypatch.setattr(memory, "measure", lambda spec, _: make_memory(spec.name))


@pytest.fixture
def lab(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the laboratory of this name with the small networks, which is the working folder."""
    name = str(request.param)
    folder = tmp_path / name
    shutil.copytree(LABS / name, folder)
    for file in (folder / "README.md", folder / "imgcls.toml"):
        if file.exists():
            file.write_text(_small(file.read_text()))
    monkeypatch.chdir(folder)
    return folder


def _small(text: str) -> str:
    for name, stands_for_it in SMALL.items():
        text = text.replace(name, stands_for_it)
    return text


def _commands(page: Path) -> list[list[str]]:
    """The command lines of a page that train and report."""
    lines = "\n".join(re.findall(r"^```sh\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)).splitlines()
    return [shlex.split(line)[1:] for line in lines if line.startswith(("imgcls report", "imgcls train"))]


def _report(imgcls: Command, lab: Path) -> tuple[str, Any]:
    """Run what the page has, and read what it wrote: the text and the document of ``report/``."""
    for command in _commands(lab / "README.md"):
        result = imgcls(*command, *(["--store", "off"] if command[0] == "report" else []))
        assert result.ret == 0, result.stderr.str()
    text, document = (lab / "report/report.md").read_text(), json.loads((lab / "report/result.json").read_text())
    missing = markdown_pages.missing(text, lab / "report")
    assert [target for target in missing if not target.startswith("https://pages.test/")] == []
    assert not markdown_pages.has_html(text)
    return text, document


def _tables(text: str, first: str) -> list[list[list[str]]]:
    """The tables whose first column has this head."""
    return [table for table in markdown_pages.tables(text) if table[0][0] == first]


def _check_predictions(text: str, document: Any, models: list[str], images: int) -> None:
    """Five classes with number, name and probability for each image and model, which are those of the document."""
    overall, *of_images = _tables(text, "rank")
    predictions = {(p["path"], p["model"]): p["top"] for p in document["predictions"]}
    paths = re.findall(r"^!\[(.*?)\]\(images/.*\) \1$", text.replace("\\", ""), re.MULTILINE)
    assert len(paths) == len(set(paths)) == len(of_images) == images
    assert len(predictions) == images * len(models)
    for column, model in enumerate(models, 1):
        [result] = [result for result in document["results"] if result["model"] == model]
        assert [row[column] for row in overall[1:]] == _cells(result["overall_top5"])
        for path, table in zip(paths, of_images, strict=True):
            five = predictions[path, model]
            assert [row[column] for row in table[1:]] == _cells(five)
            probabilities = [probability for _, _, probability in five]
            assert len(five) == 5
            assert probabilities == sorted(probabilities, reverse=True)
            assert 0 < sum(probabilities) <= 1 + 1e-6


def _cells(five: Any) -> list[str]:
    return [f"{index} {name} {probability:.4f}" for index, name, probability in five]


def _check_costs(text: str, document: Any, models: list[str]) -> None:
    """A row for each model in the tables of time and memory, and torch.profiler's ten operators of each profile."""
    tables = markdown_pages.tables(text)
    [times] = [table for table in tables if "one image: median ms" in table[0]]
    [sizes] = [table for table in tables if "torch and libraries" in table[0]]
    single = [each for each in document["latencies"] if each["scenario"] == "SingleStream"]
    assert [(row[0].split()[0], row[2]) for row in times[1:]] == [
        (model, f"{each['p50_ns'] / 1e6:.1f}") for model, each in zip(models, single, strict=True)
    ]
    assert [row[0].split()[0] for row in sizes[1:]] == models
    assert all(float(row[2]) + float(row[3]) == pytest.approx(float(row[4])) for row in sizes[1:])
    assert [float(row[2]) for row in sizes[1:]] == [each["libraries_rss_bytes"] / 1e6 for each in document["memories"]]
    operators = _tables(text, "operator")
    assert [len(table) - 1 for table in operators] == [10] * len(document["profiles"])
    for table, profile in zip(operators, document["profiles"], strict=True):
        assert [row[0] for row in table[1:]] == [each["name"] for each in profile["operators"][:10]]


def _check_accuracy(text: str, document: Any, folders: list[str]) -> None:
    """Top-1 and top-5 of each model, and a row for each folder."""
    [table] = [table for table in markdown_pages.tables(text) if "95 % interval of top-1" in table[0]]
    for row, result in zip(table[1:], document["results"], strict=True):
        assert row[1:] == [
            str(result["scored"]),
            *(f"{result['top1']:.1f}", f"{result['top1_low']:.1f} to {result['top1_high']:.1f}"),
            *(f"{result['top5']:.1f}", f"{result['top5_low']:.1f} to {result['top5_high']:.1f}"),
        ]
    [classes] = _tables(text, "class")
    assert [row[0] for row in classes[1:]] == folders


@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.parametrize("lab", ["1_five_best"], indirect=True)
def test_the_five_best_classes_of_50_photographs(lab: Path, shared_data: Path, imgcls: Command) -> None:
    """Loose photographs have no accuracy, and everything else."""
    (lab / "photos").mkdir()
    for file in sorted((shared_data / "photos10").rglob("*.JPEG")):
        (lab / "photos" / file.name).symlink_to(file)
    text, document = _report(imgcls, lab)
    models = ["alexnet", "resnet50", "googlenet"]
    assert text.startswith("# Image classifiers on photos\n")
    assert [profile["conditions"]["model"] for profile in document["profiles"]] == models
    _check_predictions(text, document, models, 50)
    _check_costs(text, document, models)
    assert not _tables(text, "class")
    assert "the five best classes and their probabilities, of the whole set and of each image" in text


@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.parametrize("lab", ["2_cpu_and_gpu"], indirect=True)
def test_top1_and_top5_on_gathered_images(lab: Path, shared_data: Path, imgcls: Command) -> None:
    """Folders are named as on the page, and lie next to what `imgcls collect` noted of their images."""
    page = (lab / "README.md").read_text()
    for wnid, name in GATHERED.items():
        folder = lab / "photos" / name
        shutil.copytree(shared_data / "photos" / wnid, folder)
        assert f"--out photos/{name}" in page or f'--out "photos/{name}"' in page
        [image] = folder.iterdir()
        (folder / "collected.csv").write_text(
            "file,url,page,date,licence,sha256,reason,detail\n"
            f"{image.name},https://images.test/{name}.jpg,https://pages.test/{wnid},2026-01-02,CC BY 4.0,"
            f"{hashing.file_sha256(image)},,\n"
        )
    text, document = _report(imgcls, lab)
    models = ["alexnet", "resnet50", "googlenet"]
    _check_accuracy(text, document, sorted(GATHERED.values()))
    _check_costs(text, document, models)
    assert len(document["predictions"]) == 15
    [sources] = _tables(text, "image")
    assert [[cell.replace("\u200b", "") for cell in row[1:]] for row in sources[1:]] == [
        [f"https://pages.test/{wnid}", "CC BY 4.0", "2026-01-02"]
        for wnid, _ in sorted(GATHERED.items(), key=lambda of: of[1])
    ]


@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.parametrize("lab", ["3_imagenet21k"], indirect=True)
def test_imagenet_21k_on_ten_folders_of_five(lab: Path, shared_data: Path, imgcls: Command) -> None:
    """Accuracy at 1 and at 5 by the kinds of the map file; two photographs of each folder are enough to show it."""
    for file in (file for folder in (shared_data / "photos10").iterdir() for file in sorted(folder.iterdir())[:2]):
        (lab / "photos" / file.parent.name).mkdir(parents=True, exist_ok=True)
        (lab / "photos" / file.parent.name / file.name).symlink_to(file)
    text, document = _report(imgcls, lab)
    models = ["vit_b16", "efficientnetv2_m", "resnetv2_50x1"]
    _check_accuracy(text, document, sorted(folder.name for folder in (shared_data / "photos10").iterdir()))
    _check_costs(text, document, models)
    assert {result["class_count"] for result in document["results"]} == {21841, 21843}
    assert len(_tables(text, "rank")) == 21
    assert "With published weights" in text


@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.parametrize("lab", ["4_training"], indirect=True)
def test_two_trainings_side_by_side(lab: Path, shared_data: Path, imgcls: Command) -> None:
    """Curves, epochs and seconds of both, and their best weights on the images that both were validated on."""
    for name in ("boat", "car", "truck"):
        for number, file in enumerate(sorted((shared_data / "photos10" / name).iterdir())):
            folder = lab / "cars" / ("val" if number == 0 else "train") / name
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, folder)
    text, document = _report(imgcls, lab)
    assert text.startswith("# Image classifiers on validation\n")
    how, best = (table for table in markdown_pages.tables(text) if table[0][0] == "run")
    assert [row[:6] for row in how[1:]] == [
        ["arrays", "reference:efficientnet_small", "NumPy", "from scratch", "12 + 3", "3"],
        ["torch", "timm:test_efficientnet", "PyTorch on cpu", "from scratch", "12 + 3", "3"],
    ]
    seconds, *epochs = _tables(text, "epoch")
    assert seconds[0] == ["epoch", "arrays", "torch"]
    assert [len(table) - 1 for table in (seconds, *epochs)] == [3, 3, 3]
    assert Path("report/charts/training.png").is_file()
    accuracies = {result["model"]: f"{result['top1']:.1f}" for result in document["results"]}
    assert {row[0]: row[2] for row in best[1:]} == accuracies
    _check_costs(text, document, ["arrays", "torch"])
    assert [profile["conditions"]["model"] for profile in document["profiles"]] == ["torch"]
    assert "no table of operators: " in text
    assert "arrays and torch began with random weights" in text


@pytest.mark.parametrize("name", ["1_five_best", "2_cpu_and_gpu", "3_imagenet21k"])
def test_each_model_begins_at_random_and_has_its_published_weights_in_a_comment(name: str) -> None:
    """What stands in the comment is what the library has."""
    file = LABS / name / "imgcls.toml"
    models = configuration.load([file]).models
    assert [str(spec.weights) for spec in models.values()] == ["random:0"] * 3
    text = re.sub(r'^weights = "random:0"\n# weights', "weights", file.read_text(), flags=re.MULTILINE)
    assert len(re.findall(r"^weights = \"(?!random)", text, re.MULTILINE)) == 3


def test_the_map_file_is_what_the_command_on_the_page_writes(tmp_path: Path, imgcls: Command) -> None:
    """For ten folders of these names."""
    table = (LABS / "3_imagenet21k" / "classes.csv").read_text()
    for name in {line.partition(",")[0] for line in table.splitlines()[1:]}:
        (tmp_path / "photos" / name).mkdir(parents=True)
        (tmp_path / "photos" / name / "1.jpg").write_bytes(b"no image is read")
    written = tmp_path / "classes.csv"
    assert imgcls("labels", "suggest", tmp_path / "photos", "--list", "imagenet-21k", "--out", written).ret == 0
    assert written.read_text() == table
