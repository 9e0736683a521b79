"""imgcls.models.weights.reader: files are read without running code, and only the pinned ones."""

import argparse
import errno
import hashlib
import io
import os
import pickle
import random
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from safetensors.torch import save, save_file

from imgcls.errors import ModelError, WeightsMissing
from imgcls.models.weights import reader

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
    assert _same(STATE, reader.read(tmp_path / "a.safetensors"))


def test_safetensors_are_never_written_back(tmp_path: Path) -> None:
    """Changing a tensor that was read leaves the file as it was."""
    file = tmp_path / "a.safetensors"
    save_file(STATE, file)
    before = file.read_bytes()
    reader.read(file)["fc.weight"].add_(1)
    assert before == file.read_bytes()


@pytest.mark.parametrize("suffix", [".pth", ".pt", ".bin", ".pth.tar"])
def test_checkpoints_are_read(tmp_path: Path, suffix: str) -> None:
    """A state dict saved by torch is read whatever its suffix."""
    torch.save(STATE, tmp_path / f"a{suffix}")
    assert _same(STATE, reader.read(tmp_path / f"a{suffix}"))


def test_old_checkpoints_are_read(tmp_path: Path) -> None:
    """The format that torch wrote before 1.6, which older published files still have, is read too."""
    torch.save(STATE, tmp_path / "a.pth", _use_new_zipfile_serialization=False)
    assert _same(STATE, reader.read(tmp_path / "a.pth"))


@pytest.mark.parametrize("key", ["state_dict", "model", "model_state_dict"])
def test_training_checkpoints_are_unwrapped(tmp_path: Path, key: str) -> None:
    """What training scripts save around a state dict, arguments and a stray tensor included, is left aside."""
    around = {"epoch": 3, "optimizer": {"lr": 0.1}, "args": argparse.Namespace(lr=0.1), "best_acc1": torch.tensor(0.7)}
    torch.save({key: STATE, **around}, tmp_path / "a.pth")
    assert _same(STATE, reader.read(tmp_path / "a.pth"))


@pytest.mark.parametrize(("key", "average"), [("state_dict", "state_dict_ema"), ("model", "model_ema")])
def test_averaged_weights_are_not_preferred(tmp_path: Path, key: str, average: str) -> None:
    """Where a checkpoint holds plain and averaged weights, the plain ones are read."""
    torch.save({average: {"fc.weight": torch.zeros(2, 3)}, key: STATE}, tmp_path / "a.pth")
    assert _same(STATE, reader.read(tmp_path / "a.pth"))


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ({"state_dict_ema": STATE, "epoch": 1}, "only averaged weights, as state_dict_ema"),
        ({"state_dict": STATE, "model": STATE}, "it holds several: state_dict, model"),
        ({"epoch": 1}, "its 'epoch' is not a dense tensor but a int"),
        ({**STATE, "sparse": torch.eye(2).to_sparse()}, "its 'sparse' is not a dense tensor but a Tensor"),
        ({0: torch.zeros(1)}, "its 0 is not a dense tensor"),
        ([torch.zeros(1)], "it holds a list"),
        (torch.zeros(1), "it holds a Tensor"),
        ({}, "it is empty"),
    ],
)
def test_other_contents_are_refused(tmp_path: Path, content: object, why: str) -> None:
    """Something that is not a state dict, or not clearly one, is refused with what it is."""
    torch.save(content, tmp_path / "a.pth")
    with pytest.raises(ModelError, match=rf"a\.pth holds no state dict to load: .*{why}.*re-save .* as safetensors"):
        reader.read(tmp_path / "a.pth")


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module."])
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_wrapping_prefixes_are_removed(tmp_path: Path, prefix: str, suffix: str) -> None:
    """The names that DistributedDataParallel and torch.compile give are those of the bare model again."""
    wrapped = {prefix + name: tensor for name, tensor in STATE.items()}
    torch.save(wrapped, tmp_path / "a.pth")
    save_file(wrapped, tmp_path / "a.safetensors")
    assert _same(STATE, reader.read(tmp_path / f"a{suffix}"))


def test_submodules_keep_their_names(tmp_path: Path) -> None:
    """A submodule that happens to be called ``module`` is not taken for a wrapper."""
    state = {"module.weight": torch.zeros(1), "fc.weight": torch.ones(1)}
    torch.save(state, tmp_path / "a.pth")
    assert _same(state, reader.read(tmp_path / "a.pth"))


