"""imgcls.training.cupy_install: which wheel of CuPy fits this machine."""

import os
from pathlib import Path

import pytest
import torch

from imgcls.system import machine
from imgcls.training import cupy_install

HEADINGS = (
    "| NVIDIA-SMI 580.65.06    Driver Version: 580.65.06    CUDA Version: 13.0     |",
    "| NVIDIA-SMI 610.43.02    KMD Version: 610.43.02     CUDA UMD Version: 13.3     |",
)
"""What drivers of 2025 and of 2026 print."""


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
@pytest.mark.parametrize(("heading", "version"), [(HEADINGS[0], "13.0"), (HEADINGS[1], "13.3")])
def test_otherwise_it_is_that_of_the_driver(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, heading: str, version: str
) -> None:
    """As nvidia-smi prints it, and with the libraries that a torch for the CPU does not bring."""
    (tmp_path / "nvidia-smi").write_text(f"#!/bin/sh\necho '{heading}'\n")
    (tmp_path / "nvidia-smi").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    command = "pip install 'cupy-cuda13x[ctk]'"
    assert cupy_install.hint() == f"{command}, the wheel for CUDA {version} with the libraries of CUDA"


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
