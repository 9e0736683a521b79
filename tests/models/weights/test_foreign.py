"""imgcls.models.weights.foreign: a file that is not of PyTorch is refused by what it is, with the next step."""

import gzip
import tarfile
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from imgcls.errors import ModelError
from imgcls.models.weights import foreign, reader

STATE = {"fc.weight": torch.ones(2, 3)}


def _zip(*names: str) -> Callable[[Path], None]:
    def write(file: Path) -> None:
        with zipfile.ZipFile(file, "w") as archive:
            for name in names:
                archive.writestr(name, "x")

    return write


def _bytes(content: bytes) -> Callable[[Path], object]:
    return lambda file: file.write_bytes(content + bytes(300))


def _tar(file: Path) -> None:
    torch.save(STATE, file.with_name("inner"))
    with tarfile.open(file, "w") as archive:
        archive.add(file.with_name("inner"), "a.pth")


def _npz(file: Path) -> None:
    with file.open("wb") as stream:
        np.savez(stream, a=np.ones(1))


def _torchscript(file: Path) -> None:
    jit: Any = torch.jit
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what torch would have in its place
        jit.save(jit.trace(torch.nn.ReLU(), torch.ones(1)), file)


MADE = "name the PyTorch checkpoint that it was made from"

FILES: dict[str, tuple[str, Callable[[Path], object], str, str]] = {
    "HDF5": ("a.pth", _bytes(b"\x89HDF\r\n\x1a\n"), "an HDF5 file, as Keras writes it", "give its tensors the names"),
    "Keras": ("a.keras", _zip("config.json", "model.weights.h5"), "a model of Keras", "give its tensors the names"),
    "TensorFlow Lite": ("a.bin", _bytes(b"\x1c\0\0\0TFL3"), "a model of TensorFlow Lite", "give its tensors"),
    "ONNX": ("a.onnx", _bytes(b"\x08\x08\x12\x07pytorch"), "a model of ONNX", MADE),
    "TensorRT": ("a.engine", _bytes(b"ftrt"), "an engine of TensorRT", MADE),
    "GGUF": ("a.gguf", _bytes(b"GGUF\3"), "a GGUF file", MADE),
    "torch.export": (
        "a.pt2",
        _zip("a/archive_format", "a/models/model.json"),
        "a program of torch.export, which",
        'arch = "exported:{}"',
    ),
    "TorchScript": ("a.pt", _torchscript, "a TorchScript archive", 'arch = "torchscript:{}" with trust = true, where'),
    "npz": ("a.npz", _npz, "an archive of arrays of NumPy", "save its arrays as tensors: torch.save("),
    "npy": (
        "a.npy",
        lambda file: np.save(file, np.ones(1)),
        "an array of NumPy",
        "save its arrays as tensors: torch.sa",
    ),
    "gzip": ("a.pth", lambda file: file.write_bytes(gzip.compress(b"x")), "compressed with gzip", "unpack it"),
    "tar": ("a.tar", _tar, "a tar archive", "unpack it, and name the file in it"),
    "zip": ("a.zip", _zip("weights/a.pth", "readme"), "a zip archive of weights/a.pth, readme", "unpack it"),
    "web page": ("a.pth", _bytes(b"\n<!DOCTYPE html><html>"), "a web page", "fetch the file itself, which may require"),
    "web page, safetensors": ("a.safetensors", _bytes(b"<html>"), "a web page", "fetch the file itself"),
    "nothing": ("a.pth", lambda file: file.touch(), "empty", "fetch or save it again"),
}


@pytest.mark.parametrize("case", FILES)
def test_files_of_others_are_named(case: str, tmp_path: Path) -> None:
    """The message states what the file is and what to do with it."""
    name, write, what, step = FILES[case]
    write(tmp_path / name)
    with pytest.raises(ModelError) as caught:
        reader.content(tmp_path / name)
    message = str(caught.value)
    assert f"{name} is {what}" in message
    assert "and weights are files of safetensors or of torch.save: " in message
    assert step.format(tmp_path / name) in message


@pytest.mark.parametrize("name", ["a.onnx", "a.engine", "a.h5"])
@pytest.mark.parametrize("zipped", [True, False])
def test_content_goes_before_the_suffix(name: str, zipped: bool, tmp_path: Path) -> None:
    """What torch.save wrote is read under any name, and is of nobody else."""
    torch.save(STATE, tmp_path / name, _use_new_zipfile_serialization=zipped)
    assert reader.content(tmp_path / name).keys() == STATE.keys()
    assert foreign.kind(tmp_path / name) is None


def test_what_is_not_known_is_not_guessed(tmp_path: Path) -> None:
    """Text, and an archive that is damaged, are of no kind."""
    (tmp_path / "a.pth").write_text("hello")
    (tmp_path / "b.pth").write_bytes(b"PK\x03\x04" + bytes(99))
    _zip("c/version", "c/byteorder")(tmp_path / "c.pth")  # of a torch.save that was interrupted
    assert [foreign.kind(tmp_path / f"{name}.pth") for name in "abc"] == [None, None, None]
