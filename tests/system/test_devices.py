"""imgcls.system.devices: what torch calls differently on each device; none here has the GPU of an Apple processor."""

import platform
import sys
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import psutil
import pytest
import torch

from conftest import Command, Project
from imgcls.errors import DeviceMissing, MachineError
from imgcls.models import inference
from imgcls.models.pool import ModelPool
from imgcls.models.runtimes import base as runtimes
from imgcls.models.runtimes.eager import EagerClassifier
from imgcls.performance import memory_process
from imgcls.records.config import ModelSpec
from imgcls.session.option_table import OPTIONS
from imgcls.system import devices, machine


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The calls of torch.mps, on a machine that has it as far as anybody can see."""
    names: list[str] = []
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: True)
    monkeypatch.setattr("torch.mps.synchronize", lambda: names.append("synchronize"))
    monkeypatch.setattr("torch.mps.empty_cache", lambda: names.append("empty_cache"))
    monkeypatch.setattr("torch.mps.current_allocated_memory", lambda: 1234)
    monkeypatch.setattr(platform, "processor", lambda: "arm")
    monkeypatch.setattr(platform, "mac_ver", lambda: ("15.5", ("", "", ""), "arm64"))
    return names


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc gives memory back on request")
def test_freed_memory_of_the_host_is_given_back(python: Callable[[str], pytest.RunResult]) -> None:
    """What the C library holds between blocks that are in use is no longer resident."""
    result = python(
        "import psutil; from imgcls.system import devices; resident = lambda: psutil.Process().memory_info().rss\n"
        "blocks = [bytearray(100_000) for _ in range(1000)]\n"
        "before, blocks[:-1] = resident(), []\n"
        "devices.of('cpu').empty_cache(); print(before - resident() > 90_000_000)"
    )
    assert result.outlines == ["True"], result.errlines


def test_what_gives_memory_back_is_imported_when_it_is_used(python: Callable[[str], pytest.RunResult]) -> None:
    """Every command knows the devices, and few of them hold memory."""
    result = python("import sys; from imgcls.system import devices; print('ctypes' in sys.modules)")
    assert result.outlines == ["False"], result.errlines


@pytest.mark.parametrize("elsewhere", ["darwin", "win32"])
def test_other_systems_give_memory_back_by_themselves(elsewhere: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no glibc, nothing is called."""
    monkeypatch.setattr(sys, "platform", elsewhere)
    devices.malloc_trim.cache_clear()
    assert devices.malloc_trim() is None
    devices.of("cpu").empty_cache()
    devices.malloc_trim.cache_clear()


def test_a_device_that_torch_does_not_see_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """It states what torch lacks and what to do."""
    devices.require("cpu")
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(DeviceMissing, match=r"'cuda:1' was requested and torch \S+ sees no CUDA device here: check"):
        devices.require("cuda:1")
    with pytest.raises(DeviceMissing, match=r"'mps' was requested and torch \S+ sees no MPS device here: it needs"):
        devices.require("mps")
    with pytest.raises(DeviceMissing, match=r"sees no tpu device here: it is one of cpu, cuda, mps$"):
        devices.require("tpu")


