"""The text of a first configuration, which loads whatever folders and files are called."""

from dataclasses import replace
from pathlib import Path

import pytest

from imgcls.config import loader
from imgcls.data import class_lists
from imgcls.records.config import Settings
from imgcls.records.data import ImageRef, LabelList, Listing
from imgcls.records.thresholds import Gate, ProvenThreshold
from imgcls.scaffold import configuration
from imgcls.scaffold.images import TestImages
from imgcls.scaffold.mapping import FolderLabels
from imgcls.scaffold.models import ProposedModel

NET = ProposedModel("net", ("timm:test_resnet",), classes=LabelList("ten", tuple("abcdefghij")))
AUTO = FolderLabels("auto", ("net",))

HOSTILE = [
    'a"b',
    "a\\b",
    "a\nb",
    "a'''b",
    'a"""b',
    "~a",
    "a:b",
    "#a",
    "a\x7fb",
    "a\tb",
    "[a]",
    "éа猫",
    "a\u202eb",
    "digits",
]


def _images(path: str = "photos", count: int = 50, **values: object) -> TestImages:
    refs = tuple(ImageRef(f"cat/{n}.jpg", Path(f"{n}.jpg"), f"{n:064x}", "cat") for n in range(count))
    return replace(TestImages("photos", Path(path), Path(path), Listing(refs, (), 0)), **values)  # type: ignore[arg-type]


def _loaded(folder: Path, text: str) -> Settings:
    (folder / "imgcls.toml").write_text(text, encoding="utf-8")
    return loader.load([folder / "imgcls.toml"])


def test_a_configuration_loads_with_its_gate(tmp_path: Path) -> None:
    """Every value is the one that was proposed."""
    settings = _loaded(tmp_path, configuration.text(_images(), [NET], [AUTO]))
    assert settings.pairs() == [("net", "photos")]
    assert settings.datasets["photos"].path == tmp_path / "photos"
    assert settings.models["net"].arch == "timm:test_resnet"
    assert settings.gates["net", "photos"] == Gate(top1=ProvenThreshold(0.55, 0.95), min_images=50)


def test_every_threshold_is_explained_in_a_comment() -> None:
    """What the images show at all, and where the threshold is from."""
    text = configuration.text(_images(), [NET], [AUTO])
    assert "# 50 images: even if all are right, they show a top-1 of 0.94, no more (95 % confidence).\n" in text
    assert "# 34 of 50 right show it; half way between guessing, 0.1, and being always right.\n[gates.net]\n" in text
    assert "50 images without any loss show a margin of 0.06:\n#\n# [compare]\n# top1 = { margin = 0.06," in text
    assert max(map(len, text.splitlines())) <= 105


@pytest.mark.parametrize("name", HOSTILE)
def test_any_name_of_a_folder_or_a_file_is_read_as_it_is(name: str, tmp_path: Path) -> None:
    """Quotes, backslashes and line breaks are escaped, and comments stay comments."""
    (tmp_path / name).mkdir()
    (tmp_path / f"{name}.pth").touch()
    model = replace(NET, weights=Path(f"{name}.pth"), guesses=(f"it is {name}",))
    settings = _loaded(tmp_path, configuration.text(_images(name), [model], [AUTO]))
    path = settings.datasets["photos"].path
    assert Path(path).resolve() == (tmp_path / name).resolve()
    assert settings.models["net"].weights == tmp_path / f"{name}.pth"


def test_a_model_with_a_problem_is_a_comment_that_becomes_one(tmp_path: Path) -> None:
    """Without its hashes, and with one of its architectures, it loads."""
    doubtful = replace(
        NET,
        name="other",
        architectures=("timm:resnet50", "torchvision:resnet50"),
        weights=Path("net.pth"),
        problem="choose one",
    )
    text = configuration.text(_images(), [NET, doubtful], [replace(AUTO, models=("net", "other"))])
    assert '# choose one\n# [models.other]\n# arch = "timm:resnet50"\n# arch = "torchvision:resnet50"\n' in text
    assert "# [gates.other]\n# photos = { top1 = { min = 0.55, " in text
    assert list(_loaded(tmp_path, text).models) == ["net"]
    chosen = text.replace("# [models.other]\n# arch", "[models.other]\narch", 1).replace("# weights", "weights")
    assert list(_loaded(tmp_path, chosen).models) == ["net", "other"]


