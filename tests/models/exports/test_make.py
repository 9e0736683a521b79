"""imgcls.models.exports.make: one entry for files that others made and for those that imgcls makes."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from export_parts import SPEC, distance, made_spec
from imgcls.config.recipe import ExportRecipe
from imgcls.errors import ConfigError, ModelError, WeightsMissing
from imgcls.models.exports import calibration_record, make, quantize
from imgcls.models.exports.network import Network
from imgcls.models.outputs import jit
from imgcls.records.config import ExportSpec

TORCHSCRIPT = made_spec(format="torchscript")
POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 3\n"


def test_a_configured_file_is_itself(tmp_path: Path) -> None:
    """Nothing is loaded or made."""
    file = tmp_path / "net.onnx"
    file.write_bytes(b"network")
    assert make.file_of(ExportSpec("onnx", "onnx", file), replace(SPEC, arch="nothing:at all"), None) == (file, ())


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, r"^no file at .*/net\.xml: put it there, or correct small in \[models\.digits\.exports\]$"),
        ({"net.xml": "<net/>"}, r"^.*/net\.bin is missing, which holds the weights of net\.xml: put it there$"),
        ({"net.xml": "<net/>", "net.bin": POINTER}, r"net\.bin: a Git LFS pointer, not the exported network itself: "),
        ({"net.xml": POINTER, "net.bin": "0"}, r"net\.xml: a Git LFS pointer, not the exported network itself: fetch"),
    ],
)
def test_a_file_that_is_not_here(files: dict[str, str], message: str, tmp_path: Path) -> None:
    """It is one line with what is missing and what to do."""
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(WeightsMissing, match=message):
        make.file_of(ExportSpec("small", "openvino", tmp_path / "net.xml"), SPEC, None)


def test_a_made_file_is_made_once(
    images: torch.Tensor, logits: NDArray[np.float32], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It computes the network's logits; the second call is a look-up, and another network is another file."""
    made = make.file_of(TORCHSCRIPT, SPEC, tmp_path)
    with pytest.warns(FutureWarning, match="deprecated"), torch.no_grad():
        assert distance(logits, jit.load(made.path)(images).numpy()) < 1e-4
    untrained = make.file_of(TORCHSCRIPT, replace(SPEC, weights="random:0"), tmp_path)
    assert untrained.path != made.path
    monkeypatch.setattr(make, "write", lambda *_: pytest.fail("it was made again"))
    assert make.file_of(TORCHSCRIPT, SPEC, tmp_path) == made


def test_without_a_store_the_second_call_is_a_look_up_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """The files of a process are in a temporary folder."""
    made = make.file_of(TORCHSCRIPT, SPEC, None)
    assert made.path.name == "network.torchscript"
    monkeypatch.setattr(make, "write", lambda *_: pytest.fail("it was made again"))
    assert make.file_of(TORCHSCRIPT, SPEC, None) == made


def test_a_library_that_does_not_load_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is installed, so that its version is known, and its import fails."""

    def fail(*_: object) -> tuple[str, ...]:
        raise ImportError("libonnx.so: cannot open shared object file")

    monkeypatch.setitem(make._WRITERS, "torchscript", fail)
    with pytest.raises(ModelError, match=r"cannot be made a torchscript file: libonnx.so: cannot open shared object"):
        make.file_of(TORCHSCRIPT, SPEC, tmp_path)


def _calibration(folder: Path, classes: int, images: int) -> Path:
    for number in range(images):
        place = folder / f"class{number % classes}"
        place.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), (number, 0, 0)).save(place / f"{number}.png")
    return folder


def _quantized(monkeypatch: pytest.MonkeyPatch) -> None:
    """Quantisation that costs nothing."""

    def write(_network: Network, _recipe: Any, images: Any, file: Path) -> quantize.Quantized:
        file.write_bytes(b"x" * len(images))
        return quantize.Quantized(400, ("a note",))

    monkeypatch.setattr(quantize, "write", write)


def test_a_poor_calibration_is_noted_and_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight images of one class: that is said each time, and their hashes are next to the file."""
    _quantized(monkeypatch)
    folder = _calibration(tmp_path / "calibration", 1, 8)
    export = made_spec(format="onnx", precision="int8", calibration=str(folder))
    made, again = (make.file_of(export, SPEC, tmp_path / "store") for _ in range(2))
    assert made == again
    assert made.notes[0] == "a note"
    assert made.notes[1].startswith("calibration on 8 images of one class (class0): ")
    record = calibration_record.of(made.path)
    assert record is not None
    assert (record.images, record.listed, record.classes, record.seed) == (8, 8, ("class0",), 0)
    assert (record.file_bytes, record.float32_bytes, record.network) == (8, 400, "timm:test_resnet")
    assert {"onnx", "onnxruntime", "onnxscript"} == set(record.versions)
    assert len(calibration_record.calibration_hashes(made.path)) == 8


def test_other_images_are_another_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One image more in the folder, and the file is made anew; a usual calibration needs no note."""
    _quantized(monkeypatch)
    folder = _calibration(tmp_path / "calibration", 2, 30)
    export = made_spec(format="onnx", precision="int8", calibration=str(folder))
    first = make.file_of(export, SPEC, tmp_path / "store")
    Image.new("RGB", (8, 8), (0, 200, 0)).save(folder / "class0" / "new.png")
    second = make.file_of(export, SPEC, tmp_path / "store")
    assert first.path != second.path
    assert first.notes == second.notes == ("a note",)


def test_a_failure_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the file nor its record is touched when the next one cannot be made."""
    _quantized(monkeypatch)
    recipe = ExportRecipe("onnx", "int8", calibration=_calibration(tmp_path / "images", 2, 4))
    file = tmp_path / "net.onnx"
    make.int8_file(recipe, SPEC, file)
    before = {place: place.read_bytes() for place in tmp_path.glob("net.onnx*")}
    assert len(before) == 2

    def fail(_network: Network, _recipe: Any, _images: Any, file: Path) -> None:
        file.write_bytes(b"half")
        raise ConfigError("no")

    monkeypatch.setattr(quantize, "write", fail)
    with pytest.raises(ConfigError, match=r"^no$"):
        make.int8_file(recipe, SPEC, file)
    assert {place: place.read_bytes() for place in tmp_path.glob("net.onnx*")} == before
    assert sorted(place.name for place in tmp_path.iterdir()) == ["images", "net.onnx", "net.onnx.calibration.json"]
    with pytest.raises(ConfigError, match=r"cannot be written: name a file in a folder that exists$"):
        make.int8_file(recipe, SPEC, tmp_path / "none" / "net.onnx")


def test_weights_that_float16_cannot_hold_are_noted(tmp_path: Path, odd: Any) -> None:
    """The file has other numbers in their place."""
    odd("Large")
    spec = replace(SPEC, arch="python:odd_nets:Large", weights=None, options={})
    made = make.file_of(made_spec(format="torchscript", precision="float16"), spec, tmp_path)
    assert made.notes == ("1 weights are beyond 65504, the largest number of float16: head.weight",)
    assert json.loads((made.path.parent / make.NOTES).read_text()) == list(made.notes)
    assert re.fullmatch("[0-9a-f]{64}", made.path.parent.name)
