"""Mistakes as a folder of links."""

import csv
from dataclasses import replace
from pathlib import Path

import pytest

from builders import HOSTILE
from imgcls.data import listing
from imgcls.errors import ConfigError
from imgcls.reporting.show import links
from imgcls.reporting.show.selected import Pair
from shown import make_shown


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    """Three images, of which the first two are wrong, in the folder ``images``."""
    shown = make_shown({"cat/1.jpg": 1, "cat/2.jpg": 2, "cat/3.jpg": 0})
    predictions = []
    for prediction in shown.required_predictions():
        file = tmp_path / "images" / prediction.path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(prediction.path.encode())
        predictions.append(replace(prediction, image_sha256=listing.sha256(file)))
    return replace(shown, predictions=predictions)


def _roots(tmp_path: Path) -> dict[str, Path]:
    return {"photos": tmp_path / "images"}


def test_links_are_in_order_and_lead_to_the_images(pair: Pair, tmp_path: Path) -> None:
    """The index has every mistake and its link."""
    assert links.write(tmp_path / "wrong", [pair], _roots(tmp_path)) == links.Written(2, copies=False, missing=())
    names = sorted(file.name for file in (tmp_path / "wrong").iterdir())
    assert names == ["00001_70_cat_as_dog.jpg", "00002_70_cat_as_elk.jpg", "mistakes.csv"]
    assert (tmp_path / "wrong" / names[0]).resolve() == tmp_path / "images" / "cat" / "1.jpg"
    rows = list(csv.DictReader((tmp_path / "wrong" / "mistakes.csv").read_text().splitlines()))
    assert [(row["link"], row["path"]) for row in rows] == [(names[0], "cat/1.jpg"), (names[1], "cat/2.jpg")]


def test_a_system_without_links_gets_copies(pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As Windows does without developer mode."""

    def refused(*_: object) -> None:
        raise PermissionError("a required privilege is not held")

    monkeypatch.setattr(Path, "symlink_to", refused)
    assert links.write(tmp_path / "wrong", [pair], _roots(tmp_path)).copies
    assert (tmp_path / "wrong" / "00001_70_cat_as_dog.jpg").read_bytes() == b"cat/1.jpg"


def test_other_bytes_are_left_out(pair: Pair, tmp_path: Path) -> None:
    """The image under this path is not the one that was wrong."""
    (tmp_path / "images" / "cat" / "1.jpg").write_bytes(b"another image")
    written = links.write(tmp_path / "wrong", [pair], _roots(tmp_path))
    assert written.missing == ("photos/cat/1.jpg",)
    assert sorted(file.name for file in (tmp_path / "wrong").iterdir()) == ["00002_70_cat_as_elk.jpg", "mistakes.csv"]


def test_a_folder_with_something_in_it_is_refused(pair: Pair, tmp_path: Path) -> None:
    """Nothing of it changes; an empty one is used."""
    (tmp_path / "wrong").mkdir()
    links.write(tmp_path / "wrong", [pair], _roots(tmp_path))
    with pytest.raises(ConfigError, match="wrong is there already and is not an empty folder: name a new one"):
        links.write(tmp_path / "wrong", [pair], _roots(tmp_path))


def test_another_folder_of_images_is_refused(pair: Pair, tmp_path: Path) -> None:
    """Nothing is written."""
    with pytest.raises(
        ConfigError, match=r"none of 2 images is below .*: name the folder of the images with --data DIR"
    ):
        links.write(tmp_path / "wrong", [pair], {"photos": tmp_path})
    assert not (tmp_path / "wrong").exists()


@pytest.mark.parametrize("name", [HOSTILE, "../../etc/passwd", "a/b", "$(rm)", "-rf", "é" * 200, "", ".."])
def test_no_name_leaves_the_folder(pair: Pair, tmp_path: Path, name: str) -> None:
    """Whatever models, datasets, labels and classes are called, a link is a short and plain name below the folder."""
    hostile = [
        replace(p, label=name, top=(p.top[0]._replace(name=name), p.top[1])) for p in pair.required_predictions()
    ]
    pairs = [replace(pair, predictions=hostile, result=replace(pair.result, model=model)) for model in (name, "net")]
    links.write(tmp_path / "wrong", pairs, _roots(tmp_path))
    written = [file.relative_to(tmp_path / "wrong") for file in (tmp_path / "wrong").rglob("*.jpg")]
    assert len(written) == 6  # all are wrong, since no class is right for such a label
    assert all(len(part) < 120 and part.isascii() and part[0].isdigit() for path in written for part in path.parts)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["images", "wrong"]
