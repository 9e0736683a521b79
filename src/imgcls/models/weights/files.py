"""Which file of a folder holds the weights, and what kind of file it is: its content decides, not its suffix."""

from __future__ import annotations

import re
from pathlib import Path

from imgcls import lfs, messages
from imgcls.config.specs import WEIGHT_SUFFIXES
from imgcls.errors import ModelError, WeightsMissing
from imgcls.models.weights import hashes

PUBLISHED_NAMES = ("model.safetensors", "pytorch_model.bin")
"""What files of weights are called on Hugging Face, in the order that timm tries them in."""

_NAMES = (*PUBLISHED_NAMES, "best.safetensors")  # the last one is that of our own trainings
_PART = re.compile(r"\.index\.json$|-[0-9]{5}-of-(?!00001\.)[0-9]{5}\.")
"""How files are called of which several together hold the weights, and the list of them."""

_JOIN = {
    "safetensors": (
        "from pathlib import Path; from safetensors.torch import load_file, save_file; "
        "save_file({k: v for f in Path().glob('*-of-*.safetensors') for k, v in load_file(f).items()}, "
        "'model.safetensors')"
    ),
    "torch": (
        "from pathlib import Path; import torch; "
        "torch.save({k: v for f in Path().glob('*-of-*.bin') for k, v in torch.load(f, weights_only=True).items()}, "
        "'pytorch_model.bin')"
    ),
}
"""What makes one file of them."""

_MOST_HEADER_BYTES = 100_000_000  # as the safetensors library itself allows


def located(path: Path) -> Path:
    """The file of weights at a path: itself, or in a folder the one of a usual name, or the only one.

    Raises :class:`WeightsMissing` where there is none or Git LFS did not fetch it, :class:`ModelError` where there are
    several.
    """
    file = _located(path)
    if _PART.search(file.name):
        raise _in_parts(file.parent)
    if lfs.is_pointer_file(file):
        raise WeightsMissing(lfs.refusal(file, "weights file"))
    return file


def _located(path: Path) -> Path:
    if path.is_file():
        return path
    if not path.is_dir():
        raise WeightsMissing(
            f"no weights file at {path.absolute()}; put it there, or correct `weights` in the configuration"
        )
    for name in _NAMES:
        if (path / name).is_file():
            return path / name
    if any(path.glob("*.index.json")):
        raise _in_parts(path)
    files = sorted(file for file in path.iterdir() if file.name.lower().endswith(WEIGHT_SUFFIXES) and file.is_file())
    if len(files) == 1:
        return files[0]
    if not files:
        raise WeightsMissing(
            f"the folder {path.absolute()} holds no file of weights, such as {_NAMES[0]}; put it there, or correct "
            "`weights` in the configuration"
        )
    names = [file.name for file in files]
    raise ModelError(
        f"the folder {path} holds {messages.counted(len(files), 'file')} of weights: "
        f"{messages.named(names)}; name one of them: "
        f'weights = "{files[0]}"'
    )


def _in_parts(folder: Path) -> ModelError:
    """The error for weights that a library saved as several files."""
    kind = "safetensors" if any(folder.glob("*-of-*.safetensors")) else "torch"
    return ModelError(
        f"{folder} holds weights in several files, and one is read: join them there, as in "
        f'python -c "{_JOIN[kind]}"; or save them again as one, with save_pretrained(…, max_shard_size="1TB")'
    )


def is_safetensors(path: Path) -> bool:
    """Whether a file begins as safetensors does: the length of a header in JSON, then that header. Raises OSError.

    A file that nothing else can read either is one if its name states it, so that its damage is reported as that.
    """
    with path.open("rb") as file:
        start = file.read(9)
    if start[:4] == b"PK\x03\x04":  # the archive of torch.save
        return False
    has_header = start[8:] == b"{" and int.from_bytes(start[:8], "little") <= _MOST_HEADER_BYTES
    return has_header or (path.suffix.lower() == ".safetensors" and start[:1] != b"\x80")  # a pickle of torch.save


def check_pin(path: Path, sha256: str) -> None:
    """Raise :class:`ModelError` where a file is not the pinned one, :class:`WeightsMissing` where there is none."""
    actual = hashes.file_sha256(located(path))
    if actual != sha256.lower():
        raise ModelError(
            f"{path} is not the pinned file: its sha256 is {actual}, the configuration pins {sha256}; "
            "fetch the right file, or correct sha256"
        )
