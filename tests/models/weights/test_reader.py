"""imgcls.models.weights.reader: a file is what its content is, and damage to it is an error that names it."""

import errno
import io
import random
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from safetensors.torch import save, save_file

from imgcls.errors import ImgclsError, ModelError, WeightsMissing
from imgcls.models.weights import reader

STATE = {"fc.weight": torch.arange(6.0).reshape(2, 3), "bn.num_batches_tracked": torch.tensor(7)}


def _same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_safetensors_are_read(tmp_path: Path) -> None:
    """A safetensors file gives back the tensors it was written from."""
    save_file(STATE, tmp_path / "a.safetensors")
    assert _same(STATE, reader.read(tmp_path / "a.safetensors").tensors)


def test_safetensors_are_never_written_back(tmp_path: Path) -> None:
    """Changing a tensor that was read leaves the file as it was."""
    file = tmp_path / "a.safetensors"
    save_file(STATE, file)
    before = file.read_bytes()
    reader.read(file).tensors["fc.weight"].add_(1)
    assert before == file.read_bytes()


@pytest.mark.parametrize("suffix", [".pth", ".pt", ".bin", ".pth.tar"])
def test_checkpoints_are_read(tmp_path: Path, suffix: str) -> None:
    """A state dict saved by torch is read whatever its suffix."""
    torch.save(STATE, tmp_path / f"a{suffix}")
    assert _same(STATE, reader.read(tmp_path / f"a{suffix}").tensors)


def test_old_checkpoints_are_read(tmp_path: Path) -> None:
    """The format that torch wrote before 1.6, which older published files still have, is read too."""
    torch.save(STATE, tmp_path / "a.pth", _use_new_zipfile_serialization=False)
    assert _same(STATE, reader.read(tmp_path / "a.pth").tensors)


@pytest.mark.parametrize("name", ["a.safetensors", "a.pth"])
@pytest.mark.parametrize("cut", [0, 5, 60, -1])
def test_truncated_files_are_refused(tmp_path: Path, name: str, cut: int) -> None:
    """A file that was cut off anywhere is refused in one line that states it."""
    written = io.BytesIO()
    torch.save(STATE, written)
    whole = {"a.safetensors": save(STATE), "a.pth": written.getvalue()}[name]
    (tmp_path / name).write_bytes(whole[:cut])
    with pytest.raises(ModelError, match=r"\A.*(was cut off|is empty).*again.*\Z"):
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
    with pytest.raises(ModelError, match=r"a\.(safetensors|pth) is a web page, .*: fetch the file itself"):
        reader.read(tmp_path / name)


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
    squeezenet = reader.read(shared_data / "weights" / "squeezenet1_0.deep_compression_in1k.safetensors").tensors
    mobilenet = reader.read(shared_data / "weights" / "mobilenetv2_100.tf_qat_in1k.safetensors").tensors
    assert sum(tensor.numel() for tensor in squeezenet.values()) == 1_248_424
    assert mobilenet["classifier.weight"].shape == (1000, 1280)


REFUSED: dict[str, bytes] = {
    "nothing": b"",
    "a web page": b"<html>",
    "a poisoned pickle": b"cos\nsystem\n(S'true'\ntR.",
    "a pickle of another program": b"\x80\x02K\x01.",
    "noise": bytes(range(256)),
    "half an archive": b"PK\3\4" + bytes(40),
    "half a file of safetensors": (50).to_bytes(8, "little") + b'{"a":',
}


@pytest.mark.parametrize("what", REFUSED)
def test_refused_content_has_one_exit_code(what: str, tmp_path: Path) -> None:
    """Whatever is wrong with it, one line and exit code 1; a file that is not there is the machine's."""
    (tmp_path / "a.pth").write_bytes(REFUSED[what])
    with pytest.raises(ImgclsError) as refused:
        reader.read(tmp_path / "a.pth")
    assert (refused.value.exit_code, "\n" in str(refused.value)) == (1, False)
