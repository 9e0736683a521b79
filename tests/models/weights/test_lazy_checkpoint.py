"""imgcls.models.weights.lazy_checkpoint: what torch.save wrote is used tensor by tensor, and is what it was."""

import io
import zipfile
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from imgcls.errors import ModelError
from imgcls.models.weights import archive, lazy_checkpoint, pickled, random_init, reader, tensors

WHOLE = torch.arange(24.0).reshape(4, 6)


def _is_lazy(tensor: torch.Tensor) -> bool:
    return type(tensor).__name__ == "LazyTensor"


def _loaded(content: Any, file: Path) -> Any:
    torch.save(content, file)
    return lazy_checkpoint.load(file)


@pytest.mark.parametrize(
    "dtype", [torch.bool, torch.int64, torch.float16, torch.bfloat16, torch.float32, torch.float64]
)
def test_tensors_stay_in_the_file(tmp_path: Path, dtype: torch.dtype) -> None:
    """Bit by bit what was saved: whole ones, slices of one memory, scalars and empty ones."""
    state = {
        "whole": WHOLE.to(dtype),
        "rows": WHOLE.to(dtype)[1:3],
        "one": torch.ones((), dtype=dtype),
        "none": WHOLE[:0],
    }
    loaded = _loaded(state, tmp_path / "a.pth")
    assert all(map(_is_lazy, loaded.values()))
    assert tensors.state_sha256(loaded) == tensors.state_sha256(state)


def test_a_training_script_s_file_is_as_it_was(tmp_path: Path) -> None:
    """Nested mappings, lists, pairs and objects with tensors in them, and a mapping that holds itself."""
    content: dict[str, Any] = {
        "epoch": 3, "pair": (WHOLE, "x"), "list": [WHOLE, None], "model": {"w": torch.nn.Parameter(WHOLE)},
        "args": Namespace(lr=0.1, mean=WHOLE),
    }  # fmt: skip
    content["model"]["itself"] = content["model"]
    loaded = _loaded(content, tmp_path / "a.pth")
    held = [loaded["pair"][0], loaded["list"][0], loaded["model"]["w"], loaded["args"].state["mean"]]
    assert all(map(_is_lazy, held))
    assert len({id(tensor) for tensor in (loaded["pair"][0], loaded["list"][0])}) == 1
    assert all(torch.equal(tensor, WHOLE) for tensor in held)
    assert (loaded["epoch"], loaded["pair"][1], loaded["list"][1], loaded["args"].state["lr"]) == (3, "x", None, 0.1)
    assert loaded["model"]["itself"] is loaded["model"]


@pytest.mark.parametrize(
    "odd",
    [WHOLE.T, WHOLE.to(torch.complex64), torch.device("cpu"), {1, 2}],
    ids=["in another order", "complex", "a device", "a set"],
)
def test_rare_values_are_read_into_memory(tmp_path: Path, odd: Any) -> None:
    """A file with a value that cannot stay in it is read as a whole, and is what it was."""
    loaded = _loaded({"whole": WHOLE, "odd": odd}, tmp_path / "a.pth")
    assert not _is_lazy(loaded["whole"])
    assert torch.equal(loaded["whole"], WHOLE)
    assert torch.equal(loaded["odd"], odd) if isinstance(odd, torch.Tensor) else loaded["odd"] == odd


def test_old_files_are_read_into_memory(tmp_path: Path) -> None:
    """The format that torch wrote before 1.6 is no archive."""
    torch.save({"whole": WHOLE}, tmp_path / "a.pth", _use_new_zipfile_serialization=False)
    assert archive.stored(tmp_path / "a.pth") == {}
    assert torch.equal(lazy_checkpoint.load(tmp_path / "a.pth")["whole"], WHOLE)


