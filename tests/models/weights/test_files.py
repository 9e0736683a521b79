"""imgcls.models.weights.files: a folder stands for one file in it, content decides its kind, and only a pinned one."""

import hashlib
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from builders import LFS_POINTER
from imgcls.errors import ModelError, WeightsMissing
from imgcls.models.weights import files, reader

STATE = {"fc.weight": torch.ones(2, 3)}


def _touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).touch()


def test_a_file_is_itself(tmp_path: Path) -> None:
    """A path of a file is that file, whatever its suffix."""
    _touch(tmp_path, "weights")
    assert files.located(tmp_path / "weights") == tmp_path / "weights"


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("pytorch_model.bin", "model.safetensors", "config.json"), "model.safetensors"),
        (("pytorch_model.bin", "optimizer.pt"), "pytorch_model.bin"),
        (("best.safetensors", "last.safetensors", "checkpoint.pt"), "best.safetensors"),
        (("epoch=3.ckpt", "hparams.yaml", "classes.txt"), "epoch=3.ckpt"),
        (("model_best.PTH.TAR", "log.txt"), "model_best.PTH.TAR"),
    ],
)
def test_the_file_of_a_folder(tmp_path: Path, names: tuple[str, ...], expected: str) -> None:
    """A folder is the file of a usual name in it, or the only file of weights."""
    _touch(tmp_path, *names)
    assert files.located(tmp_path).name == expected


def test_several_files_in_a_folder(tmp_path: Path) -> None:
    """Where no name states which, the files are named, with what to write."""
    _touch(tmp_path, "a.pth", "b.pth")
    with pytest.raises(ModelError, match=r'holds 2 files of weights: a\.pth, b\.pth; .*: weights = ".*a\.pth"'):
        files.located(tmp_path)


@pytest.mark.parametrize("stem", ["model.safetensors", "pytorch_model.bin"])
@pytest.mark.parametrize("path", ["", "{}.index.json", "{}-00001-of-00002{}"])
def test_weights_in_several_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stem: str, path: str) -> None:
    """A part of the weights is never taken for all; the command that joins them can be copied."""
    name, suffix = Path(stem).stem, Path(stem).suffix
    save = save_file if suffix == ".safetensors" else torch.save
    for number, tensor in enumerate(("a", "b"), 1):
        save({tensor: torch.ones(1)}, tmp_path / f"{name}-0000{number}-of-00002{suffix}")
    (tmp_path / f"{stem}.index.json").write_text("{}")
    given = path.format(stem if "index" in path else name, suffix)
    with pytest.raises(ModelError, match=r'holds weights in several files, .* python -c "(.*)"; or save') as caught:
        files.located(tmp_path / given)
    command = str(caught.value).partition('-c "')[2].partition('"')[0]
    monkeypatch.chdir(tmp_path)
    exec(command, {})  # noqa: S102 - what a user copies
    assert files.located(tmp_path).name == stem
    assert reader.content(tmp_path / stem).keys() == {"a", "b"}


def test_the_only_part_is_the_file(tmp_path: Path) -> None:
    """Some libraries number the parts also where there is one."""
    _touch(tmp_path, "model-00001-of-00001.safetensors")
    assert files.located(tmp_path).name == "model-00001-of-00001.safetensors"


def test_a_folder_without_weights(tmp_path: Path) -> None:
    """A folder in which nothing is a file of weights is named."""
    _touch(tmp_path, "config.json")
    with pytest.raises(WeightsMissing, match=rf"the folder {tmp_path} holds no file of weights, such as model\.safet"):
        files.located(tmp_path)


def test_absent_files_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no file the message has the whole path that was tried."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(WeightsMissing, match=rf"no weights file at {tmp_path}/absent\.pth"):
        files.located(Path("absent.pth"))


@pytest.mark.parametrize("name", ["a.safetensors", "a.pth", "a"])
@pytest.mark.parametrize("kind", ["safetensors", "zip", "legacy"])
def test_content_is_the_kind(tmp_path: Path, name: str, kind: str) -> None:
    """A file begins as safetensors does, or it does not; its name has no part in that."""
    if kind == "safetensors":
        save_file(STATE, tmp_path / name)
    else:
        torch.save(STATE, tmp_path / name, _use_new_zipfile_serialization=kind == "zip")
    assert files.is_safetensors(tmp_path / name) is (kind == "safetensors")


@pytest.mark.parametrize("content", [b"", b"\x08", b"<html>Sign in</html>"])
def test_a_name_states_what_was_damaged(tmp_path: Path, content: bytes) -> None:
    """What begins as no file of weights is taken for the kind that its name states."""
    for name in ("a.safetensors", "a.pth"):
        (tmp_path / name).write_bytes(content)
    assert files.is_safetensors(tmp_path / "a.safetensors")
    assert not files.is_safetensors(tmp_path / "a.pth")


# Pinned files.


def test_pinned_file_passes(tmp_path: Path) -> None:
    """A file whose sha256 is the pinned one is let through, whichever case the pin is written in."""
    (tmp_path / "a.pth").write_bytes(b"abc")
    files.check_pin(tmp_path / "a.pth", hashlib.sha256(b"abc").hexdigest().upper())


def test_other_file_than_pinned_is_refused(tmp_path: Path) -> None:
    """A file whose sha256 is another than the pinned one is refused, and both are named."""
    (tmp_path / "a.pth").write_bytes(b"abc")
    with pytest.raises(ModelError, match=rf"a\.pth .*{hashlib.sha256(b'abc').hexdigest()}.*{'0' * 64}"):
        files.check_pin(tmp_path / "a.pth", "0" * 64)


def test_the_pin_of_a_folder_is_that_of_its_file(tmp_path: Path) -> None:
    """In a folder the file of weights is pinned, and nothing next to it."""
    (tmp_path / "model.safetensors").write_bytes(b"abc")
    (tmp_path / "config.json").write_text("{}")
    files.check_pin(tmp_path, hashlib.sha256(b"abc").hexdigest())


@pytest.mark.parametrize("name", ["net.pth", "net.safetensors"])
def test_weights_that_git_lfs_did_not_fetch_are_named(tmp_path: Path, name: str) -> None:
    """Also as the file of a folder, and before they are held against a pin."""
    (tmp_path / name).write_bytes(LFS_POINTER)
    for path in (tmp_path / name, tmp_path):
        with pytest.raises(WeightsMissing, match=r"a Git LFS pointer, not the weights file itself: .*`git lfs pull`$"):
            files.located(path)
        with pytest.raises(WeightsMissing, match="a Git LFS pointer"):
            files.check_pin(path, "0" * 64)
