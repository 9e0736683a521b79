"""imgcls.scaffold.locked: the models that a lock was written for."""

from pathlib import Path

import pytest

from imgcls.config import lock
from imgcls.errors import ConfigError
from imgcls.records.weights import LockedFile, WeightsLock
from imgcls.scaffold import locked, models

RESNET = "https://download.pytorch.org/models/resnet18-f37072fd.pth"


def _written(folder: Path, *files: LockedFile) -> Path:
    lock.write(WeightsLock(folder / lock.FILE, files))
    return folder


def test_without_a_lock_there_are_no_words(tmp_path: Path) -> None:
    """And with one that lists nothing."""
    assert locked.words(tmp_path) is None
    assert locked.words(_written(tmp_path)) is None


@pytest.mark.parametrize(
    ("entry", "word"),
    [
        (LockedFile("resnet18-f37072fd.pth", "0" * 64, 1, url=RESNET, models=("net",)), "torchvision:resnet18"),
        (
            LockedFile("model.safetensors", "0" * 64, 1, repository="timm/resnet50.a1_in1k", models=("net",)),
            "timm:resnet50.a1_in1k",
        ),
        (
            LockedFile("config.json", "0" * 64, 1, repository="org/net", models=("timm:hf-hub:org/net",)),
            "timm:hf-hub:org/net",
        ),
    ],
)
def test_a_published_file_names_its_network(tmp_path: Path, entry: LockedFile, word: str) -> None:
    """By where it is published, or by the name that it was fetched for."""
    assert locked.words(_written(tmp_path, entry)) == ([word], "listed in imgcls.lock, and no --models names others")


def test_a_file_of_ones_own_names_itself(tmp_path: Path) -> None:
    """From the working folder on."""
    entry = LockedFile("net.pth", "0" * 64, 1, path=tmp_path / "weights" / "net.pth", models=("net",))
    result = locked.words(_written(tmp_path, entry))
    assert result
    assert result[0] == ["weights/net.pth"]


def test_a_file_that_names_nothing_is_asked_for(tmp_path: Path) -> None:
    """The line has the file, where it is from, and the option."""
    entry = LockedFile("model.bin", "0" * 64, 1, repository="org/net", models=("net",))
    message = r"^imgcls.lock here lists model.bin from org/net@main, .*: name the models to test with --models "
    with pytest.raises(ConfigError, match=message):
        locked.words(_written(tmp_path, entry))


def test_init_proposes_them(tmp_path: Path) -> None:
    """Once each, however many files they have."""
    entry = LockedFile("resnet18-f37072fd.pth", "0" * 64, 1, url=RESNET, models=("net",))
    [model] = models.proposed(None, _written(tmp_path, entry))
    assert (model.name, model.architectures) == ("resnet18", ("torchvision:resnet18",))
    assert "imgcls.lock" in model.guesses[0]
