"""The card, its driver and its clocks, the libraries, the host, and how fast memory is copied."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from collections.abc import Mapping
from typing import Any

from gpu_parts.scene import Scene
from gpu_parts.steps import Steps

QUERIED = (
    "driver_version", "clocks.sm", "clocks.max.sm", "clocks.mem", "temperature.gpu", "power.draw", "power.limit",
    "memory.free", "memory.total", "utilization.gpu",
)  # fmt: skip
"""What is queried of ``nvidia-smi``, by its own names."""

COPIED_BYTES = 256 * 1024**2


def measure(scene: Scene, steps: Steps) -> None:
    """Nothing here takes more than seconds."""
    steps.take("libraries", _libraries)
    steps.take("card", _card)
    steps.take("nvidia-smi", _nvidia_smi)
    steps.take("host", _host)
    steps.take("copies", lambda: _copies(scene))


def _libraries() -> Mapping[str, Any]:
    import torch

    from imgcls.system import versions

    return {
        "python": platform.python_version(),
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version(),  # type: ignore[no-untyped-call]  # torch leaves it untyped
        "built_for": torch.cuda.get_arch_list(),
        **versions.libraries(),
    }


def _card() -> Mapping[str, Any]:
    import torch

    properties, (free, total) = torch.cuda.get_device_properties(0), torch.cuda.mem_get_info()
    return {
        "name": properties.name,
        "capability": f"{properties.major}.{properties.minor}",
        "multiprocessors": properties.multi_processor_count,
        "free_bytes": free,
        "total_bytes": total,
    }


def _nvidia_smi() -> Mapping[str, Any]:
    """Of the first card that it lists; where the command is absent, that is what is recorded."""
    command = shutil.which("nvidia-smi")
    if command is None:
        return {"remark": "there is no command nvidia-smi"}
    query = [command, f"--query-gpu={','.join(QUERIED)}", "--format=csv,noheader"]
    done = subprocess.run(query, capture_output=True, text=True, timeout=10, check=False)  # noqa: S603 - its own path
    if done.returncode:
        return {"remark": (done.stderr or done.stdout).strip()}
    return dict(zip(QUERIED, done.stdout.splitlines()[0].split(", "), strict=False))


def _host() -> Mapping[str, Any]:
    from imgcls.system import machine

    description = machine.describe("cpu")
    return {
        "cpu": description.cpu,
        "cores": machine.cores(),
        "allowed_cores": machine.allowed_cores(),
        "threads": machine.threads(),
        "free_bytes": machine.available_bytes(),
        "load": os.getloadavg()[0],
    }


def _copies(scene: Scene) -> Mapping[str, Any]:
    """Gigabytes per second from pinned and from pageable memory to the card, and back, by events."""
    import torch

    size = COPIED_BYTES // 256 if scene.dry else COPIED_BYTES
    there = torch.empty(size, dtype=torch.uint8, device=scene.device)
    pageable = torch.zeros(size, dtype=torch.uint8)
    pinned = pageable.pin_memory()
    return {
        "pinned_gb_per_s": _rate(there, pinned),
        "pageable_gb_per_s": _rate(there, pageable),
        "back_gb_per_s": _rate(pinned, there),
    }


def _rate(to: Any, source: Any) -> float:
    import torch

    event: Any = torch.cuda.Event  # untyped
    best = 0.0
    for _ in range(3):
        started, done = event(enable_timing=True), event(enable_timing=True)
        started.record()
        to.copy_(source, non_blocking=True)
        done.record()
        done.synchronize()
        best = max(best, to.numel() / 1e6 / max(started.elapsed_time(done), 1e-6))
    return best
