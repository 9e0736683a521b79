"""imgcls.doctor.imports: what a child process reported of broken libraries and GPUs, and what mends it."""

import sys
from collections.abc import Mapping
from typing import Any

import pytest

from examined import TORCH, evidence, of_level
from imgcls.doctor import children, imports
from imgcls.doctor.findings import Finding, Step
from imgcls.system import machine

NMS = "RuntimeError: operator torchvision::nms does not exist"
H200 = {"name": "NVIDIA H200", "compute": [9, 0], "bytes": 139 * 2**30}


@pytest.fixture(autouse=True)
def _cpu_build(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imports, "build", lambda _: "cpu")


def _gpu(values: Mapping[str, Any], environ: Mapping[str, str] | None = None) -> Finding:
    [finding] = imports.gpu(evidence(environ=environ, steps=[Step("torch", None, {**TORCH, **values})]))
    return finding


def test_all_libraries_work() -> None:
    """One short line."""
    steps = [Step("torch", None, TORCH), Step("numpy"), Step("torchvision"), Step("timm")]
    [finding] = imports.imports(evidence(steps=steps))
    assert (finding.level, finding.text) == ("ok", "torch, torchvision, timm can be imported")


def test_operators_of_torchvision_are_missing() -> None:
    """The message that users search for is there, and the command fetches both from one index.

    That timm cannot be imported without them is no finding of its own.
    """
    steps = [Step("torch", None, TORCH), Step("numpy"), Step("torchvision", NMS), Step("timm", NMS)]
    [(text, remedy)] = of_level(imports.imports(evidence(steps=steps)), "broken")
    assert text == f"import torchvision fails: torch and torchvision do not match: {NMS}"
    assert remedy == (
        "pip install --force-reinstall torch torchvision --index-url https://download.pytorch.org/whl/cpu"
    )


def test_a_process_that_died() -> None:
    """It is the library whose import it died in, and those after it were not tried."""
    broken = of_level(imports.imports(evidence(steps=[Step("torch", "the process died of SIGILL")])), "broken")
    assert [text for text, _ in broken] == ["import torch fails: the process died of SIGILL"]


def test_an_import_that_takes_long_is_not_broken() -> None:
    """A cold disk is a warning."""
    [(text, remedy)] = of_level(
        imports.imports(evidence(steps=[Step("torch", "it was not done after 20 s")])), "warning"
    )
    assert text.startswith("import torch: it was not done after 20 s; the disk may be slow")
    assert remedy == "run imgcls doctor again"


def test_a_numpy_that_torch_was_not_built_for() -> None:
    """torch imports, and cannot make an array."""
    steps = [Step("torch", None, TORCH), Step("numpy", "RuntimeError: Numpy is not available")]
    [(text, remedy)] = of_level(imports.imports(evidence(packages={"numpy": "2.4.0"}, steps=steps)), "broken")
    assert text == "torch cannot use NumPy 2.4.0: RuntimeError: Numpy is not available"
    assert remedy == "pip install --upgrade torch torchvision numpy"


def test_a_file_of_the_user_with_the_name_of_a_library() -> None:
    """``torch.py`` in the working folder takes torch's place, and no step works with it or with what needs it."""
    missing = "AttributeError: module 'torch' has no attribute 'cuda'"
    steps = [Step("torch", missing, {"file": "/home/ada/torch.py"}), Step("timm", missing)]
    [(text, remedy)] = of_level(imports.imports(evidence(steps=steps)), "broken")
    assert text == "import torch finds /home/ada/torch.py, which is not the library"
    assert remedy == "rename this file"


def test_a_gpu_that_torch_has() -> None:
    """Its name, its memory and what it can compute."""
    finding = _gpu({"cuda": "13.0", "gpus": [H200], "built_for": ["sm_80", "sm_90"]})
    assert (finding.level, finding.text) == ("ok", "NVIDIA H200, 139 GiB, compute capability 9.0")


