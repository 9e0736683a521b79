"""The devices that models run on, a row each: what torch calls differently on one of them."""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING

from imgcls.errors import DeviceMissing

if TYPE_CHECKING:
    import torch


class Device:
    """The CPU, on which nothing is asynchronous and torch caches nothing; the other devices differ from it.

    ``remedy``: what to do where torch does not see the device.
    """

    remedy = ""
    pins_memory = False

    def is_available(self) -> bool:
        return True

    def synchronize(self, device: torch.device) -> None:
        """Wait until it has done all that was started."""

    def empty_cache(self) -> None:
        """Give memory back that torch, or on the CPU the C library, holds for later."""
        if trim := malloc_trim():
            trim(0)

    def available_bytes(self, device: str) -> int:
        """Memory that is available without swapping, or free on a GPU of its own memory."""
        del device
        import psutil

        return int(psutil.virtual_memory().available)

    def allocated_bytes(self, device: str) -> int:
        """Memory of tensors that is not part of this process's resident memory."""
        del device
        return 0

    def gpu(self, device: str) -> str | None:
        """The name of the GPU, where it is one."""
        del device
        return None


class Cuda(Device):
    """A GPU of NVIDIA, or of AMD in torch's builds for it."""

    remedy = "check the driver with nvidia-smi, or use the device cpu"
    pins_memory = True

    def is_available(self) -> bool:
        import torch

        return torch.cuda.is_available()

    def synchronize(self, device: torch.device) -> None:
        import torch

        torch.cuda.synchronize(device)

    def empty_cache(self) -> None:
        import torch

        torch.cuda.empty_cache()

    def available_bytes(self, device: str) -> int:
        import torch

        free, _ = torch.cuda.mem_get_info(device)
        return int(free)

    def allocated_bytes(self, device: str) -> int:
        import torch

        return torch.cuda.memory_allocated(device)

    def gpu(self, device: str) -> str | None:
        import torch

        return torch.cuda.get_device_name(device)


class Mps(Device):
    """The GPU of an Apple processor, whose memory is that of the host; its kernels come with macOS."""

    remedy = "it needs macOS on an Apple processor; use the device cpu elsewhere"

    def is_available(self) -> bool:
        import torch

        return torch.backends.mps.is_available()

    def synchronize(self, device: torch.device) -> None:
        del device
        import torch

        torch.mps.synchronize()

    def empty_cache(self) -> None:
        import torch

        torch.mps.empty_cache()

    def allocated_bytes(self, device: str) -> int:
        del device
        import torch

        return int(torch.mps.current_allocated_memory())

    def gpu(self, device: str) -> str | None:
        del device
        return f"{platform.processor() or platform.machine()}, macOS {platform.mac_ver()[0]}"


DEVICES: Mapping[str, Device] = {"cpu": Device(), "cuda": Cuda(), "mps": Mps()}
"""By the name that options and configurations have; torch's names may have a number behind it, as in ``cuda:1``."""


@cache
def malloc_trim() -> Callable[[int], int] | None:
    """What makes glibc give back the memory that was freed (docs/decisions.md#freed-memory); None elsewhere."""
    if sys.platform != "linux":
        return None
    import ctypes

    return getattr(ctypes.CDLL(None), "malloc_trim", None)


def of(device: str) -> Device:
    """The row of a device that is one of :data:`DEVICES`."""
    return DEVICES[kind(device)]


def kind(device: str) -> str:
    """Its name without a number."""
    return device.partition(":")[0]


def require(device: str) -> None:
    """Raise DeviceMissing where torch does not see the device."""
    row = DEVICES.get(kind(device))
    if row and row.is_available():
        return
    import torch

    remedy = row.remedy if row else f"it is one of {', '.join(DEVICES)}"
    word = kind(device).upper() if row else device
    raise DeviceMissing(
        f"device '{device}' was requested and torch {torch.__version__} sees no {word} device here: {remedy}"
    )
