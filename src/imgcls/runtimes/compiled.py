"""PyTorch's own compiler: slower to start, faster afterwards; torch keeps what it compiled in its own cache."""

import time
from typing import Any

import torch

from imgcls.errors import MachineError
from imgcls.runtimes import Request
from imgcls.runtimes.eager import EagerClassifier


class CompiledClassifier(EagerClassifier):
    """A module that is compiled anew for each number of pictures; fewer than that are filled up instead.

    Raises MachineError where there is no C++ compiler.
    """

    def __init__(self, module: torch.nn.Module, precision: str, device: str) -> None:
        super().__init__(module, precision, device)
        self.sizes: set[int] = set()
        options: dict[str, Any] = {"freezing": True}
        self.compiled = torch.compile(self.module, dynamic=False, options=options)

    def answer(self, placed: torch.Tensor) -> Any:
        """As the network itself answers, rounding aside. Raises MachineError."""
        asked = len(placed)
        fitting = min((size for size in self.sizes if size >= asked), default=asked)
        if fitting not in self.sizes:
            return self._compiled_for(placed)
        filling = placed.new_zeros(fitting - asked, *placed.shape[1:])
        filled = torch.cat([placed, filling]).contiguous(memory_format=torch.channels_last) if len(filling) else placed
        output = self.compiled(filled)
        return output[:asked] if isinstance(output, torch.Tensor) else output

    def _compiled_for(self, placed: torch.Tensor) -> Any:
        started = time.perf_counter()
        output = self.compiled(placed)
        self.compile_seconds += time.perf_counter() - started
        self.sizes.add(len(placed))
        return output

    def forward(self, placed: torch.Tensor) -> Any:
        """As the network itself answers. Raises OutOfMemory, ModelError; MachineError without a C++ compiler."""
        from torch._inductor.exc import InvalidCxxCompiler

        try:
            return super().forward(placed)
        except Exception as error:
            if isinstance(error.__cause__, InvalidCxxCompiler) or "InvalidCxxCompiler" in str(error.__cause__):
                raise MachineError(
                    'runtime = "compile" needs a C++ compiler and finds none: install g++, or name one in CXX, '
                    'or ask for runtime = "eager"'
                ) from error
            raise


def build(request: Request) -> CompiledClassifier:
    """The classifier of this runtime."""
    return CompiledClassifier(request.module(), request.precision, request.device)
