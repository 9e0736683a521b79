"""imgcls.models.exports.torch_files: programs and recordings compute the network's logits."""

import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from export_parts import agreement, distance
from imgcls.config.recipe import ExportRecipe
from imgcls.errors import ModelError
from imgcls.models.exports import torch_files
from imgcls.models.exports.network import Network
from imgcls.models.outputs import jit


def _run_program(file: Path, images: torch.Tensor) -> Any:
    return torch.export.load(file).module()(images).detach().numpy()


def _run_recording(file: Path, images: torch.Tensor) -> Any:
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # TorchScript is deprecated, and still shipped
        return jit.load(file)(images).numpy()


FORMATS = [
    pytest.param("exported", torch_files.write_exported, _run_program, marks=pytest.mark.slow),
    pytest.param("torchscript", torch_files.write_torchscript, _run_recording),
]


@pytest.mark.parametrize(("kind", "write", "run"), FORMATS)
def test_float32(
    kind: Any, write: Any, run: Any, odd: Callable[[str], Network], images: torch.Tensor, tmp_path: Path, capfd: Any
) -> None:
    """The logits are PyTorch's but for rounding, for any number of images, and nothing is printed."""
    file, small = tmp_path / "net", odd("Small")
    logits = small.model.classifier.logits(images)
    assert write(small, ExportRecipe(kind), file) == ()
    assert capfd.readouterr() == ("", "")
    assert distance(logits, run(file, images)) < 1e-4
    assert distance(logits[:1], run(file, images[:1])) < 1e-4


@pytest.mark.parametrize("precision", ["float16", "bfloat16"])
@pytest.mark.parametrize(("kind", "write", "run"), FORMATS)
def test_narrower_types(
    kind: Any, write: Any, run: Any, precision: Any, odd: Callable[[str], Network], images: torch.Tensor, tmp_path: Path
) -> None:
    """Images and logits stay float32, and what is between them is rounded."""
    file = tmp_path / "net"
    expected = odd("Small").model.classifier.logits(images)
    write(odd("Small"), ExportRecipe(kind, precision), file)
    rounded = run(file, images)
    assert 0 < distance(expected, rounded) < 0.1
    assert agreement(expected, rounded) > 0.95


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Fixed", "odd cannot be made an exported file for any number of images: its code takes a fixed number; "),
        (
            "Branch",
            "odd cannot be made an exported file: its code decides by the values that it computes (odd_nets.py, ",
        ),
    ],
)
def test_what_has_no_program_is_one_line(
    name: str, message: str, odd: Callable[[str], Network], tmp_path: Path, capfd: Any
) -> None:
    """With the line, the reason, and the next step."""
    with pytest.raises(ModelError, match=f"^{re.escape(message)}"):
        torch_files.write_exported(odd(name), ExportRecipe("exported"), tmp_path / "net.pt2")
    assert capfd.readouterr() == ("", "")


def test_what_a_recording_fixes_is_a_note(odd: Callable[[str], Network], tmp_path: Path) -> None:
    """Of a network whose code depends on values only one branch is recorded, and that is said."""
    [note] = torch_files.write_torchscript(odd("Branch"), ExportRecipe("torchscript"), tmp_path / "net.torchscript")
    assert note == (
        "torch's tracer doubts that it computes the same for every image (odd_nets.py, line 14: Converting a tensor to "
        "a Python boolean might cause the trace to be incorrect); the file keeps what it did for blank images"
    )
