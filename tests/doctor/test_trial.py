"""imgcls.doctor.trial: each library is tried as far as a run would use it."""

import json
import sys
import warnings
from types import SimpleNamespace

import pytest

from imgcls.doctor import trial


def _warns() -> dict[str, object]:
    warnings.warn("the driver is too old\n", UserWarning, stacklevel=1)
    return {"version": "1"}


def _ends() -> dict[str, object]:
    raise SystemExit("no\nway")


def test_a_step_is_a_line_before_and_after(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A step that fails is an error in one line, and a warning of a library is kept."""
    monkeypatch.setattr(trial, "_OUTPUT", sys.stdout)
    monkeypatch.setattr(trial, "STEPS", {"a": _warns, "b": _ends})
    trial.main(["a", "b"])
    assert list(map(json.loads, capsys.readouterr().out.splitlines())) == [
        {"step": "a"},
        {"step": "a", "error": None, "values": {"version": "1", "warnings": ["the driver is too old"]}},
        {"step": "b"},
        {"step": "b", "error": "SystemExit: no way", "values": {"warnings": []}},
    ]


def test_a_step_that_fails_names_the_file_that_was_imported(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It may be one of the user, with the name of a library."""
    monkeypatch.setattr(trial, "_OUTPUT", sys.stdout)
    monkeypatch.setattr(trial, "STEPS", {"json": _ends})
    trial.main(["json"])
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["values"] == {"file": json.__file__, "warnings": []}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["numpy", "torchvision", "timm", "memray", "openvino"])
def test_libraries_that_are_installed_here_work(name: str) -> None:
    """Each step runs, and returns what JSON can hold."""
    assert json.loads(json.dumps(trial.STEPS[name]()))


def test_torch_reports_its_build_and_devices() -> None:
    """All that the checks of GPUs look at is there."""
    assert trial.torch().keys() == {"file", "version", "cuda", "capability", "mps", "built_for", "gpus", "gpu_error"}


def test_a_gpu_that_cannot_compute_is_not_a_broken_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its error is stated, and torch's build with it."""
    import torch

    def ones(*_: object, **__: object) -> None:
        raise torch.AcceleratorError("CUDA error: all CUDA-capable devices\nare busy or unavailable")

    h200 = SimpleNamespace(name="NVIDIA H200", major=9, minor=0, total_memory=139 * 2**30)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: h200)
    monkeypatch.setattr(torch, "ones", ones)
    values = trial.torch()
    assert values["version"] == torch.__version__
    assert values["gpus"] == [{"name": "NVIDIA H200", "compute": [9, 0], "bytes": 139 * 2**30}]
    assert values["gpu_error"] == "AcceleratorError: CUDA error: all CUDA-capable devices are busy or unavailable"
