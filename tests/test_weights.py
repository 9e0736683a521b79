"""imgcls.weights: files are read without running code, and the same values always have the same digest."""

import argparse
import copy
import errno
import hashlib
import io
import itertools
import math
import os
import pickle
import random
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from safetensors.torch import save, save_file

from imgcls import weights
from imgcls.errors import ModelError, WeightsMissing

STATE = {"fc.weight": torch.arange(6.0).reshape(2, 3), "bn.num_batches_tracked": torch.tensor(7)}


def _same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


class Harmful:
    """Its pickle creates a file when it is loaded by an unpickler that runs code."""

    def __init__(self, witness: Path) -> None:
        self.witness = witness

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return os.mkdir, (str(self.witness),)


# Reading.


def test_safetensors_are_read(tmp_path: Path) -> None:
    """A safetensors file gives back the tensors it was written from."""
    save_file(STATE, tmp_path / "a.safetensors")
    assert _same(STATE, weights.read(tmp_path / "a.safetensors"))


def test_safetensors_are_never_written_back(tmp_path: Path) -> None:
    """Changing a tensor that was read leaves the file as it was."""
    file = tmp_path / "a.safetensors"
    save_file(STATE, file)
    before = file.read_bytes()
    weights.read(file)["fc.weight"].add_(1)
    assert before == file.read_bytes()


def _stored(folder: Path, **tensors: torch.Tensor) -> dict[str, torch.Tensor]:
    save_file(tensors, folder / "stored.safetensors")
    return weights.read(folder / "stored.safetensors")


@pytest.mark.parametrize(
    "dtype",
    [
        *(torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64),
        *(torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.float8_e4m3fn, torch.uint16),
    ],
)
@pytest.mark.parametrize("shape", [(), (0,), (3, 2)])
def test_safetensors_keep_their_types(tmp_path: Path, dtype: torch.dtype, shape: tuple[int, ...]) -> None:
    """Whatever the type, what was written is read, bit by bit, beside other tensors."""
    tensor = torch.arange(math.prod(shape)).reshape(shape).to(dtype)
    stored = _stored(tmp_path, first=torch.ones(3), tensor=tensor, zlast=torch.ones(1))
    assert (stored["tensor"].shape, stored["tensor"].dtype) == (tensor.shape, dtype)
    assert weights.state_sha256({"tensor": tensor}) == weights.state_sha256({"tensor": stored["tensor"]})


def test_stored_tensors_can_be_computed_with(tmp_path: Path) -> None:
    """A tensor that stays in its file answers like any other: slices, sums, copies, lists of tensors."""
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
    network.load_state_dict(weights.read(tmp_path / "a.safetensors"))
    assert _same(expected, network.state_dict())
    assert places == [tensor.data_ptr() for tensor in network.state_dict().values()]
    assert reads.taken == 0
    network.double().load_state_dict(weights.read(tmp_path / "a.safetensors"))
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
    for tensors in (state, _stored(tmp_path, **state)):
        with pytest.raises(RuntimeError, match="Error") as caught:
            torch.nn.Linear(3, 2).load_state_dict(tensors)
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


def test_files_that_shrink_are_noticed(tmp_path: Path) -> None:
    """A file that is cut off between its header's reading and its tensors' fills nothing silently."""
    stored = _stored(tmp_path, weight=torch.ones(2, 3), bias=torch.ones(2))
    (tmp_path / "stored.safetensors").write_bytes((tmp_path / "stored.safetensors").read_bytes()[:-4])
    with pytest.raises(RuntimeError, match=r"stored\.safetensors became shorter while it was read"):
        torch.nn.Linear(3, 2).load_state_dict(stored)


@pytest.mark.parametrize("suffix", [".pth", ".pt", ".bin", ".pth.tar"])
def test_checkpoints_are_read(tmp_path: Path, suffix: str) -> None:
    """A state dict saved by torch is read whatever its suffix."""
    torch.save(STATE, tmp_path / f"a{suffix}")
    assert _same(STATE, weights.read(tmp_path / f"a{suffix}"))


def test_old_checkpoints_are_read(tmp_path: Path) -> None:
    """The format that torch wrote before 1.6, which older published files still have, is read too."""
    torch.save(STATE, tmp_path / "a.pth", _use_new_zipfile_serialization=False)
    assert _same(STATE, weights.read(tmp_path / "a.pth"))


