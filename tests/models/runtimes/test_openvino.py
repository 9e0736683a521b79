"""imgcls.models.runtimes.openvino: the logits are the network's own, from any thread, and conversions are stored."""

import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from imgcls.errors import Doubt, MachineError, ModelError, OutOfMemory
from imgcls.models.runtimes import cache, openvino
from imgcls.models.runtimes.base import Request
from imgcls.models.runtimes.eager import EagerClassifier
from imgcls.models.runtimes.openvino import OpenVinoClassifier
from imgcls.system import versions
from imgcls.system.versions import has_library

if not has_library("openvino"):
    pytest.skip("openvino: not installed", allow_module_level=True)


SIZE = (16, 24)
IMAGES = torch.randn(13, 3, *SIZE, generator=torch.Generator().manual_seed(0))


def _network() -> nn.Module:
    torch.manual_seed(0)
    features = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return nn.Sequential(features, nn.Linear(8, 5)).eval()


def _request(module: Callable[[], nn.Module] = _network, folder: Path | None = None, **other: Any) -> Request:
    settings = {
        "precision": "float32",
        "device": "cpu",
        "size": SIZE,
        "cores": 2,
        "workers": 2,
        "artefacts": folder,
        **other,
    }
    return Request(name="net", module=module, **settings)


@pytest.fixture(scope="module")
def ready() -> OpenVinoClassifier:
    """A network that is compiled once for all."""
    return OpenVinoClassifier(_request())


@pytest.mark.parametrize("count", [1, 2, 8, 13])
def test_logits_are_eagers(ready: OpenVinoClassifier, count: int) -> None:
    """For any number of images they are eager's but for rounding, as float32 NumPy."""
    eager = EagerClassifier(_network(), "float32", "cpu").logits(IMAGES[:count])
    logits = ready.logits(IMAGES[:count])
    assert (logits.dtype, logits.shape) == (np.float32, (count, 5))
    assert np.allclose(eager, logits, rtol=0, atol=1e-5)


def test_networks_of_one_channel() -> None:
    """A network is converted for as many channels as its images have."""
    network = nn.Sequential(nn.Conv2d(1, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5)).eval()
    grey = IMAGES[:3, :1].contiguous()
    logits = OpenVinoClassifier(_request(lambda: network, channels=1)).logits(grey)
    assert np.allclose(EagerClassifier(network, "float32", "cpu").logits(grey), logits, rtol=0, atol=1e-5)


def test_many_threads_may_run_it_at_once(ready: OpenVinoClassifier) -> None:
    """Eight threads, each with images of its own, get each their own logits."""
    expected = ready.logits(IMAGES)
    with ThreadPoolExecutor(8) as pool:
        rows = [number % len(IMAGES) for number in range(400)]
        logits = list(pool.map(lambda row: ready.logits(IMAGES[row : row + 1])[0], rows))
    assert np.allclose(expected[rows], np.stack(logits), rtol=0, atol=1e-6)


def test_logits_are_a_copy(ready: OpenVinoClassifier) -> None:
    """Logits stay as they are when the next batch is run."""
    first = ready.logits(IMAGES[:2])
    before = first.copy()
    ready.logits(IMAGES[2:4])
    assert np.array_equal(before, first)


def test_a_conversion_is_stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next process reads it, without the network; nothing half written is left."""
    folder = tmp_path / "compiled" / "key"
    expected = OpenVinoClassifier(_request(folder=folder)).logits(IMAGES)
    assert [place.name for place in folder.parent.iterdir()] == ["key"]
    monkeypatch.setattr(openvino, "converted", lambda *_, **__: pytest.fail("it was converted again"))
    again = OpenVinoClassifier(_request(lambda: pytest.fail("the network was loaded"), folder=folder))
    assert np.array_equal(expected, again.logits(IMAGES))
    assert again.compile_seconds > 0


def test_a_damaged_conversion_is_converted_again(tmp_path: Path) -> None:
    """One changed byte of the weights, and nothing of the stored conversion is used."""
    folder = tmp_path / "key"
    expected = OpenVinoClassifier(_request(folder=folder)).logits(IMAGES)
    [weights] = folder.glob("*.bin")
    content = bytearray(weights.read_bytes())
    content[len(content) // 2] ^= 0xFF
    weights.write_bytes(content)
    assert np.array_equal(expected, OpenVinoClassifier(_request(folder=folder)).logits(IMAGES))
    assert weights.read_bytes() != content


def test_a_stored_conversion_is_folded(tmp_path: Path) -> None:
    """Normalisation is part of the weights that are stored, and not computed again by every process that reads them."""
    OpenVinoClassifier(_request(folder=tmp_path / "key")).logits(IMAGES)
    network = openvino.library().Core().read_model(tmp_path / "key" / openvino.IR)
    operations = [operation.get_type_name() for operation in network.get_ops()]
    assert operations.count("Convolution") == 1
    assert not {"BatchNormInference", "Divide", "Sqrt", "Subtract"} & set(operations)


class Looking(nn.Module):
    """Its sign depends on the images."""

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        return batch.mean(dim=(2, 3)) if batch.sum() > 0 else -batch.mean(dim=(2, 3))


def test_control_flow_is_refused_where_that_matters() -> None:
    """A network whose code depends on the images is refused by a strict conversion."""
    why = r"doubts .*: Converting a tensor to a Python boolean .*; runtime = \"openvino\" in \[models\.net\] runs it"
    with pytest.raises(Doubt, match=why):
        OpenVinoClassifier(_request(Looking, strict=True)).logits(IMAGES)
    assert OpenVinoClassifier(_request(Looking)).logits(IMAGES).shape == (13, 3)


class Broken(nn.Module):
    """Cannot be run at all."""

    def forward(self, _batch: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("no\nway")


def test_a_failed_conversion_is_one_line() -> None:
    """Whatever the network raises while it is converted is reported in one line."""
    with pytest.raises(ModelError, match=r"\AOpenVINO cannot run net: .*no way"):
        OpenVinoClassifier(_request(Broken)).logits(IMAGES)


def test_another_output_is_no_classifier() -> None:
    """A map of features is reported with its shape."""
    message = r"net is not a classifier: for 13 images it returned a tensor of shape \(13, 3, 16, 24\)"
    with pytest.raises(ModelError, match=message):
        OpenVinoClassifier(_request(nn.ReLU)).logits(IMAGES)


class Folding(nn.Module):
    """Is converted for two images, and takes no others."""

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        return batch.mean(dim=(2, 3)).reshape(len(batch), 3)


def test_openvinos_refusals_are_reported_by_their_reason() -> None:
    """The message quotes the last line of OpenVINO's error, not the place in its source."""
    with pytest.raises(ModelError, match=r"\Anet refuses a batch of shape \(13, 3, 16, 24\): .*reshape.*conflicts"):
        OpenVinoClassifier(_request(Folding)).logits(IMAGES)


