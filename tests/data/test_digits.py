import hashlib
import os
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from imgcls.data import digits, duplicates
from imgcls.data import listing as listings
from imgcls.errors import MachineError


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("IMGCLS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_the_test_split_is_36_of_each_digit() -> None:
    """The test split holds 36 images of each digit, the train split all others, and no image is in both."""
    test, train = digits.indices("test"), digits.indices("train")
    targets = load_digits().target

    assert Counter(int(targets[index]) for index in test) == dict.fromkeys(range(10), 36)
    assert (len(test), len(train)) == (360, 1437)
    assert sorted(test + train) == list(range(1797))


def test_the_test_split_are_the_smallest_hashes() -> None:
    """Of each digit, every held-out index hashes lower than every other index."""
    targets = load_digits().target
    test = set(digits.indices("test"))

    for digit in range(10):
        of_digit = [index for index in range(1797) if targets[index] == digit]
        by_hash = sorted(of_digit, key=lambda index: hashlib.sha256(str(index).encode()).hexdigest())
        assert {index in test for index in by_hash[:36]} == {True}
        assert {index in test for index in by_hash[36:]} == {False}


def test_the_test_split_does_not_move() -> None:
    """The first held-out indices are pinned: a model trained on version 1 must never have seen them."""
    assert digits.indices("test")[:8] == [8, 9, 39, 46, 47, 49, 50, 51]


@pytest.mark.parametrize(("split", "count"), [("test", 360), ("train", 1437)])
def test_folder_holds_the_split(cache: Path, split: Literal["train", "test"], count: int) -> None:
    """The folder lies in the cache, and lists as ten classes of distinct images named by their index."""
    folder = digits.folder(split)
    listing = listings.find("digits", folder)
    targets = load_digits().target

    assert folder == cache / "digits-1" / split
    assert (len(listing.images), listing.rejections, listing.ignored) == (count, (), 0)
    assert {image.path for image in listing.images} == {
        f"{digits.NAMES[targets[index]]}/{index:04d}.png" for index in digits.indices(split)
    }
    duplicates.require_one_label(listing)


def test_pixels_are_scikit_learns() -> None:
    """Each file is an 8-bit grey 8 x 8 image of the values 0 to 16, spread over 0 to 255 and rounded."""
    bunch = load_digits()
    folder = digits.folder("test")

    for index in digits.indices("test"):
        with Image.open(folder / digits.NAMES[bunch.target[index]] / f"{index:04d}.png") as image:
            assert (image.mode, image.size) == ("L", (8, 8))
            assert np.abs(np.asarray(image) - bunch.images[index] * 255 / 16).max() <= 0.5


def test_files_are_the_same_bytes_everywhere() -> None:
    """The bytes of a file are pinned, since predictions and goldens are found again by their hash."""
    data = (digits.folder("test") / "eight" / "0008.png").read_bytes()

    assert hashlib.sha256(data).hexdigest() == "8e71128084536aee64e077320f05effc45a893b6f5a0cf64aa4eb832f16b6415"


def test_folder_is_written_once() -> None:
    """A folder that is there is given as it is, not written again."""
    first = digits.folder("test")
    (first / "eight" / "0008.png").unlink()

    assert digits.folder("test") == first
    assert not (first / "eight" / "0008.png").exists()


def test_several_at_once_agree(cache: Path) -> None:
    """Four that write at the same time all get a whole folder, and leave nothing else behind."""
    with ThreadPoolExecutor(4) as pool:
        folders = set(pool.map(lambda _: digits.folder("test"), range(4)))

    assert folders == {cache / "digits-1" / "test"}
    assert [path.name for path in (cache / "digits-1").iterdir()] == ["test"]
    assert len(listings.find("digits", folders.pop()).images) == 360


def test_the_second_to_finish_gives_way(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where another process has moved its folder into place meanwhile, that one is given."""
    really_write = digits._write

    def overtaken(target: Path, split: Literal["train", "test"]) -> None:
        really_write(target, split)
        (cache / "digits-1" / "test" / "theirs").mkdir(parents=True)

    monkeypatch.setattr(digits, "_write", overtaken)

    assert [path.name for path in digits.folder("test").iterdir()] == ["theirs"]


def test_a_half_written_folder_never_counts(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that fills up halfway leaves nothing that looks like the dataset, and the next attempt is whole."""
    written: list[Path] = []
    really_save = Image.Image.save

    def fill_up(image: Image.Image, file: Path, *, compress_level: int) -> None:
        if len(written) == 100:
            raise OSError(28, "No space left on device")
        written.append(file)
        really_save(image, file, compress_level=compress_level)

    with monkeypatch.context() as patch:
        patch.setattr(Image.Image, "save", fill_up)
        with pytest.raises(MachineError, match="No space left on device; set IMGCLS_CACHE"):
            digits.folder("test")

    assert list((cache / "digits-1").iterdir()) == []
    assert len(listings.find("digits", digits.folder("test")).images) == 360


def test_a_cache_that_cannot_be_written_names_the_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache that lies below a file is the machine's fault, and the message names IMGCLS_CACHE."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("IMGCLS_CACHE", str(tmp_path / "file" / "cache"))

    with pytest.raises(MachineError, match=r"file/cache/digits-1/test: .*; set IMGCLS_CACHE to a folder"):
        digits.folder("test")


def test_the_users_cache_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without IMGCLS_CACHE, or with an empty one, the cache is the user's."""
    import platformdirs

    for value in (None, ""):
        if value is None:
            monkeypatch.delenv("IMGCLS_CACHE")
        else:
            monkeypatch.setenv("IMGCLS_CACHE", value)
        assert digits.cache(os.environ) == platformdirs.user_cache_path("imgcls")


def test_import_is_light() -> None:
    """To import the module loads neither scikit-learn nor NumPy nor Pillow."""
    program = "import sys, imgcls.data.digits; print({'sklearn', 'numpy', 'PIL'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", program], env=dict(os.environ), capture_output=True, text=True, check=True
    )

    assert done.stdout == "set()\n"
