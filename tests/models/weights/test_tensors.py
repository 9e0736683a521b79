"""imgcls.models.weights.tensors: the same values always have the same digest, in the layout that torch gives."""

import hashlib
import itertools
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from safetensors.torch import save_file

from imgcls.errors import ModelError
from imgcls.models.weights import reader, tensors


def test_state_digest_is_pinned() -> None:
    """The digest of a state dict is stored in keys, so its definition never changes."""
    hand = hashlib.sha256()
    hand.update(b'["a", "int16", [2]]\x01\x00\x02\x00')
    hand.update(b'["b", "bool", []]\x01')
    state = {"b": torch.tensor(True), "a": torch.tensor([1, 2], dtype=torch.int16)}
    assert hand.hexdigest() == tensors.state_sha256(state)


@given(hnp.arrays("float32", hnp.array_shapes(min_dims=2, max_dims=4, min_side=0)))
def test_state_digest_ignores_layout(array: object) -> None:
    """The same values give the same digest whatever their strides and offset in memory."""
    tensor = torch.tensor(array)
    elsewhere = torch.cat([torch.ones(1), tensor.flatten()])[1:].view(tensor.shape)
    strided = tensor.mT.contiguous().mT
    digests = {tensors.state_sha256({"x": each}) for each in (tensor, elsewhere, strided)}
    assert len(digests) == 1


STATE = {"fc.weight": torch.arange(6.0).reshape(2, 3), "bn.num_batches_tracked": torch.tensor(7)}


@given(st.permutations(list(STATE)))
def test_state_digest_ignores_order(names: list[str]) -> None:
    """The order in which a state dict was filled does not matter."""
    assert tensors.state_sha256(STATE) == tensors.state_sha256({name: STATE[name] for name in names})


def test_state_digest_sees_everything_else() -> None:
    """Name, dtype, shape and each value count, and so does the split between neighbours."""
    base = torch.zeros(2, 3)
    states = [
        {"x": base},
        {"y": base},
        {"x": base.to(torch.int32)},
        {"x": base.reshape(3, 2)},
        {"x": base + torch.eye(3)[:2]},
        {"x": -base},
        {"x": base[:1], "y": base[1:]},
        {"x": base, "y": torch.zeros(0)},
        {},
    ]
    assert len(states) == len({tensors.state_sha256(state) for state in states})


@pytest.mark.parametrize(
    "dtype",
    [torch.bfloat16, torch.float16, torch.float64, torch.complex64, torch.bool, torch.uint8, torch.float8_e4m3fn],
)
def test_state_digest_takes_every_dtype(dtype: torch.dtype) -> None:
    """Types that NumPy does not know are hashed by their bytes as well."""
    ones, zeros = torch.ones(3).to(dtype), torch.zeros(3).to(dtype)
    assert tensors.state_sha256({"x": ones}) != tensors.state_sha256({"x": zeros})


def test_state_digest_takes_slices() -> None:
    """A tensor that skips values of its storage, or repeats one, is hashed by what it shows."""
    skipping, repeating = torch.arange(6.0)[::2], torch.ones(1).expand(3)
    assert tensors.state_sha256({"x": skipping}) == tensors.state_sha256({"x": torch.tensor([0.0, 2.0, 4.0])})
    assert tensors.state_sha256({"x": repeating}) == tensors.state_sha256({"x": torch.ones(3)})


def test_state_digest_takes_small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tensor whose order in memory is another is hashed piece by piece, to the same digest."""
    tensor = torch.arange(2 * 3 * 5 * 7).reshape(2, 3, 5, 7)
    whole = tensors.state_sha256({"x": tensor})
    for chunk in (1, 4, 16, 64):
        monkeypatch.setattr(tensors, "_CHUNK", chunk)
        for order in itertools.permutations(range(4)):
            shuffled = tensor.permute(order).contiguous().permute([order.index(dim) for dim in range(4)])
            assert whole == tensors.state_sha256({"x": shuffled})


def test_state_digest_takes_parameters() -> None:
    """Tensors that require gradients are hashed by their values."""
    assert tensors.state_sha256({"x": torch.nn.Parameter(torch.ones(2))}) == tensors.state_sha256({"x": torch.ones(2)})


def test_state_digest_of_a_file_is_that_of_the_model(tmp_path: Path) -> None:
    """A model, its safetensors file and its checkpoint have one and the same digest."""
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4)).to(memory_format=torch.channels_last)
    state = model.state_dict()
    torch.save(state, tmp_path / "a.pth")
    save_file({name: tensor.contiguous() for name, tensor in state.items()}, tmp_path / "a.safetensors")
    read = [tensors.state_sha256(reader.read(tmp_path / name).tensors) for name in ("a.pth", "a.safetensors")]
    assert read == [tensors.state_sha256(state)] * 2


@pytest.mark.parametrize("chunk", [1, 50, 2**18])
@pytest.mark.parametrize("shape", [(8, 3, 3, 3), (8, 1, 3, 3), (8, 4, 1, 1), (1, 6, 2, 5), (0, 3, 2, 2)])
def test_channels_last_is_torchs(monkeypatch: pytest.MonkeyPatch, chunk: int, shape: tuple[int, ...]) -> None:
    """Filters have the values and strides that torch gives them, in the memory where they were."""
    monkeypatch.setattr(tensors, "_CHUNK", chunk)
    module, like_torch = torch.nn.Module(), torch.nn.Module()
    values = torch.rand(shape)
    module.filters, like_torch.filters = (torch.nn.Parameter(values.clone()) for _ in range(2))
    place = module.filters.data_ptr()
    tensors.to_channels_last(module)
    module.to(memory_format=torch.channels_last)
    like_torch.to(memory_format=torch.channels_last)
    assert torch.equal(module.filters, values)
    assert (module.filters.stride(), module.filters.data_ptr()) == (like_torch.filters.stride(), place)


def test_shared_memory_is_not_converted() -> None:
    """Memory that another tensor shows, too, stays as it is, so that the other one has its values."""
    module = torch.nn.Conv2d(4, 4, 3)
    view = module.weight.detach().view(-1)
    before = view.clone()
    tensors.to_channels_last(module)
    assert torch.equal(view, before)
    assert module.weight.is_contiguous()


def test_tied_filters_stay_tied() -> None:
    """A parameter that two layers have is converted once, for both."""
    module: Any = torch.nn.Sequential(torch.nn.Conv2d(4, 4, 3), torch.nn.Conv2d(4, 4, 3))
    module[1].weight = module[0].weight
    before = module[0].weight.detach().clone()
    tensors.to_channels_last(module)
    assert module[0].weight is module[1].weight
    assert torch.equal(module[0].weight, before)


def test_complex_values_are_refused_by_name() -> None:
    """In a precision of real numbers a part of them would be lost; parameters and buffers alike."""
    module = torch.nn.BatchNorm2d(2)
    tensors.refuse_complex("net", module)
    module.register_buffer("filter", torch.ones(2, dtype=torch.complex64))
    with pytest.raises(ModelError, match=r"^\[models\.net\] filter holds values of type complex64, .*view_as_complex"):
        tensors.refuse_complex("net", module)
