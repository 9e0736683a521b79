"""imgcls.cli.quantize: one int8 file, what it was calibrated on, and the lines that test it."""

import tomllib
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from imgcls.config import loader
from imgcls.models.exports import calibration_record, quantize

CONFIGURATION = """
[models.digits]
arch = "timm:test_resnet"
weights = "builtin:digits_resnet"
options = { num_classes = 10 }
labels = "digits"
input = { resize = 32, crop = 32, interpolation = "bilinear", mean = [0.5, 0.5, 0.5], std = [0.5, 0.5, 0.5] }
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a configuration of one model."""
    (tmp_path / "imgcls.toml").write_text(CONFIGURATION)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def instant(monkeypatch: pytest.MonkeyPatch) -> None:
    """Quantisation that costs nothing."""

    def write(_network: Any, _recipe: Any, _images: Any, file: Path) -> quantize.Quantized:
        file.write_bytes(bytes(1_000_000))
        return quantize.Quantized(3_600_000, ())

    monkeypatch.setattr(quantize, "write", write)


@pytest.mark.slow
def test_the_file_and_what_is_printed(folder: Path, imgcls: Any) -> None:
    """By default OpenVINO's, next to where the command runs; the lines that are printed are a configuration."""
    pytest.importorskip("nncf")
    result = imgcls("quantize", "digits", "--data", "builtin:digits", "--images", "40")
    assert (result.ret, result.errlines) == (0, [])
    sizes, images, *lines = result.outlines
    assert sizes.startswith("digits_int8.xml: int8, 0.")
    assert images == "calibrated on 40 of 1437 images in builtin:digits, of 10 classes, chosen with seed 0"
    assert lines == ["test it with", "  [models.digits.exports]", '  int8 = "digits_int8.xml"']
    assert sorted(place.name for place in folder.iterdir()) == [
        "digits_int8.bin", "digits_int8.xml", "digits_int8.xml.calibration.json", "imgcls.toml",
    ]  # fmt: skip
    assert len(calibration_record.calibration_hashes(folder / "digits_int8.xml")) == 40


@pytest.mark.usefixtures("instant")
def test_the_lines_are_a_configuration(folder: Path, imgcls: Any) -> None:
    """They are read as they are printed, relative to the file that the model stands in."""
    (folder / "build").mkdir()
    result = imgcls("quantize", "digits", "--data", "builtin:digits", "-o", "build/small.onnx", "--per-tensor")
    assert result.outlines[0] == "build/small.onnx: int8, 1.00 MB; in float32 it is 3.60 MB, 3.6 times as much"
    (folder / "imgcls.toml").write_text(CONFIGURATION + "\n".join(result.outlines[3:]))
    [export] = loader.load([folder / "imgcls.toml"]).models["digits"].exports.values()
    assert (export.format, export.path) == ("onnx", folder / "build" / "small.onnx")
    record = calibration_record.of(folder / "build" / "small.onnx")
    assert record is not None
    assert not record.per_channel


@pytest.mark.usefixtures("instant")
def test_a_poor_calibration_is_said(folder: Path, imgcls: Any) -> None:
    """Eight images of one class: a note, and the file is made all the same."""
    images = folder / "images" / "cat"
    images.mkdir(parents=True)
    for number in range(8):
        Image.new("RGB", (32, 32), (number, 0, 0)).save(images / f"{number}.png")
    result = imgcls("quantize", "digits", "--data", "images", "--format", "onnx")
    assert result.ret == 0
    assert result.outlines[1] == "calibrated on 8 of 8 images in images, of 1 class, chosen with seed 0"
    assert result.outlines[2].startswith("note: calibration on 8 images of one class (cat): the ranges of activations")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--data", "none"), 2, "imgcls: calibration: none is neither a folder nor a manifest of images: correct its"),
        (("--data", "."), 2, "imgcls: calibration: . holds no images: name a folder or a manifest of images"),
        (
            ("--data", "builtin:digits", "-o", "net.pb"),
            2,
            "imgcls: -o net.pb: the name of the file must end in .xml or",
        ),
        (
            ("--data", "builtin:digits", "-o", "net.xml", "--format", "onnx"),
            2,
            "imgcls: -o net.xml: the name of the file must end in .onnx",
        ),
        (("--data", "builtin:digits", "-o", "no/net.xml"), 2, "imgcls: no/net.xml cannot be written: name a file in a"),
    ],
)
@pytest.mark.usefixtures("folder")
def test_errors_are_one_line(arguments: tuple[str, ...], code: int, message: str, imgcls: Any) -> None:
    """With the argument that is wrong, and nothing is made."""
    result = imgcls("quantize", "digits", *arguments)
    assert (result.ret, result.outlines) == (code, [])
    [line] = result.errlines
    assert line.startswith(message)


@pytest.mark.usefixtures("folder")
def test_without_the_extra(imgcls: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line says what to install."""
    installed = metadata.version

    def version(name: str) -> str:
        if name == "nncf":
            raise metadata.PackageNotFoundError(name)
        return installed(name)

    monkeypatch.setattr(metadata, "version", version)
    result = imgcls("quantize", "digits", "--data", "builtin:digits")
    assert (result.ret, result.errlines) == (
        3,
        ["imgcls: making an openvino int8 file needs nncf, not installed here: pip install 'imgcls[quantize]'"],
    )


def test_the_lines_for_an_architecture_are_toml() -> None:
    """Names with colons and dots become plain ones."""
    from imgcls.cli import quantize as command
    from imgcls.records.config import ModelSpec

    spec = ModelSpec("timm:resnet50.a1_in1k", "timm:resnet50.a1_in1k")
    document = tomllib.loads("\n".join(command._configuration(spec, Path("net int8.xml"))))
    assert document == {
        "models": {"timm_resnet50_a1_in1k": {"arch": "timm:resnet50.a1_in1k", "exports": {"int8": "net int8.xml"}}}
    }
