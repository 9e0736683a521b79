"""The files of a training: the same bytes for the same content, and each whole or as it was before."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from imgcls.errors import ConfigError, MachineError
from imgcls.training import checkpoints


def test_weights_have_the_same_bytes_in_any_order_of_metadata(tmp_path: Path) -> None:
    """The header does not depend on the order of the metadata, and the library reads the tensors back."""
    state = {"a": torch.arange(3.0), "b": torch.eye(2)}
    names = [f"key{number}" for number in range(8)]
    for file, keys in (("one", names), ("other", names[::-1])):
        checkpoints.write_weights(tmp_path / file, state, dict.fromkeys(keys, "x"))
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()
    assert all(torch.equal(tensor, state[name]) for name, tensor in load_file(tmp_path / "one").items())


def test_a_state_comes_back(tmp_path: Path) -> None:
    """Tensors, numbers, text, lists and dicts come back from a checkpoint; a training may be resumed there."""
    tensor = torch.arange(3)
    checkpoints.save(tmp_path, {"steps": 3, "tensor": tensor, "rows": [{"loss": 0.5}], "about": "text"})
    loaded = dict(checkpoints.load(tmp_path))
    assert torch.equal(loaded.pop("tensor"), tensor)
    assert loaded == {"format": "imgcls-checkpoint 2", "steps": 3, "rows": [{"loss": 0.5}], "about": "text"}
    checkpoints.require_usable(tmp_path, [checkpoints.NAME], resume=True)
    with pytest.raises(ConfigError, match="holds a training already"):
        checkpoints.require_usable(tmp_path, [checkpoints.NAME], resume=False)


def test_a_file_stays_as_it_was_where_it_cannot_be_written(tmp_path: Path) -> None:
    """A folder that does not exist is reported with the file and the system's reason."""
    with pytest.raises(MachineError, match=r"cannot write .*none/weights: No such file or directory; choose another"):
        checkpoints.write(tmp_path / "none" / "weights", b"content")
