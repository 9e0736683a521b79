"""The files of a training on the disk: weights, and a state to resume from; each is whole, or as it was before."""

from __future__ import annotations

import errno
import io
import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imgcls import documents
from imgcls.errors import ConfigError, MachineError
from imgcls.models.weights import pickled

if TYPE_CHECKING:
    import torch

NAME = "checkpoint.pt"
_FORMAT = "imgcls-checkpoint 2"


def require_usable(folder: Path, names: Collection[str], *, resume: bool) -> None:
    """A training that writes files of these names may begin in ``folder``, or be resumed there; nothing is written.

    Raises ConfigError where there is a training already or a file of the user's, or nothing to resume.
    """
    has_begun = (folder / NAME).is_file()
    if has_begun and not resume:
        raise ConfigError(f"{folder} holds a training already; continue it with --resume, or choose another --out")
    if resume and not has_begun:
        raise ConfigError(f"{folder} holds no {NAME} to continue from; leave --resume out to begin")
    if not has_begun and (existing := sorted(name for name in names if (folder / name).exists())):
        raise ConfigError(
            f"{folder} holds {', '.join(existing)} already, which would be overwritten; choose another --out"
        )


def make_folder(folder: Path, names: Collection[str]) -> None:
    """Make the folder, and remove what a training that was killed left half-written of files of these names.

    Raises MachineError.
    """
    with written(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for name in names:
            for half in documents.halves(folder / name):
                half.unlink()


def abandon(folder: Path) -> None:
    """Forget a training that never finished an epoch, so that it can begin with other options."""
    (folder / NAME).unlink(missing_ok=True)


def save(folder: Path, state: Mapping[str, Any]) -> None:
    """Write a state of tensors, numbers, text, lists and dicts. Raises MachineError."""
    import torch

    content = io.BytesIO()  # torch's own writer hides the system's message about a full disk
    torch.save({"format": _FORMAT, **state}, content)
    write(folder / NAME, content.getvalue())


def load(folder: Path) -> Mapping[str, Any]:
    """Read what :func:`save` wrote, without running code. Raises ModelError, ConfigError and MachineError."""
    try:
        state = pickled.load(folder / NAME)
    except OSError as error:
        raise MachineError(
            f"{folder / NAME} cannot be read ({error.strerror}); begin anew with another --out"
        ) from error
    if not isinstance(state, dict) or state.get("format") != _FORMAT:
        raise ConfigError(f"{folder / NAME} is not of the format '{_FORMAT}'; begin anew with another --out")
    return state


def write_weights(file: Path, state: Mapping[str, torch.Tensor], metadata: Mapping[str, str]) -> None:
    """Write a state dict and its metadata as safetensors, the same bytes for the same content. Raises MachineError.

    The library writes metadata in an order that changes from process to process, so the header is written again: its
    length (8 bytes, little-endian), then JSON, padded with spaces to a multiple of 8 bytes.
    """
    import torch
    from safetensors.torch import save as safetensors

    own = {name: value.detach().cpu().clone(memory_format=torch.contiguous_format) for name, value in state.items()}
    written_by_library = safetensors(own, dict(metadata))
    tensors = 8 + int.from_bytes(written_by_library[:8], "little")
    header = json.dumps(json.loads(written_by_library[8:tensors]), sort_keys=True, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    write(file, len(header).to_bytes(8, "little") + header + written_by_library[tensors:])


def write(file: Path, content: bytes) -> None:
    """Raises MachineError; then the file is what it was before."""
    with written(file), documents.whole(file) as stream:
        stream.write(content)


@contextmanager
def written(file: Path) -> Iterator[None]:
    """Within this context, an error of the system about writing ``file`` is a MachineError."""
    try:
        yield
    except OSError as error:
        raise MachineError(f"cannot write {file}: {error.strerror}; {_way_out(file, error)}") from error


def _way_out(file: Path, error: OSError) -> str:
    if error.errno not in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
        return "choose another --out"
    if (file.parent / NAME).is_file():
        return "what was written before is whole: make room and continue with --resume"
    return "make room, or choose another --out"
