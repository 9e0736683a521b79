"""The images to train on: which folder is meant, and every fault of their files at once."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from PIL import Image

from imgcls.data import digits
from imgcls.errors import ConfigError, Undecodable
from imgcls.training import images
from imgcls.training.images import BrokenFile, list_images


def _folders(root: Path, **counts: int) -> Path:
    for label, count in counts.items():
        (root / label).mkdir(parents=True)
        for number in range(count):
            (root / label / f"{number:02}.png").write_bytes(f"{label} {number}".encode())
    return root


# Which images.


def test_digits_are_built_in_where_there_is_no_such_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``builtin:digits`` is the built-in dataset; plain ``digits`` is it with a note, unless there is such a folder."""
    monkeypatch.chdir(tmp_path)
    builtin, plain = list_images("builtin:digits"), list_images("digits")
    assert (builtin.train.classes, builtin.source, builtin.notes) == (digits.NAMES, "builtin:digits", ())
    assert (plain.source, plain.train) == ("builtin:digits", builtin.train)
    assert plain.notes == ('"digits" is the built-in dataset, because there is no path digits; write "builtin:digits"',)
    _folders(tmp_path / "digits", cat=15, dog=15)
    own = list_images("digits")
    assert (own.train.classes, len(own.train.images), own.source, own.notes) == (("cat", "dog"), 30, None, ())


@pytest.mark.parametrize("names", [("train", "test"), ("Train", "Valid"), ("training", "validation", "test")])
def test_names_of_splits_are_not_classes(tmp_path: Path, names: tuple[str, ...]) -> None:
    """Folders that are called like splits of a dataset are not taken for classes."""
    for name in names:
        _folders(tmp_path / name, cat=2)
    with pytest.raises(ConfigError, match="which are not classes: call them train and val"):
        list_images(str(tmp_path))


def test_an_archive_with_its_images_in_one_folder_names_that_folder(tmp_path: Path) -> None:
    """As CUB-200 is unpacked, next to folders of annotations."""
    _folders(tmp_path / "images", cat=2, dog=2)
    (tmp_path / "parts").mkdir()
    with pytest.raises(ConfigError, match=f"lie in folders of images, which is not a class: name {tmp_path}/images"):
        list_images(str(tmp_path))


def test_a_single_split_is_named_as_what_to_train_on(tmp_path: Path) -> None:
    """The path to write is in the message."""
    _folders(tmp_path / "train", cat=2, dog=2)
    with pytest.raises(ConfigError, match=f"holds train, which is not a class: name {tmp_path}/train instead"):
        list_images(str(tmp_path))


def test_one_class_is_not_enough(tmp_path: Path) -> None:
    """A folder with one class folder is refused."""
    with pytest.raises(ConfigError, match="has one class folder, a"):
        list_images(str(_folders(tmp_path, a=2)))


# What is wrong with them.


def test_files_that_are_broken_are_collected(tmp_path: Path) -> None:
    """Every file that gives no bytes is named with the reason; the others are images."""
    data = _folders(tmp_path, a=2, b=2)
    (data / "a" / "empty.jpg").touch()
    (data / "b" / "gone.png").symlink_to("nowhere")
    listed = list_images(str(data))
    assert [str(file) for file in listed.broken] == [
        f"{data}/a/empty.jpg: empty: it has 0 bytes",
        f"{data}/b/gone.png: missing: No such file or directory",
    ]
    assert len(listed.train.images) == 4


def test_all_broken_files_are_in_one_error(tmp_path: Path) -> None:
    """Five are named and the others counted, with the option to train without them."""
    data = _folders(tmp_path, a=10, b=2)
    listed = list_images(str(data))
    broken = [BrokenFile(ref.file, "truncated: cut off") for ref in listed.train.images[:8]]
    with pytest.raises(ConfigError) as error:
        listed.without(broken, 0)
    assert str(error.value) == (
        f"cannot train on 8 of 12 files: {'; '.join(f'{file}: truncated: cut off' for file, _ in broken[:5])}; "
        "and 3 more; mend or remove what is broken, or train without it: --max-rejected 8"
    )


@pytest.mark.parametrize(
    ("max_rejected", "is_allowed"), [(0, False), (1, False), (2, True), (0.16, False), (0.17, True)]
)
def test_a_number_or_a_share_of_the_files_may_be_broken(tmp_path: Path, max_rejected: float, is_allowed: bool) -> None:
    """Whole numbers count files, fractions are of all files, broken ones among them."""
    data = _folders(tmp_path, a=5, b=6)
    (data / "b" / "empty.png").touch()
    listed = list_images(str(data))
    broken = [*listed.broken, BrokenFile(listed.train.images[0].file, "truncated")]
    if not is_allowed:
        with pytest.raises(ConfigError, match=r"cannot train on 2 of 12 files: "):
            listed.without(broken, max_rejected)
        return
    usable = listed.without(broken, max_rejected)
    assert usable.train.images == listed.train.images[1:]
    assert usable.broken == ()