def _rewritten(file: Path, changes: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> Path:
    """The archive with other bytes in some of its parts, by the ends of their names."""
    with zipfile.ZipFile(file) as source:
        parts = {name: source.read(name) for name in source.namelist()}
    with zipfile.ZipFile(file, "w", compression) as target:
        for name, data in parts.items():
            target.writestr(name, next((new for end, new in changes.items() if name.endswith(end)), data))
    return file


def test_numbers_of_the_other_byte_order_are_turned(tmp_path: Path) -> None:
    """What a machine of the other byte order saved is what it meant."""
    torch.save({"whole": WHOLE}, tmp_path / "a.pth")
    turned = {"/byteorder": b"big", "data/0": WHOLE.numpy().astype(">f4").tobytes()}
    assert torch.equal(lazy_checkpoint.load(_rewritten(tmp_path / "a.pth", turned))["whole"], WHOLE)


def test_no_tensor_reaches_beyond_its_part(tmp_path: Path) -> None:
    """A part that holds fewer bytes than its tensor has is never filled up with those of the next."""
    torch.save({"first": WHOLE, "second": WHOLE + 1}, tmp_path / "a.pth")
    _rewritten(tmp_path / "a.pth", {"data/0": bytes(8)})
    with pytest.raises(ModelError, match="was cut off"):
        lazy_checkpoint.load(tmp_path / "a.pth")


def test_compressed_parts_are_no_tensors_in_the_file(tmp_path: Path) -> None:
    """Where another program packed the archive anew, nothing in it lies there as it is."""
    torch.save({"whole": WHOLE}, tmp_path / "a.pth")
    assert archive.stored(_rewritten(tmp_path / "a.pth", {}, zipfile.ZIP_DEFLATED)) == {}


def _with_entry(file: Path, end: str, at: int, value: bytes) -> None:
    """Other bytes in what the archive's list of parts states of one of them."""
    data = bytearray(file.read_bytes())
    entry = next(place for place in _entries(data) if data[place + 46 :].split(b"PK", 1)[0].find(end.encode()) >= 0)
    data[entry + at : entry + at + len(value)] = value
    file.write_bytes(data)


def _entries(data: bytes | bytearray) -> Iterator[int]:
    place = data.find(b"PK\x01\x02")
    while place >= 0:
        yield place
        place = data.find(b"PK\x01\x02", place + 4)


@pytest.mark.parametrize(
    ("at", "value"),
    [(8, b"\1"), (20, b"\xff" * 3 + b"\0" + b"\xff" * 3 + b"\0"), (20, b"\x50\0\0\0"), (24, b"\xff\xff\0\0")],
    ids=["encrypted", "beyond the file", "packed to fewer bytes", "longer than packed"],
)
def test_what_an_archive_states_falsely_is_believed_of_no_part(tmp_path: Path, at: int, value: bytes) -> None:
    """A part that is said to be encrypted, or of other sizes, does not lie in the file as it is."""
    torch.save({"whole": WHOLE}, tmp_path / "a.pth")
    sizes = archive.stored(tmp_path / "a.pth")
    [start] = [start for start, size in sizes.items() if size == WHOLE.nbytes]
    _with_entry(tmp_path / "a.pth", "data/0", at, value)
    assert archive.stored(tmp_path / "a.pth") == {place: size for place, size in sizes.items() if place != start}


def test_a_deep_checkpoint_is_read_into_memory(tmp_path: Path) -> None:
    """Lists in lists beyond what Python calls itself for are as they were."""
    torch.save({"whole": WHOLE, "deep": []}, tmp_path / "a.pth")
    with zipfile.ZipFile(tmp_path / "a.pth") as saved:
        content = next(saved.read(name) for name in saved.namelist() if name.endswith("data.pkl"))
    nested = b"]" * 3001 + b"a" * 3000
    assert content.count(b"]") == 1
    _rewritten(tmp_path / "a.pth", {"data.pkl": content.replace(b"]", nested)})
    loaded = lazy_checkpoint.load(tmp_path / "a.pth")
    assert torch.equal(loaded["whole"], WHOLE)
    assert not _is_lazy(loaded["whole"])


def test_loading_takes_no_second_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkpoint with an optimizer's state goes into a network with no tensor's bytes in between, but for scalars."""
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.BatchNorm2d(8), torch.nn.Linear(8, 100))
    random_init.fill(network, 0)
    moments = {name: torch.ones_like(tensor) for name, tensor in network.state_dict().items()}
    torch.save({"model": network.state_dict(), "optimizer": {"state": moments, "param_groups": []}}, tmp_path / "a.pth")
    expected = tensors.state_sha256(network.state_dict())
    for tensor in network.state_dict().values():
        tensor.zero_()
    read = {"bytes": 0}
    raw_bytes = tensors.raw_bytes

    def counting(tensor: torch.Tensor) -> memoryview:
        read["bytes"] += tensor.nbytes
        return raw_bytes(tensor)

    monkeypatch.setattr(tensors, "raw_bytes", counting)
    monkeypatch.setattr(torch, "empty", _refusing(torch.empty))
    network.load_state_dict(reader.read(tmp_path / "a.pth").tensors)
    monkeypatch.undo()
    assert read["bytes"] == sum(tensor.nbytes for tensor in network.state_dict().values())
    assert tensors.state_sha256(network.state_dict()) == expected


def _refusing(empty: Any) -> Any:
    """``torch.empty`` for tensors without values only."""

    def checked(*shape: Any, **keys: Any) -> torch.Tensor:
        made: torch.Tensor = empty(*shape, **keys)
        assert made.is_meta or made.numel() == 0
        return made

    return checked


def test_damage_is_reported_as_ever(tmp_path: Path) -> None:
    """A cut file and a flipped bit have the messages of reading into memory."""
    written = io.BytesIO()
    torch.save({"whole": WHOLE}, written)
    for damaged in (written.getvalue()[:-30], written.getvalue().replace(WHOLE.numpy().tobytes()[:40], bytes(40))):
        (tmp_path / "a.pth").write_bytes(damaged)
        messages = []
        for load in (lazy_checkpoint.load, pickled.load):
            with pytest.raises(ModelError) as caught:
                load(tmp_path / "a.pth")
            messages.append(str(caught.value))
        assert messages[0] == messages[1]
