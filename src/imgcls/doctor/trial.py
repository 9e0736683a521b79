"""The child process that imports what may be broken: ``python -m imgcls.doctor.trial STEP ...``.

It writes a line of JSON before and after each step, so that its parent knows in which one it died.
"""

from __future__ import annotations

import json
import sys
import tempfile
import warnings
from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from imgcls import light_imports


def torch() -> dict[str, Any]:
    """Its build, the devices that it sees, and why it cannot compute on a GPU that it sees."""
    import torch

    cuda = torch.cuda.is_available()
    gpus: list[dict[str, Any]] = []
    gpu_error = _tried(lambda: _examined(gpus))[1] if cuda else None
    return {
        "file": torch.__file__,
        "version": torch.__version__,
        "cuda": torch.version.cuda,
        "capability": torch.backends.cpu.get_cpu_capability(),
        "mps": torch.backends.mps.is_available(),
        "built_for": torch.cuda.get_arch_list() if cuda else [],
        "gpus": gpus,
        "gpu_error": gpu_error,
    }


def _examined(gpus: list[dict[str, Any]]) -> dict[str, Any]:
    """Append those of CUDA, and add two numbers on the first: one that another process has is seen all the same."""
    import torch

    gpus += (_gpu(number) for number in range(torch.cuda.device_count()))
    return {"sum": torch.ones(2, device="cuda").sum().item()}


def _gpu(number: int) -> dict[str, Any]:
    import torch

    properties = torch.cuda.get_device_properties(number)
    return {
        "name": properties.name, "compute": [properties.major, properties.minor], "bytes": properties.total_memory,
    }  # fmt: skip


def numpy() -> dict[str, Any]:
    """Whether torch was built for this NumPy."""
    import torch

    return {"bytes": torch.zeros(1).numpy().nbytes}


def torchvision() -> dict[str, Any]:
    """Whether its operators are there, which torchvision itself does not state when they are not."""
    import torch

    torchvision = light_imports.torchvision()
    torchvision.ops.nms(torch.zeros(1, 4), torch.zeros(1), 0.5)
    return {"file": torchvision.__file__, "version": torchvision.__version__}


def timm() -> dict[str, Any]:
    """Its version; it is imported as imgcls imports it."""
    timm = light_imports.timm()
    return {"file": timm.__file__, "version": timm.__version__}


def memray() -> dict[str, Any]:
    """Whether it can follow the allocations of a process."""
    import memray

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "capture"
        with memray.Tracker(file, native_traces=True):
            bytearray(1_000_000)
        return {"version": metadata.version("memray"), "bytes": file.stat().st_size}


def openvino() -> dict[str, Any]:
    import openvino

    return {"version": metadata.version("openvino"), "devices": openvino.Core().available_devices}


STEPS: Mapping[str, Callable[[], dict[str, Any]]] = {
    "torch": torch, "numpy": numpy, "torchvision": torchvision, "timm": timm, "memray": memray, "openvino": openvino,
}  # fmt: skip


def main(names: Sequence[str]) -> None:
    """Do the steps one after the other; one that fails does not end the process."""
    for name in names:
        _write(step=name)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            values, error = _tried(STEPS[name])
        if error and (imported := sys.modules.get(name)):
            values = {"file": getattr(imported, "__file__", None)}
        texts = [str(warning.message).strip() for warning in caught if warning.category is UserWarning]
        _write(step=name, error=error, values={**values, "warnings": texts})


def _tried(step: Callable[[], dict[str, Any]]) -> tuple[dict[str, Any], str | None]:
    try:
        return step(), None
    except BaseException as error:  # noqa: BLE001 - a broken library may raise anything, SystemExit too
        text = " ".join(str(error).split())
        return {}, f"{type(error).__name__}: {text}".rstrip(": ")


def _write(**line: Any) -> None:
    print(json.dumps(line), file=_OUTPUT, flush=True)


_OUTPUT = sys.stdout

if __name__ == "__main__":
    sys.stdout = sys.stderr  # what a library prints while it is imported is not ours
    main(sys.argv[1:])
