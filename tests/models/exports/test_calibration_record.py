"""imgcls.models.exports.calibration_record: what an int8 file was calibrated on is known from the file next to it."""

from pathlib import Path
from typing import Any

import pytest

from imgcls.errors import ConfigError
from imgcls.models.exports import calibration_record
from imgcls.models.exports.calibration_record import CalibrationRecord


def _record(images: int = 40, classes: tuple[str, ...] = ("cat", "dog"), **other: Any) -> CalibrationRecord:
    keys = {
        "network": "timm:test_resnet", "state_sha256": "0" * 64, "format": "onnx", "per_channel": True,
        "images": images, "listed": 100, "seed": 0, "classes": classes, "file_bytes": 100, "float32_bytes": 400,
        "versions": {"onnx": "1.18"}, "image_sha256": tuple(f"{number:064}" for number in range(images)),
    }  # fmt: skip
    return CalibrationRecord(**{**keys, **other})


def test_it_comes_back_as_it_was(tmp_path: Path) -> None:
    """It is written next to the file, and its hashes are those of the images."""
    file, record = tmp_path / "net.onnx", _record()
    calibration_record.write(file, record)
    assert (tmp_path / "net.onnx.calibration.json").is_file()
    assert calibration_record.of(file) == record
    assert calibration_record.calibration_hashes(file) == frozenset(record.image_sha256)


def test_a_file_without_one(tmp_path: Path) -> None:
    """Of other people's files nothing is known."""
    assert calibration_record.of(tmp_path / "net.onnx") is None
    assert calibration_record.calibration_hashes(tmp_path / "net.onnx") == frozenset()


def test_a_damaged_one_is_refused(tmp_path: Path) -> None:
    """An unknown calibration must not count as none."""
    (tmp_path / "net.onnx.calibration.json").write_text("{")
    with pytest.raises(ConfigError, match=r"net\.onnx\.calibration\.json: not one of imgcls: "):
        calibration_record.calibration_hashes(tmp_path / "net.onnx")


@pytest.mark.parametrize(
    ("images", "classes", "expected"),
    [
        (8, ("cat",), "calibration on 8 images of one class (cat): "),
        (29, ("cat", "dog"), "calibration on 29 images: "),
        (1, (), "calibration on 1 image: "),
        (300, ("cat",), "calibration on 300 images of one class (cat): "),
    ],
)
def test_a_poor_calibration_is_named(images: int, classes: tuple[str, ...], expected: str) -> None:
    """By the number of its images, and by its class where that is the only one."""
    weakness = calibration_record.weakness(_record(images, classes))
    assert weakness == (
        f"{expected}the ranges of activations are those of these images, and others are clipped; give 30 or more, from "
        "all classes"
    )


@pytest.mark.parametrize("classes", [(), ("cat", "dog")])
def test_a_usual_one_is_not(classes: tuple[str, ...]) -> None:
    """Thirty images of several classes, or of none that are known, are enough."""
    assert calibration_record.weakness(_record(30, classes)) is None
