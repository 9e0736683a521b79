"""imgcls.training.cupy_install: which wheel of CuPy fits this machine."""

import os
from pathlib import Path

import pytest
import torch

from imgcls.system import machine
from imgcls.training import cupy_install

NVIDIA_SMI = """#!/bin/sh
echo '| NVIDIA-SMI 580.65.06    Driver Version: 580.65.06    CUDA Version: 13.0     |'
"""


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with the driver of a GPU, with which torch does not compute."""
    monkeypatch.setattr(machine, "has_gpu", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


def test_without_a_gpu_nothing_is_to_be_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """No wheel would help, whatever torch was built for."""
    monkeypatch.setattr(machine, "has_gpu", lambda: False)
    monkeypatch.setattr(torch.version, "cuda", "12.8")
    assert cupy_install.hint() == (
        "there is no NVIDIA GPU here, which CuPy needs: train with --array numpy or --array torch"
    )


@pytest.mark.usefixtures("gpu")
@pytest.mark.parametrize(("version", "wheel"), [("12.8", "cupy-cuda12x"), ("13.0", "cupy-cuda13x")])
def test_the_wheel_is_that_of_torchs_cuda(monkeypatch: pytest.MonkeyPatch, version: str, wheel: str) -> None:
    """Where torch computes on the GPU, its libraries are those of the version that it was built for."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.version, "cuda", version)
    assert cupy_install.hint() == f"pip install {wheel}, the wheel for CUDA {version}"


@pytest.mark.usefixtures("gpu")
def test_otherwise_it_is_that_of_the_driver(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As nvidia-smi prints it."""
    (tmp_path / "nvidia-smi").write_text(NVIDIA_SMI)
    (tmp_path / "nvidia-smi").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert cupy_install.hint() == "pip install cupy-cuda13x, the wheel for CUDA 13.0"


@pytest.mark.usefixtures("gpu")
@pytest.mark.parametrize("script", ["", "#!/bin/sh\necho 'NVIDIA-SMI has failed'\nexit 9\n"])
def test_a_driver_that_names_no_version_is_to_be_mended(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str
) -> None:
    """Also where there is no nvidia-smi."""
    if script:
        (tmp_path / "nvidia-smi").write_text(script)
        (tmp_path / "nvidia-smi").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert cupy_install.hint().startswith("nvidia-smi names no CUDA version: mend the driver first")