@pytest.mark.parametrize("device", ["cuda:2", "cuda:01", "cuda:x", "cuda:", "cpu:1"])
def test_a_number_that_no_device_has_is_one_line(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It names those that there are."""
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    devices.require("cuda")
    devices.require("cuda:1")
    here = "cpu:0" if device.startswith("cpu") else "cuda:0, cuda:1"
    with pytest.raises(DeviceMissing, match=rf"device '{device}' was requested and torch \S+ sees here: {here}$"):
        devices.require(device)


@pytest.mark.parametrize(("device", "number"), [("cuda", 3), ("cuda:1", 1)])
def test_threads_have_the_callers_device(device: str, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread begins with the first GPU as its current one, whatever its process has chosen."""
    chosen = mock.create_autospec(torch.cuda.set_device)
    monkeypatch.setattr("torch.cuda.set_device", chosen)
    monkeypatch.setattr("torch.cuda.current_device", lambda: 3)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    devices.of(device).thread_setup(device)()
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    setup = devices.of(device).thread_setup(device)
    assert not chosen.called
    setup()
    chosen.assert_called_once_with(number)
    devices.of("cpu").thread_setup("cpu")()
    chosen.assert_called_once()


def test_a_gpu_that_has_failed_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a failed assertion on it CUDA refuses every call of the process; there is nothing left to give back."""

    def refuse(*_: object) -> None:
        raise torch.AcceleratorError("CUDA error: device-side assert triggered\nCompile with ...")

    monkeypatch.setattr("torch.cuda.empty_cache", refuse)
    monkeypatch.setattr("torch.cuda.mem_get_info", refuse)
    devices.of("cuda").empty_cache()
    with pytest.raises(MachineError, match=r"cannot use cuda any more, .*: CUDA error: device-side assert .*: run"):
        machine.available_bytes("cuda")


def test_mps_is_a_device_where_torch_has_it(calls: list[str]) -> None:
    """It is waited for, its cache is emptied, and its memory is that of the host."""
    runtimes.check_device("mps")
    row = devices.of("mps")
    row.synchronize(torch.device("mps"))
    ModelPool({}, "mps").release("net")
    assert calls == ["synchronize", "empty_cache"]
    assert row.allocated_bytes("mps") == 1234
    assert 0 < machine.available_bytes("mps") <= psutil.virtual_memory().total
    assert machine.describe("mps").gpu == "arm, macOS 15.5"


def test_a_timing_on_mps_waits_for_the_device(calls: list[str]) -> None:
    """By torch.mps.synchronize, and without a clock of the device."""
    classifier = EagerClassifier(torch.nn.Flatten(), "float32", "cpu")
    classifier.device = torch.device("mps")
    classifier.synchronize()
    assert calls == ["synchronize"]
    assert classifier.device_ns(torch.zeros(1, 3, 8, 8)) is None


def test_memory_is_not_pinned_for_mps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only CUDA copies from pinned memory."""
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda _: pytest.fail("pinned"))
    classifier = EagerClassifier(torch.nn.Flatten(), "float32", "cpu")
    classifier.device = torch.device("meta")  # as far away as mps, and present here
    monkeypatch.setitem(devices.DEVICES, "meta", devices.Mps())
    assert classifier.to_device(torch.zeros(1, 3, 8, 8)).device.type == "meta"


@pytest.mark.usefixtures("calls")
def test_growth_on_mps_counts_what_torch_allocated() -> None:
    """In addition to resident memory, as on CUDA."""
    of_host, of_mps = (memory_process._resident(lambda: None, device) for device in ("cpu", "mps"))
    assert min(of_mps) >= 1234
    assert len(of_host) == len(of_mps)


def test_only_eager_runs_on_mps() -> None:
    """What compiles for other devices, and what has an accelerator of its own, does not."""
    spec = ModelSpec("net", "timm:resnet18")
    assert runtimes.runs_on(spec, "mps")
    compiled = ModelSpec("net", "timm:resnet18", runtime="compile")
    assert runtimes.runs_on(compiled, "cuda")
    assert not runtimes.runs_on(compiled, "mps")
    assert not runtimes.runs_on(ModelSpec("net", "onnx:net.onnx"), "mps")
    assert inference.MAX_BATCH_SIZE.keys() == devices.DEVICES.keys()
    assert inference.BATCH_PIXELS.keys() >= devices.DEVICES.keys()


def test_every_door_takes_mps(imgcls: Command, run_pytest: Command, project: Project) -> None:
    """Score, predict, train and pytest answer that it is not here, in one line."""
    assert OPTIONS["device"]["choices"] == ("cpu", "cuda", "mps")
    for command in (
        ("score", "--device", "mps"),
        ("predict", str(project.folder / "colours"), "--models", "colour", "--device", "mps"),
        ("train", "colours", "--arch", "timm:test_resnet", "--epochs", "1", "--out", "runs", "--device", "mps"),
    ):
        result = imgcls(*command)
        assert result.ret == 3
        assert "device 'mps' was requested and torch" in (text := "\n".join([*result.outlines, *result.errlines]))
        assert "Traceback" not in text
    assert not Path("runs").exists()
    result = run_pytest("--imgcls-device=mps", "-m", "accuracy")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*device 'mps' was requested and torch*"])
    assert project.images_inferred() == 0


def test_a_test_for_mps_is_skipped_where_it_is_not(project: Project, run_pytest: Command) -> None:
    """As one for CUDA; without a word in the file nothing runs on it, although torch may have it."""
    lines = (
        "import pytest",
        "@pytest.mark.parametrize('device', ['mps'], indirect=True)",
        "def test_it(model, device): pass",
    )
    (project.folder / "test_models.py").write_text("\n".join(lines))
    result = run_pytest()
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["SKIPPED * mps: torch sees no device"])
    assert "mps" not in machine.devices(None)
