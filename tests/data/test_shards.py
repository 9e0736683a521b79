"""imgcls.data.shards: every image is in exactly one shard, whatever else is listed, and in whatever order."""

import subprocess
import sys
import zipfile
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgcls.data import dataset as datasets
from imgcls.data import listing as listings
from imgcls.data import shards
from imgcls.data.class_lists import FOLDERS
from imgcls.records.config import DatasetSpec
from imgcls.records.data import Listing
from imgcls.records.shards import Shard

COUNTS = st.integers(1, 50)


@given(st.text(max_size=30), COUNTS)
def test_every_path_is_in_exactly_one_shard(path: str, count: int) -> None:
    """Also one that is not Unicode."""
    every = [Shard(number, count) for number in range(1, count + 1)]
    assert [shard for shard in every if shards.has(shard, path)] == [Shard(shards.number_of(path, count), count)]


@given(st.sets(st.text(max_size=20), max_size=20), st.text(max_size=20), COUNTS)
def test_another_image_moves_none(paths: set[str], new: str, count: int) -> None:
    """The shard of a path depends on nothing but the path and the number of shards."""
    before = {path: shards.number_of(path, count) for path in sorted(paths)}
    after = {path: shards.number_of(path, count) for path in sorted({*paths, new}, reverse=True)}
    assert before.items() <= after.items()


def test_a_shard_is_the_same_in_every_process() -> None:
    """Hashes of strings that Python seeds anew in each process take no part."""
    code = "from imgcls.data import shards; print([shards.number_of(f'a/{n}.jpg', 8) for n in range(20)])"
    here = str([shards.number_of(f"a/{n}.jpg", 8) for n in range(20)])
    for seed in ("1", "2"):
        done = subprocess.check_output([sys.executable, "-c", code], text=True, env={"PYTHONHASHSEED": seed})
        assert done.strip() == here


def test_shards_are_about_as_large() -> None:
    """1000 images in 8 shards: each within a third of 125."""
    sizes = Counter(shards.number_of(f"n01440764/ILSVRC2012_val_{n:08}.JPEG", 8) for n in range(1000))
    assert all(85 < sizes[number] < 165 for number in range(1, 9))


@pytest.mark.parametrize(
    ("numbers", "words"),
    [([3], "shard 3 of 8"), ([5, 3], "shards 3 and 5 of 8"), ([1, 2, 4], "shards 1, 2 and 4 of 8")],
)
def test_shards_in_words(numbers: list[int], words: str) -> None:
    """The last one after an "and"."""
    assert shards.named(numbers, 8) == words


# Listings.


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two classes with images, files that are none, and one that lies in no class."""
    for name in ("cat/1.png", "cat/2.png", "cat/3.png", "dog/1.png", "dog/2.png", "dog/notes.txt", "stray.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    (tmp_path / "cat/empty.png").touch()
    return tmp_path


def _manifest(folder: Path) -> Path:
    rows = [f"{path},{path.split('/')[0]}" for path in ("cat/1.png", "cat/2.png", "dog/1.png", "dog/gone.png")]
    (folder / "all.csv").write_text("\n".join(["path,label", *rows]))
    return folder / "all.csv"


def _archive(folder: Path) -> Path:
    with zipfile.ZipFile(folder.with_suffix(".zip"), "w") as archive:
        for file in sorted(folder.rglob("*.*")):
            archive.write(file, file.relative_to(folder))
    return folder.with_suffix(".zip")


def _books(listing: Listing) -> Counter[object]:
    images = [(image.path, image.sha256, image.label) for image in listing.images]
    return Counter([*images, *listing.rejections, *(["ignored"] * listing.ignored)])


@pytest.mark.parametrize("form", ["folder", "manifest", "zip"])
@pytest.mark.parametrize("count", [1, 2, 3, 20])
def test_all_shards_together_are_the_dataset(folder: Path, form: str, count: int) -> None:
    """Images, rejections and ignored files, each once; every shard knows all labels, and how many images there are."""
    spec = DatasetSpec("photos", {"folder": lambda f: f, "manifest": _manifest, "zip": _archive}[form](folder))
    whole = datasets.list_images(spec)
    parts = [datasets.list_images(spec, shard=Shard(number, count)) for number in range(1, count + 1)]
    assert sum(map(_books, parts), Counter()) == _books(whole)
    for part in parts:
        assert datasets.folder_names(part) == datasets.folder_names(whole) == ["cat", "dog"]
        candidates = len(part.images) + sum(part.elsewhere.values())
        assert len(whole.images) <= candidates <= len(whole.images) + len(whole.rejections)


def test_a_shard_hashes_only_its_own_files(folder: Path) -> None:
    """On a slow disk it reads a part of the bytes."""
    hashed = []

    def sha256(file: object) -> str:
        hashed.append(file)
        return listings.sha256(file)  # type: ignore[arg-type]  # a place

    listing = listings.find("photos", folder, sha256, Shard(1, 2))
    read = {image.file for image in listing.images} | {folder / rejection.path for rejection in listing.rejections}
    assert set(hashed) <= read
    assert 0 < len(hashed) < 6


def test_shards_of_one_folder_have_the_same_paths(folder: Path) -> None:
    """In whatever order they come; a path more, or another one, is noticed in every shard, and a whole has none."""
    first, second = (listings.find("photos", folder, shard=Shard(number, 2)) for number in (1, 2))
    count = sum(len(listing.images) + len(listing.rejections) for listing in (first, second))
    assert first.all_paths == second.all_paths
    assert str(first.all_paths).split()[0] == str(count)
    assert listings.find("photos", folder).all_paths is None
    image = folder / first.images[0].path
    image.rename(image.with_name(f"renamed{image.suffix}"))
    renamed = listings.find("photos", folder, shard=Shard(2, 2)).all_paths
    assert str(renamed).split()[0] == str(count)
    assert renamed != first.all_paths


def test_classes_are_numbered_as_in_the_whole_dataset(tmp_path: Path) -> None:
    """A shard without an image of a class does not move the classes behind it."""
    names = ("a", "b", "c")
    (tmp_path / "all.csv").write_text("path,label\n" + "".join(f"{name}.png,{name}\n" for name in names))
    for name in names:
        (tmp_path / f"{name}.png").write_bytes(name.encode())
    spec = DatasetSpec("photos", tmp_path / "all.csv")
    whole = datasets.match_labels(spec, datasets.list_images(spec), FOLDERS)
    for number in range(1, 6):
        listing = datasets.list_images(spec, shard=Shard(number, 5))
        assert len(listing.images) < 3
        assert datasets.match_labels(spec, listing, FOLDERS) == whole
