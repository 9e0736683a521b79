"""Who is learnt from and who is held out: by the bytes and the seed, in every class, never on both sides."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from imgcls import digits, training_data
from imgcls.errors import ConfigError
from imgcls.recipe import Recipe
from imgcls.records import ImageRef
from imgcls.training_data import divide, fold, part

RECIPE = Recipe(1)


def _ref(label: str, number: int) -> ImageRef:
    return ImageRef(f"{label}/{number}", Path(label, str(number)), f"{label}{number:060}", label)


def _folders(root: Path, **counts: int) -> Path:
    for label, count in counts.items():
        (root / label).mkdir(parents=True)
        for number in range(count):
            (root / label / f"{number:02}.png").write_bytes(f"{label} {number}".encode())
    return root


REFS = st.dictionaries(st.sampled_from("abc"), st.integers(2, 40), min_size=1).map(
    lambda counts: [_ref(label, number) for label, count in counts.items() for number in range(count)]
)
SEEDS = st.integers(0, 3)


# One part.


@given(REFS, SEEDS)
def test_every_class_is_on_both_sides(refs: list[ImageRef], seed: int) -> None:
    """Each class has a picture to learn from and one that is held out, however few it has."""
    out = part(refs, seed)
    for label in {ref.label for ref in refs}:
        assert {ref.sha256 in out for ref in refs if ref.label == label} == {True, False}


@given(REFS, SEEDS)
def test_neither_order_nor_copies_matter(refs: list[ImageRef], seed: int) -> None:
    """The same bytes are on the same side in whatever order, under whatever name and however often they are listed."""
    assert part([*reversed(refs), *refs[:3]], seed) == part(refs, seed)
    assert fold([*reversed(refs), *refs[:3]], seed, 2, 0) == fold(refs, seed, 2, 0)


@given(st.integers(20, 200), SEEDS)
@settings(deadline=None)
def test_a_picture_that_is_added_moves_no_other(count: int, seed: int) -> None:
    """With the pictures that were there before, those that were held out are held out, and no others."""
    refs = [_ref("a", number) for number in range(count)]
    before = part(refs, seed)
    if len(before) > 1:  # else the one may be there only so that the class is on both sides
        assert part([*refs, _ref("a", count)], seed) - {_ref("a", count).sha256} == before


def test_about_a_fifth_is_held_out() -> None:
    """Of 5,000 pictures 1,000, within four standard deviations; another seed holds out others."""
    refs = [_ref("a", number) for number in range(5000)]
    assert abs(len(part(refs, 0)) - 1000) < 4 * 28.3
    assert len(part(refs, 0) & part(refs, 1)) < 300


def test_the_rule_is_pinned() -> None:
    """The sides of a data set are those of every version: a change here is a change of everybody's results."""
    refs = [_ref("a", number) for number in range(10)]
    assert sorted(int(sha256[1:]) for sha256 in part(refs, 0)) == [1, 6, 8]
    assert sorted(int(sha256[1:]) for sha256 in fold(refs, 0, 5, 2)) == [4, 6]


# Folds.


@given(REFS, SEEDS, st.integers(2, 5))
def test_folds_are_stratified(refs: list[ImageRef], seed: int, folds: int) -> None:
    """Every picture is in one fold; sizes differ by one at most, in each class too."""
    parts = [fold(refs, seed, folds, number) for number in range(folds)]
    assert Counter(sha256 for part in parts for sha256 in part) == Counter({ref.sha256: 1 for ref in refs})
    for label in ("", *{str(ref.label) for ref in refs}):
        sizes = [sum(sha256.startswith(label) for sha256 in part) for part in parts]
        assert max(sizes) - min(sizes) <= 1


def test_fifty_pictures_in_ten_classes(tmp_path: Path) -> None:
    """Five folds learn from 40 pictures and hold out 10, four and one of each class."""
    data = _folders(tmp_path, **{f"class{number}": 5 for number in range(10)})
    for number in range(5):
        division = divide(str(data), Recipe(1, folds=5, fold=number))
        assert Counter(Counter(ref.label for ref in division.learn).values()) == {4: 10}
        assert Counter(Counter(ref.label for ref in division.held_out).values()) == {1: 10}


def test_fewer_pictures_than_folds(tmp_path: Path) -> None:
    """The class is named, with what it has and what it needs."""
    with pytest.raises(ConfigError, match=r"/b holds 4 distinct images; it needs 5, one for each of 5 folds"):
        divide(str(_folders(tmp_path, a=5, b=4)), Recipe(1, folds=5))


# Folders.


def test_classes_come_in_the_order_of_their_names(tmp_path: Path) -> None:
    """Class indices follow the sorted folder names, not the order in which the disk lists them."""
    division = divide(str(_folders(tmp_path, zebra=2, ant=2, bee=2)), RECIPE)
    assert division.classes == ("ant", "bee", "zebra")
    assert {division.target(ref) for ref in division.learn} == {0, 1, 2}
    assert division.source is None


