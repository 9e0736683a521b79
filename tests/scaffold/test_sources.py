"""Where the labels of a folder's images are found."""

from pathlib import Path

import pytest

from first_hour import write_images
from imgcls.errors import ConfigError
from imgcls.scaffold import sources
from imgcls.scaffold.sources import Source


@pytest.fixture(autouse=True)
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Paths are those of the working folder."""
    monkeypatch.chdir(tmp_path)


def _find(data: str) -> Source:
    return sources.find(Path(data), lambda _: False)


def test_a_split_without_labels_is_passed_over() -> None:
    """As the images of a competition are, whose labels nobody has."""
    write_images(Path("pets"), {"train": 4, "test": 2})
    Path("pets/labels.csv").write_text("id,breed\n0,cat\n1,cat\n2,dog\n3,dog\n")
    for number in (0, 1):
        Path(f"pets/test/{number}.png").rename(f"pets/test/t{number}.png")
    Path("pets/sample.csv").write_text("id,cat,dog\nt0,0.5,0.5\n")
    source = _find("pets")
    assert (source.path, source.training) == (Path("pets/train"), None)
    assert source.labels is not None
    assert source.labels.labels == {"0.png": "cat", "1.png": "cat", "2.png": "dog", "3.png": "dog"}
    [note] = source.notes
    assert note.startswith("pets holds test and train; no labels were found for test: train is tested on; test on")


def test_a_folder_called_images_in_a_split_is_not_a_class() -> None:
    """The table next to it has the labels, without a header; what to train on lies next to the split."""
    write_images(Path("tiny"), {"val/images": 2, "train/cat/images": 1, "train/dog/images": 1})
    Path("tiny/val/annotations.txt").write_text("0.png\tcat\t0\t9\n1.png\tdog\t0\t9\n")
    source = _find("tiny")
    assert (source.path, source.training) == (Path("tiny/val/images"), Path("tiny/train"))
    assert source.labels is not None
    assert source.labels.origin == "column 2 of tiny/val/annotations.txt"


def test_a_split_of_images_is_not_a_class() -> None:
    """What it lacks is said, and which folder it is."""
    write_images(Path("images"), {"train": 2})
    with pytest.raises(ConfigError, match=r"^images/train holds 2 images and no folder per class: move each"):
        _find("images")


def test_names_of_files_may_be_the_labels() -> None:
    """Where nothing else has them."""
    write_images(Path("train"), {"": 4})
    for number, name in enumerate(("cat.0", "cat.1", "dog.0", "dog.1")):
        Path(f"train/{number}.png").rename(f"train/{name}.png")
    source = _find("train")
    assert source.labels is not None
    assert source.labels.labels["dog.1.png"] == "dog"
    assert _find("train").labels == source.labels


def test_a_table_without_a_column_for_the_label_is_named() -> None:
    """Where there is nothing better."""
    write_images(Path("images"), {"": 1})
    Path("train.csv").write_text("file,colour,shape\n0.png,red,round\n")
    with pytest.raises(ConfigError, match=r"^train.csv names the images, and nothing states which of its columns"):
        _find("images")