def test_a_given_validation_split_is_written_down_where_a_file_is_left_out(tmp_path: Path) -> None:
    """The folder would be scored with the broken file, so it is the split's source only while it is whole."""
    _folders(tmp_path / "train", a=2, b=2)
    for label in "ab":
        _folders(tmp_path / "val", **{label: 0})
        (tmp_path / "val" / label / "other.png").write_bytes(f"other {label}".encode())
    (tmp_path / "val" / "a" / "empty.png").touch()
    (tmp_path / "train" / "a" / "empty.png").touch()
    listed = list_images(str(tmp_path))
    assert listed.validation
    assert listed.without(listed.broken, 2).source is None
    (tmp_path / "val" / "a" / "empty.png").unlink()
    listed = list_images(str(tmp_path))
    assert listed.without(listed.broken, 1).source == str(tmp_path / "val")


@pytest.mark.parametrize("max_rejected", [-1, -0.1, 1.0, 3.0, float("nan"), True])
def test_a_tolerance_is_a_number_or_a_share(max_rejected: float) -> None:
    """Whole numbers from 0 and fractions below 1 are tolerances."""
    for right in (0, 7, 0.0, 0.5):
        images.require_tolerance(right)
    with pytest.raises(
        ConfigError, match=r"--max-rejected .* is not a whole number of files or a fraction of them below 1"
    ):
        images.require_tolerance(max_rejected)


def test_a_limit_has_no_table_in_a_training() -> None:
    """The way to read very large images is a key of a dataset, which a training has not: it says what to do instead."""
    error = Undecodable("too_large", "it has 400 pixels, more than the 300 that are read; write max_megapixels = 1")
    assert images.broken_file(Path("a.png"), error).why == (
        "too_large: it has 400 pixels, more than the 300 that are read; make it smaller"
    )


def test_one_image_in_two_classes_is_refused(tmp_path: Path) -> None:
    """The same bytes in two class folders are refused, all of them at once, because no prediction could be right."""
    data = _folders(tmp_path, a=2, b=2)
    for number in range(2):
        shutil.copy(data / "a" / f"0{number}.png", data / "b" / f"copy{number}.png")
    with pytest.raises(
        ConfigError,
        match=r"two labels: a/00\.png is 'a' and b/copy0\.png is 'b'; a/01\.png is 'a' and b/copy1\.png is 'b'; "
        r"remove the files that are wrong\Z",
    ):
        list_images(str(data))


def test_the_same_bytes_in_both_splits(tmp_path: Path) -> None:
    """Images in both splits are refused, each with both names."""
    _folders(tmp_path / "train", a=2, b=2)
    _folders(tmp_path / "val", a=1, b=1)
    with pytest.raises(
        ConfigError,
        match=r"val/a/00.png of the validation split has the same bytes as .*train/a/00.png of the training split; "
        r".*val/b/00.png of the validation split has the same .*train/b/00.png of the training split; remove one",
    ):
        list_images(str(tmp_path))


def test_class_names_with_line_breaks_are_refused(tmp_path: Path) -> None:
    """Each would be two classes in the list of the trained network."""
    _folders(tmp_path, **{"cat": 1, "red\npanda": 1})
    with pytest.raises(ConfigError, match=r"^class folder red\\npanda: .* this name has a line break; rename it$"):
        list_images(str(tmp_path))


def test_names_that_cannot_be_written_down_are_refused_first(tmp_path: Path) -> None:
    """File names that are not UTF-8, which would end the training after its first epoch, are refused."""
    for label in ("cat", "dog"):
        for number in range(2):
            file = tmp_path / label / f"{number}.png"
            file.parent.mkdir(exist_ok=True)
            Image.new("RGB", (8, 8), (len(label), number, ord(label[0]))).save(file)
    for label in ("cat", "dog"):
        (tmp_path / label / "0.png").rename(os.fsdecode(os.fsencode(tmp_path / label) + b"/0\xff.png"))
    with pytest.raises(ConfigError, match=r"cat/0\\xff\.png; .*dog/0\\xff\.png: the name is not UTF-8, .* rename it"):
        list_images(str(tmp_path))