@pytest.mark.parametrize(
    ("compute", "built_for", "level"),
    [
        ([9, 0], ["sm_50", "sm_60"], "broken"),
        ([3, 5], ["sm_50", "sm_120a"], "broken"),
        ([8, 6], ["sm_80"], "ok"),
        ([12, 0], ["sm_90", "sm_120"], "ok"),
        ([12, 0], ["sm_90", "compute_90"], "ok"),
        ([7, 5], ["sm_80", "compute_80"], "broken"),
        ([9, 0], [], "ok"),
    ],
)
def test_a_gpu_that_torch_is_not_built_for(compute: list[int], built_for: list[str], level: str) -> None:
    """Code runs on devices of its major version that are not older, and is compiled for newer ones where it can be."""
    assert _gpu({"gpus": [{**H200, "compute": compute}], "built_for": built_for}).level == level


def test_a_gpu_that_torch_has_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each reason has its own remedy: hidden, a torch for the CPU, a driver that is too old."""
    monkeypatch.setattr(machine, "has_gpu", lambda: True)
    hidden = _gpu({"cuda": "13.0"}, {"CUDA_VISIBLE_DEVICES": ""})
    assert (hidden.level, hidden.remedy) == ("note", "unset CUDA_VISIBLE_DEVICES")
    without = _gpu({})
    assert (without.level, without.remedy) == ("warning", "pip install --force-reinstall torch torchvision")
    old = _gpu({"cuda": "13.0", "warnings": ["the NVIDIA driver on your system is too old"]})
    assert (old.level, old.remedy) == ("warning", "nvidia-smi")
    assert old.text.endswith("cannot use it: the NVIDIA driver on your system is too old")


def test_a_gpu_that_cannot_compute() -> None:
    """One that another process has is broken by torch's words, and one that torch is not built for by ours."""
    busy = "AcceleratorError: CUDA error: all devices are busy or unavailable"
    values = {"cuda": "13.0", "gpus": [H200], "built_for": ["sm_90"], "gpu_error": busy}
    seen, broken = imports.gpu(evidence(steps=[Step("torch", None, {**TORCH, **values})]))
    assert (seen.level, broken.level, broken.remedy) == ("ok", "broken", "nvidia-smi")
    assert broken.text == f"torch sees a GPU of CUDA, and cannot compute on it: {busy}"
    assert "not built" in _gpu({**values, "built_for": ["sm_50"]}).text
    assert _gpu({**values, "gpus": []}).level == "broken"


def test_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is wrong with a machine that has none, and Apple's is named with its option."""
    monkeypatch.setattr(machine, "has_gpu", lambda: False)
    assert _gpu({}) == Finding("ok", "none; models run on the CPU")
    assert _gpu({"mps": True}) == Finding("ok", "Apple's GPU: --device mps")


def test_gpus_are_not_known_without_torch() -> None:
    """The broken import is another check's finding."""
    [finding] = imports.gpu(evidence(steps=[Step("torch", "ImportError: libc10.so")]))
    assert finding.level == "note"


def test_memray(monkeypatch: pytest.MonkeyPatch) -> None:
    """It works, it fails with its reason, it is not installed, or the system is not one of its own."""
    monkeypatch.setattr(children, "tried", lambda *_: {"memray": Step("memray", "OSError: no libunwind")})
    [finding] = imports.memray(evidence(packages={"memray": "1.20"}))
    assert (finding.level, finding.text) == ("warning", "memory cannot be measured: OSError: no libunwind")
    [finding] = imports.memray(evidence())
    assert (finding.level, finding.remedy) == ("broken", "pip install memray")
    monkeypatch.setattr(sys, "platform", "win32")
    [finding] = imports.memray(evidence())
    assert (finding.level, finding.text.endswith("memory cannot be measured there")) == ("note", True)


def test_openvino(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is an extra: absent it is a note with the command, broken a warning."""
    values = {"version": "2026.4.1", "devices": ["CPU", "GPU"]}
    monkeypatch.setattr(children, "tried", lambda *_: {"openvino": Step("openvino", None, values)})
    assert list(imports.openvino(evidence(packages={"openvino": "2026.4"}))) == [
        Finding("ok", "works, 2026.4.1, for CPU, GPU")
    ]
    assert list(imports.openvino(evidence())) == [
        Finding("note", "not installed: models run in torch", "pip install 'imgcls[openvino]'")
    ]
