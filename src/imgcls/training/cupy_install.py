"""How CuPy is installed on this machine: its wheels are for one major version of CUDA each."""

from __future__ import annotations

import re
import shutil
import subprocess

from imgcls.system import machine

NO_GPU = "there is no NVIDIA GPU here, which CuPy needs: train with --array numpy or --array torch"

TIMEOUT_S = 10.0  # docs/decisions.md#the-wheel-of-cupy


def hint() -> str:
    """The command that installs the wheel for this machine's CUDA, or that there is no GPU that CuPy could use."""
    if not machine.has_gpu():
        return NO_GPU
    if version := _torch_cuda():
        return f"pip install {_wheel(version)}, the wheel for CUDA {version}"
    if version := _driver_cuda():
        return f"pip install '{_wheel(version)}[ctk]', the wheel for CUDA {version} with the libraries of CUDA"
    return "nvidia-smi names no CUDA version: mend the driver first, then pip install the CuPy of that version"


def _wheel(version: str) -> str:
    return f"cupy-cuda{version.partition('.')[0]}x"


def _torch_cuda() -> str | None:
    """The CUDA version that torch was built for and computes with here, as ``12.8``."""
    import torch

    return torch.version.cuda if torch.cuda.is_available() else None


def _driver_cuda() -> str | None:
    """The newest CUDA version of the driver, as ``nvidia-smi`` prints it."""
    command = shutil.which("nvidia-smi")
    if command is None:
        return None
    try:
        done = subprocess.run([command], capture_output=True, text=True, timeout=TIMEOUT_S, check=False)  # noqa: S603 - the driver's own command
    except (OSError, subprocess.TimeoutExpired):
        return None
    version = re.search(r"CUDA (?:UMD )?Version:\s*(\d+\.\d+)", done.stdout)  # UMD: drivers since 2026
    return version and version[1]
