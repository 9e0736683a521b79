"""What a file is that somebody trained or fetched."""

from pathlib import Path

import pytest
import torch

from first_hour import ARCH, write_checkpoint
from imgcls.errors import ModelError
from imgcls.models.weights import recognition
from imgcls.models.weights.recognition import Recognition
from imgcls.scaffold import checkpoints
from imgcls.scaffold.checkpoints import Checkpoint


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A state dict that states nothing, with the names of two classes next to it."""
    file = tmp_path / "net.pth"
    torch.save({"state_dict": {"head.weight": torch.zeros(2, 3)}, "classes": ["cat", "dog"]}, file)
    return file


def _recognise(monkeypatch: pytest.MonkeyPatch, result: Recognition) -> None:
    monkeypatch.setattr(recognition, "recognise", lambda _: result)


def test_what_a_file_states_goes_before_its_tensors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Our own trainings state their architecture."""
    _recognise(monkeypatch, Recognition((), None, "not asked for"))
    known = checkpoints.identified(write_checkpoint(tmp_path / "best.safetensors"))
    assert known == Checkpoint((ARCH,), guess=f"{tmp_path / 'best.safetensors'} is {ARCH}, as it states")


def test_one_architecture_is_a_guess_that_is_said(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the names of the classes that a training script saved."""
    _recognise(monkeypatch, Recognition(("timm:resnet50",), 2, "is timm:resnet50"))
    expected = Checkpoint(("timm:resnet50",), 2, ("cat", "dog"), "is timm:resnet50")
    assert checkpoints.identified(weights) == expected


def test_several_architectures_are_a_problem(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their inputs differ, so none is taken."""
    both = ("timm:resnet50", "torchvision:resnet50")
    _recognise(monkeypatch, Recognition(both, 2, "two have these names"))
    assert checkpoints.identified(weights) == Checkpoint(both, 2, ("cat", "dog"), problem="two have these names")


def test_one_architecture_by_order_is_a_problem(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody has to state that the order is the same."""
    _recognise(monkeypatch, Recognition(("timm:resnet50",), 2, "in this order", by_order=True))
    expected = Checkpoint(("timm:resnet50",), 2, ("cat", "dog"), problem="in this order", by_order=True)
    assert checkpoints.identified(weights) == expected


def test_no_architecture_is_a_problem(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The remark is what to do."""
    _recognise(monkeypatch, Recognition((), None, "write arch yourself"))
    assert checkpoints.identified(weights).problem == "write arch yourself"
    assert checkpoints.identified(weights).architectures == ()


def test_what_cannot_be_read_is_a_problem_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Never an error: the rest of a configuration is worth having."""

    def fail(_: Path) -> Recognition:
        raise ModelError("it holds a program\nof two lines")

    monkeypatch.setattr(recognition, "recognise", fail)
    (tmp_path / "net.pth").write_bytes(b"no weights")
    problem = checkpoints.identified(tmp_path / "net.pth").problem
    assert problem is not None
    assert "\n" not in problem
    assert "no weights file" in str(checkpoints.identified(tmp_path / "absent.pth").problem)
