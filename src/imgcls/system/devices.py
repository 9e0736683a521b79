"""The devices that models run on, a row each: what torch calls differently on one of them."""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache, partial
from typing import TYPE_CHECKING

from imgcls.errors import DeviceMissing, MachineError

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

    def count(self) -> int:
        """How many of the kind there are, where it is available."""
        return 1

    def thread_setup(self, device: str) -> Callable[[], object]:
        """What a thread calls before it uses the device."""
        del device
        return _nothing

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

    def count(self) -> int:
        import torch

        return torch.cuda.device_count()

    def thread_setup(self, device: str) -> Callable[[], object]:
        """The device becomes the current one of the thread, which begins with the first one whatever the caller has."""
        import torch

        if not self.is_available():  # which is said when a model is loaded
            return super().thread_setup(device)
        number = torch.device(device).index
        return partial(torch.cuda.set_device, torch.cuda.current_device() if number is None else number)

    def synchronize(self, device: torch.device) -> None:
        import torch

        torch.cuda.synchronize(device)

    def empty_cache(self) -> None:
        import torch

        with suppress(torch.AcceleratorError):  # of a device that has failed nothing can be used again
            torch.cuda.empty_cache()

    def available_bytes(self, device: str) -> int:
        import torch

        try:
            free, _ = torch.cuda.mem_get_info(device)
        except torch.AcceleratorError as error:
            reason = str(error).partition("\n")[0]
            raise MachineError(
                f"this process cannot use {device} any more, which has failed: {reason}: run again"
            ) from error
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


def _nothing() -> None:
    """All threads are alike."""


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
        _require_number(device, row.count())
        return
    import torch

    remedy = row.remedy if row else f"it is one of {', '.join(DEVICES)}"
    word = kind(device).upper() if row else device
    raise DeviceMissing(
        f"device '{device}' was requested and torch {torch.__version__} sees no {word} device here: {remedy}"
    )


def unusable(device: str, error: BaseException) -> MachineError:
    """The error for a device that torch sees and cannot use, as where another process has it to itself."""
    reason = str(error).partition("\n")[0]
    return MachineError(f"the device {device} cannot be used: {reason}: {of(device).remedy}")


def _require_number(device: str, count: int) -> None:
    name, colon, number = device.partition(":")
    if not colon or number in map(str, range(count)):
        return
    import torch

    devices = ", ".join(f"{name}:{each}" for each in range(count))
    raise DeviceMissing(f"device '{device}' was requested and torch {torch.__version__} sees here: {devices}")
