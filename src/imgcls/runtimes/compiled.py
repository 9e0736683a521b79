"""PyTorch's own compiler: slower to start, faster afterwards; torch keeps what it compiled in its own cache."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import torch

from imgcls.errors import MachineError, ran_out_of_memory
from imgcls.runtimes import Request
from imgcls.runtimes.eager import EagerClassifier

NO_COMPILER = ("InvalidCxxCompiler", "TritonMissing", "Failed to find C compiler", "Python.h")
"""What torch's compiler and, for a GPU, Triton raise or say where there is nothing to compile with."""


class CompiledClassifier(EagerClassifier):
    """A module that is compiled anew for each number of pictures; fewer than that are filled up instead.

    Raises MachineError where there is no compiler for what torch generates.
    """

    def __init__(self, module: torch.nn.Module, precision: str, device: str) -> None:
        super().__init__(module, precision, device)
        self.sizes: set[int] = set()
        self.compiled = torch.compile(self.module, dynamic=False)

    def answer(self, placed: torch.Tensor) -> Any:
        """As the network itself answers, rounding aside."""
        asked = len(placed)
        fitting = min((size for size in self.sizes if size >= asked), default=asked)
        filling = placed.new_zeros(fitting - asked, *placed.shape[1:])
        # always a new tensor: one that was made elsewhere is another kind to torch, and would be compiled for, too
        filled = torch.cat([placed, filling]).contiguous(memory_format=torch.channels_last)
        started = time.perf_counter()
        try:
            with _frozen():
                output = self.compiled(filled)
        except Exception as error:
            if ran_out_of_memory(error):
                self.sizes = {size for size in self.sizes if size < fitting}  # smaller parts are not filled up to it
            raise
        if fitting not in self.sizes:
            self.compile_seconds += time.perf_counter() - started
            self.sizes.add(fitting)
        return output[:asked] if isinstance(output, torch.Tensor) else output

    def forward(self, placed: torch.Tensor) -> Any:
        """As the network itself answers. Raises OutOfMemory, ModelError; MachineError without a compiler."""
        try:
            return super().forward(placed)
        except Exception as error:
            said = f"{type(error.__cause__).__name__}: {error.__cause__}"
            if any(words in said for words in NO_COMPILER):
                raise MachineError(
                    'runtime = "compile" needs a C++ compiler, on a GPU Python\'s headers, too, and finds none: '
                    "install g++ and python3-dev, or name a compiler in CXX (on a GPU in CC), "
                    'or ask for runtime = "eager"'
                ) from error
            raise


@contextmanager
def _frozen() -> Iterator[None]:
    """Weights are constants, which makes the code faster, and every network has code of its own.

    Of these torch keeps eight for a class, and then runs the network as it is without a word, unless told otherwise.
    """
    from torch._dynamo import config as dynamo
    from torch._inductor import config as inductor

    limits = {"recompile_limit": 256, "accumulated_recompile_limit": 4096, "fail_on_recompile_limit_hit": True}
    with cast(Any, inductor).patch(freezing=True), cast(Any, dynamo).patch(**limits):
        yield


def build(request: Request) -> CompiledClassifier:
    """The classifier of this runtime."""
    return CompiledClassifier(request.module(), request.precision, request.device)