@pytest.mark.parametrize("key", ["state_dict", "model", "model_state_dict"])
def test_training_checkpoints_are_unwrapped(tmp_path: Path, key: str) -> None:
    """What training scripts save around a state dict, arguments and a stray tensor included, is left aside."""
    around = {"epoch": 3, "optimizer": {"lr": 0.1}, "args": argparse.Namespace(lr=0.1), "best_acc1": torch.tensor(0.7)}
    torch.save({key: STATE, **around}, tmp_path / "a.pth")
    assert _same(STATE, weights.read(tmp_path / "a.pth"))


@pytest.mark.parametrize(("key", "average"), [("state_dict", "state_dict_ema"), ("model", "model_ema")])
def test_averaged_weights_are_not_preferred(tmp_path: Path, key: str, average: str) -> None:
    """Where a checkpoint holds plain and averaged weights, the plain ones are read."""
    torch.save({average: {"fc.weight": torch.zeros(2, 3)}, key: STATE}, tmp_path / "a.pth")
    assert _same(STATE, weights.read(tmp_path / "a.pth"))


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ({"state_dict_ema": STATE, "epoch": 1}, "averaged weights alone, as state_dict_ema"),
        ({"state_dict": STATE, "model": STATE}, "it holds several: state_dict, model"),
        ({"epoch": 1}, "its 'epoch' is no dense tensor but a int"),
        ({**STATE, "sparse": torch.eye(2).to_sparse()}, "its 'sparse' is no dense tensor but a Tensor"),
        ({0: torch.zeros(1)}, "its 0 is no dense tensor"),
        ([torch.zeros(1)], "it holds a list"),
        (torch.zeros(1), "it holds a Tensor"),
        ({}, "it is empty"),
    ],
)
def test_other_contents_are_refused(tmp_path: Path, content: object, why: str) -> None:
    """Something that is no state dict, or not clearly one, is refused with what it is."""
    torch.save(content, tmp_path / "a.pth")
    with pytest.raises(ModelError, match=rf"a\.pth holds no state dict to load: .*{why}.*re-save .* as safetensors"):
        weights.read(tmp_path / "a.pth")


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module."])
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_wrapping_prefixes_are_removed(tmp_path: Path, prefix: str, suffix: str) -> None:
    """The names that DistributedDataParallel and torch.compile give are those of the bare model again."""
    wrapped = {prefix + name: tensor for name, tensor in STATE.items()}
    torch.save(wrapped, tmp_path / "a.pth")
    save_file(wrapped, tmp_path / "a.safetensors")
    assert _same(STATE, weights.read(tmp_path / f"a{suffix}"))


def test_submodules_keep_their_names(tmp_path: Path) -> None:
    """A submodule that happens to be called ``module`` is not taken for a wrapper."""
    state = {"module.weight": torch.zeros(1), "fc.weight": torch.ones(1)}
    torch.save(state, tmp_path / "a.pth")
    assert _same(state, weights.read(tmp_path / "a.pth"))


@pytest.mark.parametrize("zipped", [True, False])
def test_code_is_never_run(tmp_path: Path, zipped: bool) -> None:
    """A checkpoint that would run code is refused by name, with advice that is safe, and nothing is run."""
    witness = tmp_path / "witness"
    torch.save({"fc": Harmful(witness)}, tmp_path / "a.pth", _use_new_zipfile_serialization=zipped)
    with pytest.raises(ModelError, match=r"would run (posix|nt)\.mkdir.*re-save .* as safetensors$") as caught:
        weights.read(tmp_path / "a.pth")
    assert not witness.exists()
    assert "weights_only" not in str(caught.value)


def test_the_harmful_pickle_does_harm(tmp_path: Path) -> None:
    """The pickle that the test above refuses does run code where an unpickler lets it."""
    pickle.loads(pickle.dumps(Harmful(tmp_path / "witness")))  # noqa: S301 - the point of it
    assert (tmp_path / "witness").exists()


@pytest.mark.parametrize("name", ["a.safetensors", "a.pth"])
@pytest.mark.parametrize("cut", [0, 5, 60, -1])
def test_truncated_files_are_refused(tmp_path: Path, name: str, cut: int) -> None:
    """A file that was cut off anywhere is refused in one line that says so."""
    written = io.BytesIO()
    torch.save(STATE, written)
    whole = {"a.safetensors": save(STATE), "a.pth": written.getvalue()}[name]
    (tmp_path / name).write_bytes(whole[:cut])
    with pytest.raises(ModelError, match=r"\A.*was cut off .*again.*\Z"):
        weights.read(tmp_path / name)


