"""imgcls.models.weights.pickle_names: what a pickle would look up is known without running it."""

import os
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import torch

from imgcls.models.weights import pickle_names


class Harmful:
    """Its pickle names a function."""

    def __reduce__(self) -> Any:
        return os.system, ("true",)


@pytest.mark.parametrize("protocol", range(6))
def test_every_protocol_is_read(protocol: int, tmp_path: Path) -> None:
    """From that of text to that of frames; what a pickle names twice is one name."""
    (tmp_path / "a.pth").write_bytes(pickle.dumps([Harmful(), {"x": Harmful()}, OrderedDict()], protocol))
    assert pickle_names.of(tmp_path / "a.pth") == ["posix.system"]
    assert pickle_names.is_whole(tmp_path / "a.pth")


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("protocol", [2, 5])
def test_files_of_torch_are_read(zipped: bool, protocol: int, tmp_path: Path) -> None:
    """As an archive, and as the older row of pickles."""
    content = {"w": torch.ones(1), "x": Harmful()}
    torch.save(content, tmp_path / "a.pth", pickle_protocol=protocol, _use_new_zipfile_serialization=zipped)
    assert pickle_names.of(tmp_path / "a.pth") == ["posix.system"]
    torch.save({"w": torch.ones(1)}, tmp_path / "b.pth", _use_new_zipfile_serialization=zipped)
    assert pickle_names.of(tmp_path / "b.pth") == []
    assert pickle_names.is_whole(tmp_path / "b.pth") == zipped


@pytest.mark.parametrize("data", [b"", b"\x80", b"cos\nsystem", b"\x80\x04\x93.", b"\x93" * 9, b"PK\3\4 and more"])
def test_what_is_no_pickle_names_nothing(data: bytes, tmp_path: Path) -> None:
    """And is not whole."""
    (tmp_path / "a.pth").write_bytes(data)
    assert pickle_names.of(tmp_path / "a.pth") == []


def test_an_archive_without_a_pickle_names_nothing(tmp_path: Path) -> None:
    """Whatever else is in it."""
    with zipfile.ZipFile(tmp_path / "a.pth", "w") as archive:
        archive.writestr("readme", "cos\nsystem\n.")
    assert pickle_names.of(tmp_path / "a.pth") == []
    assert not pickle_names.is_whole(tmp_path / "a.pth")