def test_digits_count_from_zero_to_nine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Class i of the built-in set is the digit i, and its own 360 test pictures are held out."""
    monkeypatch.setenv("IMGCLS_CACHE", str(tmp_path))
    division = divide("digits", RECIPE)
    assert division.classes == digits.NAMES
    assert (len(division.learn), len(division.held_out), division.source) == (1437, 360, "digits")
    with pytest.raises(ConfigError, match="digits is divided already; leave --folds out"):
        divide("digits", Recipe(1, folds=5))


def test_sides_that_are_given(tmp_path: Path) -> None:
    """``train`` is learnt from, ``val`` is held out, and nothing is divided."""
    _folders(tmp_path / "train", a=3, b=1)
    _folders(tmp_path / "val", a=0, b=0)
    for label in "ab":
        (tmp_path / "val" / label / "other.png").write_bytes(f"other {label}".encode())
    division = divide(str(tmp_path), RECIPE)
    assert [ref.path for ref in division.learn] == ["a/00.png", "a/01.png", "a/02.png", "b/00.png"]
    assert [ref.path for ref in division.held_out] == ["a/other.png", "b/other.png"]
    assert division.source == str(tmp_path / "val")


def test_a_class_on_one_side_only(tmp_path: Path) -> None:
    """It is named with the side that lacks it, whichever that is."""
    _folders(tmp_path / "train", a=2, b=2)
    _folders(tmp_path / "val", a=1, c=1)
    (tmp_path / "val" / "a" / "00.png").write_bytes(b"another")
    with pytest.raises(ConfigError, match=r"class b is in .*train alone; .*val needs it too"):
        divide(str(tmp_path), RECIPE)
    shutil.rmtree(tmp_path / "train" / "b")
    (tmp_path / "train" / "d").mkdir()
    with pytest.raises(ConfigError, match=r"train/d holds no image"):
        divide(str(tmp_path), RECIPE)
    (tmp_path / "train" / "d").rename(tmp_path / "train" / ".hidden")
    (tmp_path / "train" / "c").mkdir()
    (tmp_path / "train" / "c" / "00.png").write_bytes(b"yet another")
    assert divide(str(tmp_path), RECIPE).classes == ("a", "c")


def test_the_same_bytes_on_both_sides(tmp_path: Path) -> None:
    """A picture that is learnt from and held out is refused, with both names."""
    _folders(tmp_path / "train", a=2, b=2)
    _folders(tmp_path / "val", a=1, b=1)
    with pytest.raises(ConfigError, match=r"val/a/00.png is held out, and .*train/a/00.png, .* has the same bytes"):
        divide(str(tmp_path), RECIPE)


def test_an_empty_class_is_named(tmp_path: Path) -> None:
    """A class folder without a picture stops the training before it begins, by its path."""
    data = _folders(tmp_path, a=2, b=0, c=2)
    with pytest.raises(ConfigError, match=r"/b holds 0 distinct images; it needs 2, one to learn from"):
        divide(str(data), RECIPE)


def test_one_class_teaches_nothing(tmp_path: Path) -> None:
    """A folder with one class folder is refused."""
    with pytest.raises(ConfigError, match="has one class folder, a"):
        divide(str(_folders(tmp_path, a=2)), RECIPE)


def test_a_broken_file_is_named_when_it_is_listed(tmp_path: Path) -> None:
    """A file without bytes stops the training with its name and the reason."""
    data = _folders(tmp_path, a=2, b=2)
    (data / "a" / "empty.jpg").touch()
    with pytest.raises(ConfigError, match=r"cannot train on .*/a/empty\.jpg: empty: it has 0 bytes; mend or remove it"):
        divide(str(data), RECIPE)


def test_one_picture_in_two_classes_is_refused(tmp_path: Path) -> None:
    """The same bytes in two class folders are a mistake, since no answer could be right."""
    data = _folders(tmp_path, a=2, b=2)
    shutil.copy(data / "a" / "00.png", data / "b" / "copy.png")
    with pytest.raises(ConfigError, match="the same bytes have two labels"):
        divide(str(data), RECIPE)


def test_the_digest_is_about_bytes_classes_and_sides(tmp_path: Path) -> None:
    """A picture under another name is the same data set; other bytes, and other sides, are another one."""
    data = _folders(tmp_path, a=9, b=9)
    before = divide(str(data), RECIPE)
    (data / "a" / "08.png").rename(data / "a" / "09.png")
    assert divide(str(data), RECIPE).sha256() == before.sha256()
    assert divide(str(data), Recipe(1, seed=1)).sha256() != before.sha256()
    (data / "a" / "09.png").write_bytes(b"other bytes")
    assert divide(str(data), RECIPE).sha256() != before.sha256()
    assert training_data.Division(("b", "a"), before.learn, before.held_out).sha256() != before.sha256()


@pytest.mark.parametrize("names", [("train", "test"), ("Train", "Valid"), ("training", "validation", "test")])
def test_parts_are_no_classes(tmp_path: Path, names: tuple[str, ...]) -> None:
    """Folders that are called like parts of a data set are not learnt to be told apart."""
    for name in names:
        for number in range(2):
            file = tmp_path / name / "cat" / f"{number}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (8, 8), (len(name), number, 0)).save(file)
    with pytest.raises(ConfigError, match="which are no classes: call them train and val"):
        training_data.divide(str(tmp_path), Recipe(1))


def test_names_that_could_not_be_written_down_are_told_first(tmp_path: Path) -> None:
    """A file name that is not UTF-8 would end the training after its first epoch."""
    for label in ("cat", "dog"):
        for number in range(2):
            file = tmp_path / label / f"{number}.png"
            file.parent.mkdir(exist_ok=True)
            Image.new("RGB", (8, 8), (len(label), number, ord(label[0]))).save(file)
    (tmp_path / "cat" / "0.png").rename(os.fsdecode(os.fsencode(tmp_path / "cat") + b"/0\xff.png"))
    with pytest.raises(ConfigError, match=r"0\\xff\.png: the name is not UTF-8, .* rename it"):
        training_data.divide(str(tmp_path), Recipe(1))
