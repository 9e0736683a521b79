"""The training and the validation split: by the bytes and the seed, in every class, no image in both."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imgcls.data import digits
from imgcls.errors import ConfigError
from imgcls.records.data import ImageRef
from imgcls.training import split as splits
from imgcls.training.config import TrainingConfig
from imgcls.training.split import validation_fold, validation_part
from training_runs import split

CONFIG = TrainingConfig(1)


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


@pytest.mark.parametrize(
    ("train", "validation", "text"),
    [
        (
            [("a", 40), ("b", 39)],
            [("a", 11), ("b", 10)],
            "validation: 21 of 100 images (21 %), at least 10 of each class",
        ),
        ([("a", 2), ("b", 1)], [("a", 1), ("b", 1)], "validation: 2 of 5 images (40 %), at least 1 of each class"),
        (
            [("a", 600), ("b", 397)],
            [("a", 1), ("b", 2)],
            "validation: 3 of 1000 images (0.3 %), at least 1 of each class",
        ),
    ],
)
def test_the_real_share_of_the_validation_split(
    train: list[tuple[str, int]], validation: list[tuple[str, int]], text: str
) -> None:
    """Not the share that was aimed at."""
    first, second = (
        tuple(_ref(label, n) for label, count in counts for n in range(count)) for counts in (train, validation)
    )
    assert splits.Split(("a", "b"), first, second).validation_share() == text


# About a fifth.


@given(REFS, SEEDS)
def test_every_class_is_in_both_splits(refs: list[ImageRef], seed: int) -> None:
    """Each class has a training image and a validation image, however few it has."""
    chosen = validation_part(refs, seed)
    for label in {ref.label for ref in refs}:
        assert {ref.sha256 in chosen for ref in refs if ref.label == label} == {True, False}


@given(REFS, SEEDS)
def test_neither_order_nor_copies_matter(refs: list[ImageRef], seed: int) -> None:
    """The same bytes are in the same split in whatever order, under whatever name and however often they are listed."""
    assert validation_part([*reversed(refs), *refs[:3]], seed) == validation_part(refs, seed)
    assert validation_fold([*reversed(refs), *refs[:3]], seed, 2, 0) == validation_fold(refs, seed, 2, 0)


@given(st.integers(20, 200), SEEDS)
@settings(deadline=None)
def test_an_added_image_moves_no_other(count: int, seed: int) -> None:
    """Of the images that were there before, the validation images stay validation images, and no others become some."""
    refs = [_ref("a", number) for number in range(count)]
    before = validation_part(refs, seed)
    if len(before) > 1:  # else the one may be there only so that the class is in both splits
        assert validation_part([*refs, _ref("a", count)], seed) - {_ref("a", count).sha256} == before


def test_about_a_fifth_is_for_validation() -> None:
    """Of 5,000 images 1,000 are for validation, within four standard deviations; another seed chooses others."""
    refs = [_ref("a", number) for number in range(5000)]
    assert abs(len(validation_part(refs, 0)) - 1000) < 4 * 28.3
    assert len(validation_part(refs, 0) & validation_part(refs, 1)) < 300


def test_the_rule_does_not_change() -> None:
    """The splits of a dataset are those of every version, because a change would change everybody's results."""
    refs = [_ref("a", number) for number in range(10)]
    assert sorted(int(sha256[1:]) for sha256 in validation_part(refs, 0)) == [1, 6, 8]
    assert sorted(int(sha256[1:]) for sha256 in validation_fold(refs, 0, 5, 2)) == [4, 6]


# Folds.


@given(REFS, SEEDS, st.integers(2, 5))
def test_folds_are_stratified(refs: list[ImageRef], seed: int, folds: int) -> None:
    """Every image is in one fold; sizes differ by one at most, in each class too."""
    parts = [validation_fold(refs, seed, folds, number) for number in range(folds)]
    assert Counter(sha256 for part in parts for sha256 in part) == Counter({ref.sha256: 1 for ref in refs})
    for label in ("", *{str(ref.label) for ref in refs}):
        sizes = [sum(sha256.startswith(label) for sha256 in part) for part in parts]
        assert max(sizes) - min(sizes) <= 1


