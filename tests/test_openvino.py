"""OpenVINO runs a torch network as the network itself does, from any thread, and keeps what it converted."""

import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from imgcls.errors import MachineError, ModelError, OutOfMemory
from imgcls.runtimes import Request, artefacts, installed
from imgcls.runtimes.eager import EagerClassifier

if not installed("openvino"):
    pytest.skip("openvino: not installed", allow_module_level=True)

from imgcls.runtimes import openvino
from imgcls.runtimes.openvino import OpenVinoClassifier

SIZE = (16, 24)
PICTURES = torch.randn(13, 3, *SIZE, generator=torch.Generator().manual_seed(0))


def _network() -> nn.Module:
    torch.manual_seed(0)
    features = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return nn.Sequential(features, nn.Linear(8, 5)).eval()


def _request(module: Callable[[], nn.Module] = _network, folder: Path | None = None, **other: Any) -> Request:
    asked = {
        "precision": "float32",
        "device": "cpu",
        "size": SIZE,
        "cores": 2,
        "askers": 2,
        "artefacts": folder,
        **other,
    }
    return Request(name="net", module=module, **asked)


@pytest.fixture(scope="module")
def ready() -> OpenVinoClassifier:
    """A network that is compiled once for all."""
    return OpenVinoClassifier(_request())


@pytest.mark.parametrize("count", [1, 2, 8, 13])
def test_it_answers_as_eager_does(ready: OpenVinoClassifier, count: int) -> None:
    """Any number of pictures, rounding aside, as float32 NumPy."""
    eager = EagerClassifier(_network(), "float32", "cpu").logits(PICTURES[:count])
    found = ready.logits(PICTURES[:count])
    assert (found.dtype, found.shape) == (np.float32, (count, 5))
    assert np.allclose(eager, found, rtol=0, atol=1e-5)


def test_many_threads_may_ask_at_once(ready: OpenVinoClassifier) -> None:
    """Eight threads, each with pictures of its own, get each its own answers."""
    expected = ready.logits(PICTURES)
    with ThreadPoolExecutor(8) as pool:
        rows = [number % len(PICTURES) for number in range(400)]
        found = list(pool.map(lambda row: ready.logits(PICTURES[row : row + 1])[0], rows))
    assert np.allclose(expected[rows], np.stack(found), rtol=0, atol=1e-6)


def test_answers_are_nobodys_memory(ready: OpenVinoClassifier) -> None:
    """What was answered stays as it is when the next pictures are asked about."""
    first = ready.logits(PICTURES[:2])
    before = first.copy()
    ready.logits(PICTURES[2:4])
    assert np.array_equal(before, first)


