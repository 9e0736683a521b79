"""imgcls.doctor.lock: whether the files are here that a lock lists."""

from pathlib import Path

import pytest

from examined import evidence
from imgcls.config import lock as locks
from imgcls.doctor import lock
from imgcls.doctor.findings import Finding
from imgcls.records.weights import LockedFile, WeightsLock

URL = "https://weights.example/"


@pytest.fixture
def locked(tmp_path: Path) -> Path:
    """A project whose lock lists one file of its folder; the folder."""
    (tmp_path / "imgcls.toml").write_text('[models.net]\narch = "torchvision:resnet18"\n')
    (tmp_path / "weights").mkdir()
    file = tmp_path / "weights" / "net.pth"
    file.touch()
    locks.write(
        WeightsLock(tmp_path / locks.FILE, (LockedFile("net.pth", "0" * 64, 0, url=f"{URL}net.pth", path=file),))
    )
    return tmp_path


def test_without_a_lock_there_is_nothing_to_say(tmp_path: Path) -> None:
    """Whether there is a configuration or none."""
    assert list(lock.lock(evidence(tmp_path))) == []


def test_files_that_are_here(locked: Path) -> None:
    """Seen from a folder of the project."""
    [finding] = lock.lock(evidence(locked / "weights"))
    assert finding == Finding("ok", f"{locked / locks.FILE}: 1 file, all here; imgcls weights verify hashes them")


@pytest.mark.usefixtures("no_weights")
def test_files_that_are_missing(locked: Path) -> None:
    """By name, with the command that fetches them."""
    (locked / "weights" / "net.pth").unlink()
    [finding] = lock.lock(evidence(locked))
    assert finding.level == "warning"
    assert finding.text == f"{locked / locks.FILE}: of 1 file, 1 not here: net.pth; with a lock no other weights load"
    assert finding.remedy.startswith("imgcls weights fetch --to weights, where there is a network")


def test_a_lock_that_cannot_be_read(locked: Path) -> None:
    """Its own message, which names the file."""
    (locked / locks.FILE).write_text("format = 1\n[[file]]\n")
    [finding] = lock.lock(evidence(locked))
    assert finding.level == "broken"
    assert str(locked / locks.FILE) in finding.text