def test_a_model_whose_tensors_are_matched_by_order_has_the_key() -> None:
    """In the comment that becomes the model."""
    foreign = replace(NET, weights=Path("net.pth"), problem="choose one", by_order=True)
    text = configuration.text(_images(), [foreign], [AUTO])
    assert '# weights = "net.pth"\n# match = "order"\n' in text
    assert "match" not in configuration.text(_images(), [replace(foreign, by_order=False)], [AUTO])


def test_a_configuration_of_problems_loads(tmp_path: Path) -> None:
    """Its gate is a comment, too: a model that is completed without one would be skipped."""
    text = configuration.text(_images(), [ProposedModel("net", (), problem="unknown")], [AUTO])
    settings = _loaded(tmp_path, text)
    assert (settings.models, settings.gates) == ({}, {})
    assert '# arch = "SOURCE:NAME"' in text
    assert "# [gates.net]\n# photos = { min_images = 50 }" in text


def test_ways_of_reading_folders_are_datasets(tmp_path: Path) -> None:
    """Each with its map file, and each model on its own."""
    own = replace(NET, name="own")
    ways = [AUTO, FolderLabels("wnid", ("own",), "folder,wnid\n"), FolderLabels("index", ())]
    settings = _loaded(tmp_path, configuration.text(_images(drops_duplicates=True), [NET, own], ways))
    assert settings.pairs() == [("net", "photos"), ("own", "photos-by-wnid")]
    labels = [dataset.labels for dataset in settings.datasets.values()]
    assert labels == ["auto", tmp_path / "classes.csv", "index"]
    assert {dataset.duplicates for dataset in settings.datasets.values()} == {"drop"}
    assert list(settings.gates) == [("net", "photos"), ("own", "photos-by-wnid")]


def test_published_weights_are_named_with_what_was_published(tmp_path: Path) -> None:
    """And with what to do without network."""
    model = replace(NET, architectures=("torchvision:alexnet",), weights="IMAGENET1K_V1", published=0.56522)
    text = configuration.text(_images(), [model], [AUTO])
    assert "# Without network: weights = " in text
    assert "the published 0.565, which is of ImageNet's validation images, passes" in text.replace("\n#", "")
    assert _loaded(tmp_path, text).models["net"].weights == "IMAGENET1K_V1"


def test_folders_as_classes_are_as_many_as_there_are(tmp_path: Path) -> None:
    """A gate of one class could not fail, so none is proposed; the number of images is one still."""
    model = replace(NET, classes=class_lists.FOLDERS, labels="folders")
    settings = _loaded(tmp_path, configuration.text(_images(), [model], [AUTO]))
    assert settings.models["net"].labels == "folders"
    assert settings.gates["net", "photos"] == Gate(min_images=50)


def test_one_image_and_none(tmp_path: Path) -> None:
    """One shows 0.05, which is what is asked for; none shows nothing, and no gate is written."""
    settings = _loaded(tmp_path, configuration.text(_images(count=1), [NET], [AUTO]))
    assert settings.gates["net", "photos"] == Gate(top1=ProvenThreshold(0.05, 0.95), min_images=1)
    assert "1 image without any loss show a margin of 0.95" in configuration.text(_images(count=1), [NET], [AUTO])
    assert _loaded(tmp_path, configuration.text(_images(count=0), [NET], [AUTO])).gates == {}


def test_a_manifest_says_what_a_new_image_needs() -> None:
    """Because nothing else would."""
    text = configuration.text(_images("photos.csv", manifest="path,label\n"), [NET], [AUTO])
    assert "# A line for each image, with its class; add a line for a new image.\n" in text


def test_a_model_as_a_comment_is_that_model() -> None:
    """Nothing comes into a name whose letters other programs take for the end of a line."""
    assert configuration._commented('arch = "a\u2028b\x85"\n# why\n') == '# arch = "a\u2028b\x85"\n# why\n'
