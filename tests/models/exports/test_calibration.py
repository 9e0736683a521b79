"""imgcls.models.exports.calibration: which images int8 is calibrated on, and what the network gets of them."""

import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dataset_forms import files_below, zip_of
from imgcls.config.recipe import ExportRecipe
from imgcls.data import digits
from imgcls.errors import ConfigError
from imgcls.models.exports import calibration
from imgcls.models.exports.network import Network

DIGITS = ExportRecipe("onnx", "int8", calibration="builtin:digits", images=100)


def _recipe(path: Path, images: int = 300) -> ExportRecipe:
    return ExportRecipe("onnx", "int8", calibration=path, images=images)


def _some(folder: Path, *names: str) -> Path:
    for number, name in enumerate(names):
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (16, 16), (number, 2 * number, 100)).save(file)
    return folder


def test_they_are_spread_evenly() -> None:
    """100 of the 1437 training digits are 100 distinct images, about 10 of each digit, and the same each time."""
    chosen = calibration.chosen(DIGITS)
    assert (len(chosen.images), chosen.listed) == (100, 1437)
    assert len({image.sha256 for image in chosen.images}) == 100
    counts = Counter(image.file.parent.name for image in chosen.images)
    assert sorted(counts) == sorted(digits.NAMES) == sorted(chosen.classes)
    assert set(counts.values()) <= {9, 10, 11}
    assert calibration.chosen(DIGITS) == chosen


def test_the_built_in_digits_are_those_of_training() -> None:
    """No image of the test split is calibrated on."""
    test = {file.read_bytes() for file in digits.folder("test").rglob("*.png")}
    assert not any(image.file.read_bytes() in test for image in calibration.chosen(DIGITS).images)


def test_the_same_bytes_count_once(tmp_path: Path) -> None:
    """A copy adds nothing to a calibration."""
    _some(tmp_path, "a/1.png", "a/2.png", "b/3.png")
    shutil.copy(tmp_path / "a/1.png", tmp_path / "b/copy.png")
    chosen = calibration.chosen(_recipe(tmp_path))
    assert ([image.file.name for image in chosen.images], chosen.listed) == (["1.png", "2.png", "3.png"], 3)


def test_images_without_folders_of_classes(tmp_path: Path) -> None:
    """A folder of images is enough; then there are no classes."""
    chosen = calibration.chosen(_recipe(_some(tmp_path, "1.png", "2.png")))
    assert (len(chosen.images), chosen.classes) == (2, ())


def test_a_manifest(tmp_path: Path) -> None:
    """The labels of a manifest are the classes."""
    _some(tmp_path, "1.png", "2.png")
    manifest = tmp_path / "calibration.csv"
    manifest.write_text("path,label\n1.png,cat\n2.png,dog\n")
    chosen = calibration.chosen(_recipe(manifest))
    assert (len(chosen.images), chosen.classes) == (2, ("cat", "dog"))


def test_an_archive(tmp_path: Path) -> None:
    """The folders in it are the classes, and nothing is unpacked."""
    _some(tmp_path / "photos", "cat/1.png", "dog/2.png")
    chosen = calibration.chosen(_recipe(zip_of(tmp_path / "photos.zip", files_below(tmp_path / "photos"))))
    assert (len(chosen.images), chosen.classes) == (2, ("cat", "dog"))


def test_what_holds_no_images(tmp_path: Path) -> None:
    """It is refused before a network is loaded, with what is there instead."""
    with pytest.raises(ConfigError, match=r"^calibration: .* holds no images: name a folder or a manifest of images$"):
        calibration.chosen(_recipe(tmp_path))
    with pytest.raises(ConfigError, match=r"/none is neither a folder nor a manifest of images: correct its path$"):
        calibration.chosen(_recipe(tmp_path / "none"))
    (tmp_path / "empty.png").touch()
    with pytest.raises(ConfigError, match="holds no images; 1 file there cannot be read as an image: name a folder"):
        calibration.chosen(_recipe(tmp_path))


def test_the_network_gets_its_own_input(reference: Network) -> None:
    """Each batch is one image exactly as the model's own transform gives it, however often they are read."""
    chosen = calibration.chosen(DIGITS)
    batches = calibration.decoded(chosen, reference.model).batches
    first = next(iter(batches))
    with Image.open(chosen.images[0].file) as image:
        expected = reference.model.transform(image)[None].numpy()
    assert np.array_equal(first, expected)
    assert first.dtype == np.float32
    assert [len(list(batches)) for _ in range(2)] == [len(batches)] * 2 == [100, 100]


def test_what_cannot_be_decoded_is_left_out_and_named(reference: Network, tmp_path: Path) -> None:
    """The others calibrate; where there is none, that is refused."""
    (tmp_path / "bad.png").write_bytes(b"no image")
    with pytest.raises(
        ConfigError, match=r"^calibration: none of the images can be decoded: .*bad\.png \(not_an_image"
    ):
        calibration.decoded(calibration.chosen(_recipe(tmp_path)), reference.model)
    _some(tmp_path, "1.png", "2.png")
    decoded = calibration.decoded(calibration.chosen(_recipe(tmp_path)), reference.model)
    assert [image.file.name for image in decoded.batches.images] == ["1.png", "2.png"]
    [note] = decoded.notes
    assert note.startswith("1 of 3 calibration images cannot be decoded and were left out: ")
    assert "bad.png (not_an_image" in note