@pytest.mark.parametrize("zipped", [True, False])
def test_code_is_never_run(tmp_path: Path, zipped: bool) -> None:
    """A checkpoint that would run code is refused by name, with advice that is safe, and nothing is run."""
    witness = tmp_path / "witness"
    torch.save({"fc": Harmful(witness)}, tmp_path / "a.pth", _use_new_zipfile_serialization=zipped)
    with pytest.raises(ModelError, match=r"would run (posix|nt)\.mkdir.*re-save .* as safetensors$") as caught:
        reader.read(tmp_path / "a.pth")
    assert not witness.exists()
    assert "weights_only" not in str(caught.value)


def test_the_harmful_pickle_does_harm(tmp_path: Path) -> None:
    """The pickle that the test above refuses does run code where an unpickler lets it."""
    pickle.loads(pickle.dumps(Harmful(tmp_path / "witness")))  # noqa: S301 - the point of it
    assert (tmp_path / "witness").exists()


@pytest.mark.parametrize("name", ["a.safetensors", "a.pth"])
@pytest.mark.parametrize("cut", [0, 5, 60, -1])
def test_truncated_files_are_refused(tmp_path: Path, name: str, cut: int) -> None:
    """A file that was cut off anywhere is refused in one line that states it."""
    written = io.BytesIO()
    torch.save(STATE, written)
    whole = {"a.safetensors": save(STATE), "a.pth": written.getvalue()}[name]
    (tmp_path / name).write_bytes(whole[:cut])
    with pytest.raises(ModelError, match=r"\A.*was cut off .*again.*\Z"):
        reader.read(tmp_path / name)


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
            reader.read(tmp_path / "a.pth")


@pytest.mark.parametrize("name", ["a.safetensors", "a.pth"])
def test_other_files_are_refused(tmp_path: Path, name: str) -> None:
    """A web page saved under a weights file's name is refused."""
    (tmp_path / name).write_text("<!doctype html><html>Sign in</html>" * 9)
    with pytest.raises(ModelError, match=r"a\.(safetensors|pth) is not a .* was cut off"):
        reader.read(tmp_path / name)


@pytest.mark.parametrize("place", ["absent.safetensors", "."])
def test_absent_files_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    """Where there is no file, or a folder, the message has the whole path that was tried."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(WeightsMissing, match=rf"no weights file at {tmp_path}"):
        reader.read(Path(place))


def test_unreadable_files_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that the system does not let us read is missing, with the system's reason."""
    (tmp_path / "a.pth").write_bytes(b"")

    def denied(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(torch, "load", denied)
    with pytest.raises(WeightsMissing, match=r"cannot read the weights file .*a\.pth: Permission denied"):
        reader.read(tmp_path / "a.pth")


@pytest.mark.shared
def test_real_weights_are_read(shared_data: Path) -> None:
    """The real state dicts have the names and the number of parameters of their architectures."""
    squeezenet = reader.read(shared_data / "weights" / "squeezenet1_0.deep_compression_in1k.safetensors")
    mobilenet = reader.read(shared_data / "weights" / "mobilenetv2_100.tf_qat_in1k.safetensors")
    assert sum(tensor.numel() for tensor in squeezenet.values()) == 1_248_424
    assert mobilenet["classifier.weight"].shape == (1000, 1280)


# Pinned files.


def test_pinned_file_passes(tmp_path: Path) -> None:
    """A file whose sha256 is the pinned one is let through, whichever case the pin is written in."""
    (tmp_path / "a.pth").write_bytes(b"abc")
    reader.check_pin(tmp_path / "a.pth", hashlib.sha256(b"abc").hexdigest().upper())


def test_other_file_than_pinned_is_refused(tmp_path: Path) -> None:
    """A file whose sha256 is another than the pinned one is refused, and both are named."""
    (tmp_path / "a.pth").write_bytes(b"abc")
    with pytest.raises(ModelError, match=rf"a\.pth .*{hashlib.sha256(b'abc').hexdigest()}.*{'0' * 64}"):
        reader.check_pin(tmp_path / "a.pth", "0" * 64)


def test_absent_pinned_file_is_missing(tmp_path: Path) -> None:
    """A pin on an absent file is reported as the absent file."""
    with pytest.raises(WeightsMissing, match=r"no weights file at .*absent\.pth"):
        reader.check_pin(tmp_path / "absent.pth", "0" * 64)