def test_what_was_converted_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next process reads it, without the network; nothing half written is left."""
    folder = tmp_path / "compiled" / "key"
    expected = OpenVinoClassifier(_request(folder=folder)).logits(PICTURES)
    assert [place.name for place in folder.parent.iterdir()] == ["key"]
    monkeypatch.setattr(openvino, "_converted", lambda *_, **__: pytest.fail("it was converted again"))
    again = OpenVinoClassifier(_request(lambda: pytest.fail("the network was asked for"), folder=folder))
    assert np.array_equal(expected, again.logits(PICTURES))
    assert again.compile_seconds > 0


def test_what_is_damaged_is_converted_again(tmp_path: Path) -> None:
    """One changed byte of the weights, and nothing of what was kept is used."""
    folder = tmp_path / "key"
    expected = OpenVinoClassifier(_request(folder=folder)).logits(PICTURES)
    [weights] = folder.glob("*.bin")
    content = bytearray(weights.read_bytes())
    content[len(content) // 2] ^= 0xFF
    weights.write_bytes(content)
    assert np.array_equal(expected, OpenVinoClassifier(_request(folder=folder)).logits(PICTURES))
    assert weights.read_bytes() != content


class Looking(nn.Module):
    """Decides by what it sees."""

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        return batch.mean(dim=(2, 3)) if batch.sum() > 0 else -batch.mean(dim=(2, 3))


def test_what_cannot_be_recorded_is_told_where_that_matters() -> None:
    """A network whose code looks at the pictures is refused where strictness was asked for."""
    with pytest.raises(ModelError, match="OpenVINO cannot run net: Converting a tensor to a Python boolean"):
        OpenVinoClassifier(_request(Looking, strict=True)).logits(PICTURES)
    assert OpenVinoClassifier(_request(Looking)).logits(PICTURES).shape == (13, 3)


class Broken(nn.Module):
    """Cannot be run at all."""

    def forward(self, _batch: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("no\nway")


def test_what_cannot_be_converted_is_one_line() -> None:
    """Whatever the network raises meanwhile."""
    with pytest.raises(ModelError, match=r"\AOpenVINO cannot run net: .*no way"):
        OpenVinoClassifier(_request(Broken)).logits(PICTURES)


def test_another_output_is_no_classifier() -> None:
    """A map of features is told as such."""
    with pytest.raises(ModelError, match=r"net is no classifier: for 13 pictures it returned \(13, 3, 16, 24\)"):
        OpenVinoClassifier(_request(nn.ReLU)).logits(PICTURES)


class Folding(nn.Module):
    """Is converted for two pictures, and takes no others."""

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        return batch.mean(dim=(2, 3)).reshape(len(batch), 3)


def test_what_openvino_refuses_is_told_by_its_reason() -> None:
    """Not by the place in its source where that was noticed."""
    with pytest.raises(ModelError, match=r"\Anet refuses a batch of shape \(13, 3, 16, 24\): .*reshape.*conflicts"):
        OpenVinoClassifier(_request(Folding)).logits(PICTURES)


class Counting(nn.Module):
    """Counts its pictures in Python, which the tracer takes for a number."""

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        return batch.mean() * torch.ones(len(batch), 3)


def test_a_number_of_pictures_that_was_recorded_is_told() -> None:
    """With what to write instead."""
    with pytest.raises(ModelError, match=r"net, converted by OpenVINO, answers 13 pictures with \d+ rows: .*x.shape"):
        OpenVinoClassifier(_request(Counting)).logits(PICTURES)


def _nonsense(folder: Path) -> None:
    (folder / openvino.IR).write_text("<net/>")


def test_what_was_kept_and_cannot_be_read_is_converted_anew(tmp_path: Path) -> None:
    """Whole, and yet of no use, as what another version wrote may be."""
    expected = OpenVinoClassifier(_request(folder=tmp_path / "key")).logits(PICTURES)
    shutil.rmtree(tmp_path / "key")
    artefacts.keep(tmp_path / "key", _nonsense)
    for _ in range(2):
        assert np.array_equal(OpenVinoClassifier(_request(folder=tmp_path / "key")).logits(PICTURES), expected)
    assert (tmp_path / "key" / openvino.IR).stat().st_size > 1000


def test_an_installation_that_does_not_start_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """As one line of the machine's, with what to ask for instead."""

    def missing() -> None:
        raise ImportError("libtbb.so.12: cannot open shared object file")

    monkeypatch.setattr(openvino, "_library", missing)
    with pytest.raises(MachineError, match=r'installed and does not start: libtbb.*; ask for runtime = "eager"'):
        OpenVinoClassifier(_request()).logits(PICTURES)


def test_memory_that_runs_out_is_told_as_such(ready: OpenVinoClassifier, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that fewer pictures are tried."""

    class Full:
        def infer(self, *_: object, **__: object) -> None:
            raise MemoryError("std::bad_alloc")

    monkeypatch.setattr(ready, "_threads", type("Threads", (), {"request": Full()})())
    with pytest.raises(OutOfMemory, match="net does not fit into memory with 13 pictures"):
        ready.logits(PICTURES)


@pytest.mark.parametrize(
    ("other", "says"),
    [({"device": "cuda"}, "runs on the CPU, not on cuda"), ({"precision": "float16"}, "does not compute in float16")],
)
def test_what_it_does_not_do_here_is_told(other: dict[str, Any], says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another device, and a precision that this CPU lacks, each with what to ask for instead."""
    monkeypatch.setitem(openvino.CAPABILITIES, "float16", "NONE OF THEM")
    with pytest.raises(MachineError, match=f'{says}.*runtime = "eager"'):
        OpenVinoClassifier(_request(**other)).logits(PICTURES)


def test_without_the_package_the_command_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message ends with what installs it."""
    monkeypatch.setattr(openvino, "installed", lambda _: False)
    with pytest.raises(MachineError, match=r"pip install 'imgcls\[openvino\]'"):
        OpenVinoClassifier(_request())


def test_nothing_is_told_to_anybody(python: Callable[[str], pytest.RunResult]) -> None:
    """OpenVINO's usage statistics are not even imported."""
    result = python(
        "import sys; from imgcls.runtimes import openvino; openvino._library(); "
        "print([name for name, module in sys.modules.items() if name.startswith('openvino_telemetry') and module])"
    )
    assert result.outlines == ["[]"], result.errlines