@pytest.mark.parametrize("seed", range(20))
def test_damaged_files_raise_nothing_else(tmp_path: Path, seed: int) -> None:
    """Bytes flipped in a checkpoint's structure give a state dict or a :class:`ModelError`, nothing else."""
    written = io.BytesIO()
    torch.save(STATE, written, _use_new_zipfile_serialization=bool(seed % 2))
    chance = random.Random(seed)  # noqa: S311 - no secret
    for _ in range(30):
        damaged = bytearray(written.getvalue())
        for _ in range(3):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        (tmp_path / "a.pth").write_bytes(damaged)
        with suppress(ModelError):
            weights.read(tmp_path / "a.pth")


@pytest.mark.parametrize("name", ["a.safetensors", "a.pth"])
def test_other_files_are_refused(tmp_path: Path, name: str) -> None:
    """A web page saved under a weights file's name is refused."""
    (tmp_path / name).write_text("<!doctype html><html>Sign in</html>" * 9)
    with pytest.raises(ModelError, match=r"a\.(safetensors|pth) is no .* was cut off"):
        weights.read(tmp_path / name)


@pytest.mark.parametrize("place", ["absent.safetensors", "."])
def test_absent_files_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    """Where there is no file, or a folder, the message says the whole path that was tried."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(WeightsMissing, match=rf"no weights file at {tmp_path}"):
        weights.read(Path(place))


def test_unreadable_files_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that the system does not let us read is missing, with the system's reason."""
    (tmp_path / "a.pth").write_bytes(b"")

    def denied(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(torch, "load", denied)
    with pytest.raises(WeightsMissing, match=r"cannot read the weights file .*a\.pth: Permission denied"):
        weights.read(tmp_path / "a.pth")


def test_real_weights_are_read(shared_data: Path) -> None:
    """The real state dicts have the names and the number of parameters of their architectures."""
    squeezenet = weights.read(shared_data / "weights" / "squeezenet1_0.deep_compression_in1k.safetensors")
    mobilenet = weights.read(shared_data / "weights" / "mobilenetv2_100.tf_qat_in1k.safetensors")
    assert sum(tensor.numel() for tensor in squeezenet.values()) == 1_248_424
    assert mobilenet["classifier.weight"].shape == (1000, 1280)


# Fingerprints.


def test_pinned_file_passes(tmp_path: Path) -> None:
    """A file whose sha256 is the pinned one is let through, whichever case the pin is written in."""
    (tmp_path / "a.pth").write_bytes(b"abc")
    weights.check_pin(tmp_path / "a.pth", hashlib.sha256(b"abc").hexdigest().upper())


def test_other_file_than_pinned_is_refused(tmp_path: Path) -> None:
    """A file whose sha256 is another than the pinned one is refused, and both are named."""
    (tmp_path / "a.pth").write_bytes(b"abc")
    with pytest.raises(ModelError, match=rf"a\.pth .*{hashlib.sha256(b'abc').hexdigest()}.*{'0' * 64}"):
        weights.check_pin(tmp_path / "a.pth", "0" * 64)


def test_absent_pinned_file_is_missing(tmp_path: Path) -> None:
    """A pin on a file that is not there says that it is not there."""
    with pytest.raises(WeightsMissing, match=r"no weights file at .*absent\.pth"):
        weights.check_pin(tmp_path / "absent.pth", "0" * 64)


def test_state_digest_is_pinned() -> None:
    """The digest of a state dict is stored in keys, so its definition never changes."""
    hand = hashlib.sha256()
    hand.update(b'["a", "int16", [2]]\x01\x00\x02\x00')
    hand.update(b'["b", "bool", []]\x01')
    state = {"b": torch.tensor(True), "a": torch.tensor([1, 2], dtype=torch.int16)}
    assert hand.hexdigest() == weights.state_sha256(state)


@given(hnp.arrays("float32", hnp.array_shapes(min_dims=2, max_dims=4, min_side=0)))
def test_state_digest_ignores_layout(array: object) -> None:
    """The same values give the same digest whatever their strides and offset in memory."""
    tensor = torch.tensor(array)
    elsewhere = torch.cat([torch.ones(1), tensor.flatten()])[1:].view(tensor.shape)
    strided = tensor.mT.contiguous().mT
    digests = {weights.state_sha256({"x": each}) for each in (tensor, elsewhere, strided)}
    assert len(digests) == 1


@given(st.permutations(list(STATE)))
def test_state_digest_ignores_order(names: list[str]) -> None:
    """The order in which a state dict was filled does not matter."""
    assert weights.state_sha256(STATE) == weights.state_sha256({name: STATE[name] for name in names})


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
    assert len(states) == len({weights.state_sha256(state) for state in states})


@pytest.mark.parametrize(
    "dtype",
    [torch.bfloat16, torch.float16, torch.float64, torch.complex64, torch.bool, torch.uint8, torch.float8_e4m3fn],
)
def test_state_digest_takes_every_dtype(dtype: torch.dtype) -> None:
    """Types that NumPy does not know are hashed by their bytes as well."""
    ones, zeros = torch.ones(3).to(dtype), torch.zeros(3).to(dtype)
    assert weights.state_sha256({"x": ones}) != weights.state_sha256({"x": zeros})


def test_state_digest_takes_slices() -> None:
    """A tensor that skips values of its storage, or repeats one, is hashed by what it shows."""
    skipping, repeating = torch.arange(6.0)[::2], torch.ones(1).expand(3)
    assert weights.state_sha256({"x": skipping}) == weights.state_sha256({"x": torch.tensor([0.0, 2.0, 4.0])})
    assert weights.state_sha256({"x": repeating}) == weights.state_sha256({"x": torch.ones(3)})


def test_state_digest_takes_small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tensor whose order in memory is another is hashed piece by piece, to the same digest."""
    tensor = torch.arange(2 * 3 * 5 * 7).reshape(2, 3, 5, 7)
    whole = weights.state_sha256({"x": tensor})
    for chunk in (1, 4, 16, 64):
        monkeypatch.setattr(weights, "_CHUNK", chunk)
        for order in itertools.permutations(range(4)):
            shuffled = tensor.permute(order).contiguous().permute([order.index(dim) for dim in range(4)])
            assert whole == weights.state_sha256({"x": shuffled})


def test_state_digest_takes_parameters() -> None:
    """Tensors that require gradients are hashed by their values."""
    assert weights.state_sha256({"x": torch.nn.Parameter(torch.ones(2))}) == weights.state_sha256({"x": torch.ones(2)})


def test_state_digest_of_a_file_is_that_of_the_model(tmp_path: Path) -> None:
    """A model, its safetensors file and its checkpoint have one and the same digest."""
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4)).to(memory_format=torch.channels_last)
    state = model.state_dict()
    torch.save(state, tmp_path / "a.pth")
    save_file({name: tensor.contiguous() for name, tensor in state.items()}, tmp_path / "a.safetensors")
    read = [weights.state_sha256(weights.read(tmp_path / name)) for name in ("a.pth", "a.safetensors")]
    assert read == [weights.state_sha256(state)] * 2


# Memory layout.


@pytest.mark.parametrize("chunk", [1, 50, 2**18])
@pytest.mark.parametrize("shape", [(8, 3, 3, 3), (8, 1, 3, 3), (8, 4, 1, 1), (1, 6, 2, 5), (0, 3, 2, 2)])
def test_channels_last_is_torchs(monkeypatch: pytest.MonkeyPatch, chunk: int, shape: tuple[int, ...]) -> None:
    """Filters are turned to the values and strides that torch gives them, in the memory where they were."""
    monkeypatch.setattr(weights, "_CHUNK", chunk)
    module, like_torch = torch.nn.Module(), torch.nn.Module()
    values = torch.rand(shape)
    module.filters, like_torch.filters = (torch.nn.Parameter(values.clone()) for _ in range(2))
    place = module.filters.data_ptr()
    weights.to_channels_last(module)
    module.to(memory_format=torch.channels_last)
    like_torch.to(memory_format=torch.channels_last)
    assert torch.equal(module.filters, values)
    assert (module.filters.stride(), module.filters.data_ptr()) == (like_torch.filters.stride(), place)


def test_shared_memory_is_not_turned() -> None:
    """What another tensor shows too stays as it is, so that the other one keeps its values."""
    module = torch.nn.Conv2d(4, 4, 3)
    view = module.weight.detach().view(-1)
    before = view.clone()
    weights.to_channels_last(module)
    assert torch.equal(view, before)
    assert module.weight.is_contiguous()


def test_tied_filters_stay_tied() -> None:
    """A parameter that two layers have is turned once, for both."""
    module: Any = torch.nn.Sequential(torch.nn.Conv2d(4, 4, 3), torch.nn.Conv2d(4, 4, 3))
    module[1].weight = module[0].weight
    before = module[0].weight.detach().clone()
    weights.to_channels_last(module)
    assert module[0].weight is module[1].weight
    assert torch.equal(module[0].weight, before)
