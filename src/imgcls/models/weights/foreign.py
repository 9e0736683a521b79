"""Files that are not of PyTorch: recognised by how they begin or what their archive holds, and what to do with them."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import NamedTuple

from imgcls import messages

_MADE = "name the PyTorch checkpoint that it was made from"
_OTHER = "give its tensors the names of the PyTorch network, and save them with torch.save"
_UNPACK = "unpack it, and name the file in it"
_ARRAYS = "save its arrays as tensors: torch.save({name: torch.from_numpy(array) for …})"


class Kind(NamedTuple):
    """What a file is, and the next step, in which ``{}`` is the file."""

    what: str
    step: str


_BEGINNINGS = {
    (0, b"\x89HDF\r\n\x1a\n"): Kind("an HDF5 file, as Keras writes it", _OTHER),
    (4, b"TFL3"): Kind("a model of TensorFlow Lite", _OTHER),
    (0, b"\x93NUMPY"): Kind("an array of NumPy", _ARRAYS),
    (0, b"GGUF"): Kind("a GGUF file", _MADE),
    (0, b"\x1f\x8b"): Kind("compressed with gzip", _UNPACK),
    (0, b"BZh"): Kind("compressed with bzip2", _UNPACK),
    (0, b"\xfd7zXZ\0"): Kind("compressed with xz", _UNPACK),
    (257, b"ustar"): Kind("a tar archive", _UNPACK),
}
"""By the place of the bytes that only files of this kind have there."""

_SUFFIXES = {
    ".onnx": Kind("a model of ONNX", _MADE),
    ".engine": Kind("an engine of TensorRT", _MADE),
    ".plan": Kind("an engine of TensorRT", _MADE),
    ".trt": Kind("an engine of TensorRT", _MADE),
    ".mlmodel": Kind("a model of Core ML", _MADE),
}
"""Of files that begin in no way of their own."""

_MEMBERS = {
    "model.weights.h5": Kind("a model of Keras", _OTHER),
    "archive_format": Kind(
        "a program of torch.export, which holds its network",
        'without `weights`, name it as the network: arch = "exported:{}"',
    ),
    "constants.pkl": Kind(
        "a TorchScript archive, which is a program",
        'without `weights`, name it as the network: arch = "torchscript:{}" with trust = true, where you trust who '
        "made it",
    ),
}
"""By a file in an archive."""

_OF_TORCH = frozenset({"data.pkl", "byteorder", "version"})
"""What torch.save writes, the last two also where it was interrupted."""

_PAGES = (b"<!doctype html", b"<html")
_START = 512


def kind(path: Path) -> Kind | None:
    """What a file is that is neither of safetensors nor of torch.save; None where that is not known. Raises OSError."""
    with path.open("rb") as file:
        start = file.read(_START)
    if not start:
        return Kind("empty", "fetch or save it again")
    if start.lstrip().lower().startswith(_PAGES):
        return Kind("a web page", "fetch the file itself, which may require you to log in")
    if start.startswith(b"PK"):
        return _of_archive(path)
    known = (one for (place, mark), one in _BEGINNINGS.items() if start[place:].startswith(mark))
    is_pickle = start.startswith(b"\x80")
    return next(known, None if is_pickle else _SUFFIXES.get(path.suffix.lower()))


def _of_archive(path: Path) -> Kind | None:
    """What a zip archive is, unless torch.save wrote it."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if not name.endswith("/")]
    except (zipfile.BadZipFile, ValueError):
        return None
    inner = {name.rpartition("/")[2] for name in names}
    if known := next((one for member, one in _MEMBERS.items() if member in inner), None):
        return known
    if _OF_TORCH & inner:
        return None
    if names and all(name.endswith(".npy") for name in names):
        return Kind("an archive of arrays of NumPy", _ARRAYS)
    return Kind(f"a zip archive of {messages.named(names, 3) or 'nothing'}", _UNPACK)