class Counting(nn.Module):
    """Counts its images in Python, which the tracer takes for a number."""

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        return batch.mean() * torch.ones(len(batch), 3)


def test_a_recorded_number_of_images_is_reported() -> None:
    """A network that was converted for a fixed batch is refused, with what to write instead."""
    with pytest.raises(ModelError, match=r"net, converted by OpenVINO, returns \d+ rows for 13 images: .*x.shape"):
        OpenVinoClassifier(_request(Counting)).logits(IMAGES)


def _nonsense(folder: Path) -> None:
    (folder / openvino.IR).write_text("<net/>")


def test_an_unreadable_conversion_is_converted_again(tmp_path: Path) -> None:
    """A complete folder that OpenVINO cannot read, as of another version, is replaced."""
    expected = OpenVinoClassifier(_request(folder=tmp_path / "key")).logits(IMAGES)
    shutil.rmtree(tmp_path / "key")
    cache.store(tmp_path / "key", _nonsense)
    for _ in range(2):
        assert np.array_equal(OpenVinoClassifier(_request(folder=tmp_path / "key")).logits(IMAGES), expected)
    assert (tmp_path / "key" / openvino.IR).stat().st_size > 1000


def test_an_installation_that_does_not_start_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is a MachineError of one line, with what to use instead."""

    def missing() -> None:
        raise ImportError("libtbb.so.12: cannot open shared object file")

    monkeypatch.setattr(openvino, "library", missing)
    with pytest.raises(MachineError, match=r'installed and does not start: libtbb.*; use runtime = "eager"'):
        OpenVinoClassifier(_request()).logits(IMAGES)


def test_memory_that_runs_out_is_reported_as_such(ready: OpenVinoClassifier, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is OutOfMemory, so that fewer images are tried."""

    class Full:
        def infer(self, *_: object, **__: object) -> None:
            raise MemoryError("std::bad_alloc")

    monkeypatch.setattr(ready, "_threads", type("Threads", (), {"request": Full()})())
    with pytest.raises(OutOfMemory, match="net does not fit into memory with 13 images"):
        ready.logits(IMAGES)


@pytest.mark.parametrize(
    ("other", "message"),
    [({"device": "cuda"}, "runs on the CPU, not on cuda"), ({"precision": "float16"}, "does not compute in float16")],
)
def test_what_it_does_not_do_here_is_reported(
    other: dict[str, Any], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another device, and a precision that this CPU lacks, each with what to use instead."""
    monkeypatch.setitem(openvino.CAPABILITIES, "float16", "NONE OF THEM")
    with pytest.raises(MachineError, match=f'{message}.*runtime = "eager"'):
        OpenVinoClassifier(_request(**other)).logits(IMAGES)


def test_an_absent_package_is_reported_with_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message ends with what installs it."""
    monkeypatch.setattr(versions, "of_runtime", lambda _: {})
    with pytest.raises(MachineError, match=r"pip install 'imgcls\[openvino\]'"):
        OpenVinoClassifier(_request())


@pytest.mark.slow
def test_usage_statistics_are_not_sent(python: Callable[[str], pytest.RunResult]) -> None:
    """OpenVINO's usage statistics are not even imported."""
    result = python(
        "import sys; from imgcls.models.runtimes import openvino; openvino.library(); "
        "print([name for name, module in sys.modules.items() if name.startswith('openvino_telemetry') and module])"
    )
    assert result.outlines == ["[]"], result.errlines


@pytest.mark.slow
def test_threads_that_are_the_first_do_not_wait_for_each_other(python: Callable[[str], pytest.RunResult]) -> None:
    """In a process that has just imported OpenVINO, four threads have their first batch at once, and all end."""
    result = python(
        "import threading, faulthandler; faulthandler.dump_traceback_later(30, exit=True)\n"
        "from imgcls.models.runtimes import openvino\n"
        "types, together = openvino.library().Type, threading.Barrier(4)\n"
        "def first():\n"
        "    together.wait(); types.f32.to_dtype()\n"
        "threads = [threading.Thread(target=first) for _ in range(4)]\n"
        "[thread.start() for thread in threads]; [thread.join() for thread in threads]; print('done')"
    )
    assert result.outlines == ["done"], result.errlines
