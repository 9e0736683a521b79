"""imgcls.models.weights.lazy_tensor: a tensor that stays in its file is like any other."""

import copy
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from imgcls.errors import ModelError
from imgcls.models.weights import lazy_tensor, reader, tensors


def _same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def _stored(folder: Path, **tensors: torch.Tensor) -> dict[str, torch.Tensor]:
    save_file(tensors, folder / "stored.safetensors")
    return reader.read(folder / "stored.safetensors").tensors


@pytest.mark.parametrize(
    "dtype",
    [
        *(torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64),
        *(torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.float8_e4m3fn, torch.uint16),
    ],
)
@pytest.mark.parametrize("shape", [(), (0,), (3, 2)])
def test_safetensors_keep_their_types(tmp_path: Path, dtype: torch.dtype, shape: tuple[int, ...]) -> None:
    """Whatever the type, what was written is read, bit by bit, next to other tensors."""
    tensor = torch.arange(math.prod(shape)).reshape(shape).to(dtype)
    stored = _stored(tmp_path, first=torch.ones(3), tensor=tensor, zlast=torch.ones(1))
    assert (stored["tensor"].shape, stored["tensor"].dtype) == (tensor.shape, dtype)
    assert tensors.state_sha256({"tensor": tensor}) == tensors.state_sha256({"tensor": stored["tensor"]})


def test_stored_tensors_can_be_computed_with(tmp_path: Path) -> None:
    """A tensor that stays in its file works like any other: slices, sums, copies, lists of tensors."""
    tensor = torch.arange(6.0).reshape(2, 3)
    stored = _stored(tmp_path, x=tensor)["x"]
    assert isinstance(stored, torch.Tensor)
    assert torch.equal(stored[:, 1:] * 2 + stored.mean(), tensor[:, 1:] * 2 + tensor.mean())
    assert torch.equal(torch.cat([stored, tensor]), torch.cat([tensor, tensor]))
    assert torch.equal(copy.deepcopy({"x": stored})["x"], tensor)
    assert (stored.device.type, stored.is_meta, stored.ndim, repr(stored)) == ("cpu", False, 2, repr(tensor))


class _Reads:
    """Counts the bytes that are taken for tensors while it is in force."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.taken = 0
        empty = torch.empty

        def counting(*shape: Any, **keys: Any) -> torch.Tensor:
            made = empty(*shape, **keys)
            self.taken += 0 if made.is_meta else made.nbytes
            return made

        monkeypatch.setattr(torch, "empty", counting)


def test_parameters_are_read_in_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A state dict goes from its file into parameters and buffers with no tensor between, unless types differ."""
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))
    expected = {name: torch.rand_like(tensor, dtype=torch.float32) for name, tensor in network.state_dict().items()}
    expected["1.num_batches_tracked"] = torch.tensor(7)
    save_file(expected, tmp_path / "a.safetensors")
    places = [tensor.data_ptr() for tensor in network.state_dict().values()]
    reads = _Reads(monkeypatch)
    network.load_state_dict(reader.read(tmp_path / "a.safetensors").tensors)
    assert _same(expected, network.state_dict())
    assert places == [tensor.data_ptr() for tensor in network.state_dict().values()]
    assert reads.taken == 0
    network.double().load_state_dict(reader.read(tmp_path / "a.safetensors").tensors)
    assert torch.equal(expected["0.weight"].double(), network.state_dict()["0.weight"])
    assert reads.taken > 0


@pytest.mark.parametrize(
    "state",
    [
        {"weight": torch.ones(2, 3)},
        {"weight": torch.ones(2, 3), "bias": torch.ones(2), "scale": torch.ones(1)},
        {"weight": torch.ones(3, 2), "bias": torch.ones(())},
    ],
    ids=["missing", "unexpected", "shapes"],
)
def test_stored_tensors_are_refused_like_others(tmp_path: Path, state: dict[str, torch.Tensor]) -> None:
    """A state dict that does not fit is refused in torch's own words, whether it is in memory or in a file."""
    messages = []
    for candidate in (state, _stored(tmp_path, **state)):
        with pytest.raises(RuntimeError, match="Error") as caught:
            torch.nn.Linear(3, 2).load_state_dict(candidate)
        messages.append(str(caught.value))
    assert messages[0] == messages[1]


def test_stored_tensors_fit_other_layouts(tmp_path: Path) -> None:
    """A parameter that lies in another order, and one that is a number where the file has a list of one, are filled."""
    filters = torch.rand(4, 3, 2, 2)
    turned = torch.nn.Conv2d(3, 4, 2, bias=False).to(memory_format=torch.channels_last)
    turned.load_state_dict(_stored(tmp_path, weight=filters))
    assert torch.equal(turned.weight, filters)
    number = torch.nn.Module()
    number.scale = torch.nn.Parameter(torch.tensor(0.0))
    number.load_state_dict(_stored(tmp_path, scale=torch.tensor([7.0])))
    assert number.scale == 7


def _replaced(file: Path) -> None:
    """Put another file of the same bytes in its place, as a training that writes whole files does."""
    other = file.with_name("other")
    other.write_bytes(file.read_bytes())
    os.utime(other, ns=(0, 0))
    other.replace(file)


@pytest.mark.parametrize("suffix", ["safetensors", "pth"])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda file: file.write_bytes(file.read_bytes()[:-4]), "was changed while it was read; run again when"),
        (_replaced, "was changed while it was read; run again when"),
        (lambda file: file.unlink(), r"cannot be read any more \(No such file or directory\); run again when"),
    ],
    ids=["cut off", "replaced", "removed"],
)
def test_files_that_change_are_noticed(
    change: Callable[[Path], object], message: str, suffix: str, tmp_path: Path
) -> None:
    """What becomes of a file between its header's reading and its tensors' never fills a network with values of two."""
    file, state = tmp_path / f"stored.{suffix}", {"weight": torch.ones(2, 3), "bias": torch.ones(2)}
    save_file(state, file) if suffix == "safetensors" else torch.save(state, file)
    stored = reader.read(file).tensors
    change(file)
    with pytest.raises(ModelError, match=rf"stored\.{suffix} {message}"):
        stored["weight"] + 1
    with pytest.raises(RuntimeError, match=rf"stored\.{suffix} {message}"):
        torch.nn.Linear(3, 2).load_state_dict(stored)


def test_the_texts_of_a_header(tmp_path: Path) -> None:
    """The texts in a header are read, and a file without any, or without a header, has none."""
    state = {"x": torch.zeros(1)}
    save_file(state, tmp_path / "a.safetensors", {"format": "pt", "arch": "timm:x"})
    save_file(state, tmp_path / "b.safetensors")
    (tmp_path / "c.safetensors").write_bytes(b"<html>")
    texts = [lazy_tensor.metadata(tmp_path / f"{name}.safetensors") for name in "abc"]
    assert texts == [{"format": "pt", "arch": "timm:x"}, {}, {}]
