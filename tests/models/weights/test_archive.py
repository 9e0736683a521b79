"""imgcls.models.weights.archive: what torch wrote is what is read, by the checksums that torch does not compare."""

import random
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch

from imgcls.errors import ModelError
from imgcls.models.weights import archive, pickled

STATE: dict[str, Any] = {"fc.weight": torch.arange(400.0), "epoch": 3}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A checkpoint."""
    torch.save(STATE, tmp_path / "a.pth")
    return tmp_path / "a.pth"


def test_no_flipped_bit_changes_weights(file: Path) -> None:
    """Of 300 faults each is refused, or changes nothing that is read; torch itself reads most of them."""
    data, draw = file.read_bytes(), random.Random(0)  # noqa: S311 - no secret
    for _ in range(300):
        damaged, bit = bytearray(data), draw.randrange(8 * len(data))
        damaged[bit // 8] ^= 1 << bit % 8
        file.write_bytes(damaged)
        with suppress(ModelError):
            content = pickled.load(file)
            assert torch.equal(content["fc.weight"], STATE["fc.weight"])
            assert content["epoch"] == 3


def test_a_damaged_part_is_named(file: Path) -> None:
    """What is damaged is not called cut off."""
    data = file.read_bytes()
    at = data.index(STATE["fc.weight"].numpy().tobytes()[8:])
    file.write_bytes(data[:at] + b"\xff" + data[at + 1 :])
    assert archive.damaged_member(file) == "a/data/0"
    with pytest.raises(ModelError, match=r"a\.pth is damaged: its part a/data/0 does not match its checksum; fetch it"):
        pickled.load(file)


@pytest.fixture
def without_checksums() -> Iterator[None]:
    """torch leaves them out."""
    torch.serialization.set_crc32_options(False)
    yield
    torch.serialization.set_crc32_options(True)


@pytest.mark.usefixtures("without_checksums")
def test_an_archive_without_checksums_is_read(tmp_path: Path) -> None:
    """Its writer was told to leave them out."""
    torch.save(STATE, tmp_path / "a.pth")
    assert archive.damaged_member(tmp_path / "a.pth") is None
    assert pickled.load(tmp_path / "a.pth")["epoch"] == 3


def test_what_is_no_archive_has_no_parts(tmp_path: Path) -> None:
    """Nor has one that is empty, or that is said to be encrypted."""
    (tmp_path / "a.pth").write_bytes(b"\x80\x02.")
    assert archive.damaged_member(tmp_path / "a.pth") is None
    with zipfile.ZipFile(tmp_path / "b.pth", "w") as empty:
        pass
    assert archive.damaged_member(tmp_path / "b.pth") is None
    with zipfile.ZipFile(tmp_path / "b.pth", "w") as empty:
        empty.writestr("data.pkl", b"x")
    data = bytearray((tmp_path / "b.pth").read_bytes())
    data[data.index(b"PK\1\2") + 8] |= 1
    (tmp_path / "b.pth").write_bytes(data)
    assert archive.damaged_member(tmp_path / "b.pth") is None