def test_fifty_images_in_ten_classes(tmp_path: Path) -> None:
    """Five folds have 40 training and 10 validation images, four and one of each class."""
    data = _folders(tmp_path, **{f"class{number}": 5 for number in range(10)})
    for number in range(5):
        result = split(str(data), TrainingConfig(1, folds=5, fold=number))
        assert Counter(Counter(ref.label for ref in result.train).values()) == {4: 10}
        assert Counter(Counter(ref.label for ref in result.validation).values()) == {1: 10}


def test_fewer_images_than_folds(tmp_path: Path) -> None:
    """A class with fewer images than folds is named, with what it has and what it needs."""
    with pytest.raises(ConfigError, match=r"/b holds 4 distinct images; it needs 5, one for each of 5 folds"):
        split(str(_folders(tmp_path, a=5, b=4)), TrainingConfig(1, folds=5))


# Folders.


def test_classes_come_in_the_order_of_their_names(tmp_path: Path) -> None:
    """Class indices follow the sorted folder names, not the order in which the disk lists them."""
    result = split(str(_folders(tmp_path, zebra=2, ant=2, bee=2)), CONFIG)
    assert result.classes == ("ant", "bee", "zebra")
    assert {result.target(ref) for ref in result.train} == {0, 1, 2}
    assert result.source is None


def test_digits_count_from_zero_to_nine() -> None:
    """Class i of the built-in dataset is the digit i, and its own 360 test images are for validation."""
    result = split("builtin:digits", CONFIG)
    assert result.classes == digits.NAMES
    assert (len(result.train), len(result.validation), result.source) == (1437, 360, "builtin:digits")
    with pytest.raises(ConfigError, match="builtin:digits is split already; leave --folds out"):
        split("builtin:digits", TrainingConfig(1, folds=5))


def test_given_splits(tmp_path: Path) -> None:
    """Folders ``train`` and ``val`` are the two splits, and nothing is moved between them."""
    _folders(tmp_path / "train", a=3, b=1)
    _folders(tmp_path / "val", a=0, b=0)
    for label in "ab":
        (tmp_path / "val" / label / "other.png").write_bytes(f"other {label}".encode())
    result = split(str(tmp_path), CONFIG)
    assert [ref.path for ref in result.train] == ["a/00.png", "a/01.png", "a/02.png", "b/00.png"]
    assert [ref.path for ref in result.validation] == ["a/other.png", "b/other.png"]
    assert result.source == str(tmp_path / "val")


def test_a_class_in_only_one_split(tmp_path: Path) -> None:
    """A class in only one split is named with the split that lacks it, whichever that is."""
    _folders(tmp_path / "train", a=2, b=2)
    _folders(tmp_path / "val", a=1, c=1)
    (tmp_path / "val" / "a" / "00.png").write_bytes(b"another")
    with pytest.raises(ConfigError, match=r"class b is only in .*train; .*val needs it too"):
        split(str(tmp_path), CONFIG)
    shutil.rmtree(tmp_path / "train" / "b")
    (tmp_path / "train" / "d").mkdir()
    with pytest.raises(ConfigError, match=r"train/d holds no image"):
        split(str(tmp_path), CONFIG)
    (tmp_path / "train" / "d").rename(tmp_path / "train" / ".hidden")
    (tmp_path / "train" / "c").mkdir()
    (tmp_path / "train" / "c" / "00.png").write_bytes(b"yet another")
    assert split(str(tmp_path), CONFIG).classes == ("a", "c")


def test_empty_classes_are_named(tmp_path: Path) -> None:
    """Class folders with too few images stop the training before it begins, by their paths, all at once."""
    data = _folders(tmp_path, a=2, b=0, c=1)
    with pytest.raises(
        ConfigError,
        match=r"/b holds 0 distinct images; .*/c holds 1 distinct image; it needs 2, one to train on",
    ):
        split(str(data), CONFIG)


def test_the_hash_is_of_bytes_classes_and_splits(tmp_path: Path) -> None:
    """An image under another name is the same dataset; other bytes, classes or splits are another one."""
    data = _folders(tmp_path, a=9, b=9)
    before = split(str(data), CONFIG)
    (data / "a" / "08.png").rename(data / "a" / "09.png")
    assert split(str(data), CONFIG).sha256() == before.sha256()
    assert split(str(data), TrainingConfig(1, seed=1)).sha256() != before.sha256()
    (data / "a" / "09.png").write_bytes(b"other bytes")
    assert split(str(data), CONFIG).sha256() != before.sha256()
    assert splits.Split(("b", "a"), before.train, before.validation).sha256() != before.sha256()
