"""PyTorch's own compiler: slower to start, faster afterwards; torch caches what it compiled."""

import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, cast

import torch

from imgcls.errors import MachineError, ran_out_of_memory
from imgcls.models import outputs
from imgcls.models.runtimes.base import Request
from imgcls.models.runtimes.eager import EagerClassifier

NO_COMPILER = ("InvalidCxxCompiler", "TritonMissing", "Failed to find C compiler", "Python.h", "CalledProcessError")
"""Words in what torch's compiler and, for a GPU, Triton raise where there is no C or C++ compiler, or none that works.

Triton calls it for a few lines, and leaves what it said, such as that Python.h is missing, on the terminal.
"""


LIMITS = {  # docs/decisions.md#limits-of-torchcompile
    "recompile_limit": 256,
    "accumulated_recompile_limit": 4096,
    "fail_on_recompile_limit_hit": True,
}
"""torch's own limit is eight networks of a class; it runs others uncompiled without a warning."""


class CompiledClassifier(EagerClassifier):
    """A module that is compiled anew for each batch size; smaller batches are filled up instead.

    Raises MachineError where there is no compiler for what torch generates.
    """

    def __init__(self, module: torch.nn.Module, precision: str, device: str, output: str | None = None) -> None:
        super().__init__(module, precision, device, output)
        self.sizes: set[int] = set()
        self.compiled = torch.compile(outputs.Logits(self.module, output), dynamic=False)

    def infer(self, batch: torch.Tensor) -> Any:
        """As the network itself, but for rounding."""
        size = len(batch)
        compiled_size = min((other for other in self.sizes if other >= size), default=size)
        blank = batch.new_zeros(compiled_size - size, *batch.shape[1:])
        # always a new tensor: one that was made elsewhere is another kind to torch, and would be compiled for, too
        filled = torch.cat([batch, blank]).contiguous(memory_format=torch.channels_last)
        started = time.perf_counter()
        try:
            with _frozen(), nullcontext() if compiled_size in self.sizes else _without_advice():
                output = self.compiled(filled)
        except Exception as error:
            if ran_out_of_memory(error):
                self.sizes = {other for other in self.sizes if other < compiled_size}  # no batch is filled up to it
            raise
        if compiled_size not in self.sizes:
            self.compile_seconds += time.perf_counter() - started
            self.sizes.add(compiled_size)
        return output[:size] if isinstance(output, torch.Tensor) else output

    def forward(self, batch: torch.Tensor) -> Any:
        """As the network itself. Raises OutOfMemory, ModelError; MachineError without a compiler."""
        try:
            return super().forward(batch)
        except Exception as error:
            text = f"{type(error.__cause__).__name__}: {error.__cause__}"
            if any(words in text for words in NO_COMPILER):
                raise MachineError(
                    'runtime = "compile" needs a C++ compiler, on a GPU Python\'s headers, too, and finds none: '
                    "install g++ and python3-dev, or name a compiler in CXX (on a GPU in CC), "
                    'or use runtime = "eager"'
                ) from error
            raise


@contextmanager
def _frozen() -> Iterator[None]:
    """Weights are constants, which makes the code faster, and each network has its own code."""
    from torch._dynamo import config as dynamo
    from torch._inductor import config as inductor

    with cast(Any, inductor).patch(freezing=True), cast(Any, dynamo).patch(**LIMITS):
        yield


@contextmanager
def _without_advice() -> Iterator[None]:
    """torch advises TF32 for a network in float32, which is not to have it."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "TensorFloat32 tensor cores")
        yield


def build(request: Request) -> CompiledClassifier:
    """The classifier of this runtime."""
    return CompiledClassifier(request.module(), request.precision, request.device, request.output)
