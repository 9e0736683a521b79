"""OpenVINO on the CPU, converted straight from the torch module; the extra ``imgcls[openvino]``."""

import os
import shutil
import sys
import threading
import time
import warnings
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch

from imgcls.errors import MachineError, ModelError, one_line
from imgcls.runtimes import Request, installed
from imgcls.runtimes.eager import refusal

HINTS = {"float32": "f32", "bfloat16": "bf16", "float16": "f16"}
CAPABILITIES = {"float32": "FP32", "bfloat16": "BF16", "float16": "FP16"}
IR = "openvino.xml"


class OpenVinoClassifier:
    """A network that is converted and compiled at first use; the weights stay in float32, ``precision`` is computed in.

    Raises MachineError where OpenVINO is not installed or not for this device, and, at first use, where it does not
    compute in this precision on this CPU.
    """

    concurrent = True
    largest: int | None = None

    def __init__(self, request: Request) -> None:
        if not installed("openvino"):
            raise MachineError(
                "runtime = \"openvino\" needs a package that is not here: pip install 'imgcls[openvino]'"
            )
        if request.device != "cpu":
            raise MachineError(
                f'runtime = "openvino" runs on the CPU, not on {request.device}: ask for runtime = "eager"'
            )
        self.request, self.compile_seconds = request, 0.0
        self._threads, self._compiling = threading.local(), threading.Lock()

    @property
    def module(self) -> torch.nn.Module:
        """The network in float32, in evaluation mode."""
        module: torch.nn.Module = self.request.module().eval()
        return module

    def logits(self, batch: torch.Tensor) -> Any:
        """A float32 tensor (n, 3, h, w) to a float32 NumPy array (n, classes). Raises OutOfMemory, ModelError."""
        return self.fetched(self.forward(self.placed(batch)), len(batch))

    def fetched(self, output: Any, pictures: int) -> Any:
        """(n, classes), as it comes. Raises ModelError where it is no such thing."""
        if output.ndim != 2 or len(output) != pictures:
            name = self.request.name
            raise ModelError(f"{name} is no classifier: for {pictures} pictures it returned {output.shape}")
        return output

    def placed(self, batch: torch.Tensor) -> Any:
        """The batch as a contiguous NumPy array."""
        return np.ascontiguousarray(batch.numpy(), np.float32)

    def forward(self, placed: Any) -> Any:
        """(n, 3, h, w) to (n, classes). Raises OutOfMemory, ModelError."""
        if not hasattr(self._threads, "request"):
            self._threads.request = self._compiled.create_infer_request()
        try:
            self._threads.request.infer({0: placed}, share_inputs=True)
        except (RuntimeError, MemoryError) as error:
            raise refusal(self.request.name, placed, error) from error
        return np.array(self._threads.request.get_output_tensor(0).data, np.float32)

    def synchronize(self) -> None:
        """OpenVINO returns when it is done."""

    def device_ns(self, placed: Any) -> None:
        """The host's clock is the only one."""

    @property
    def _compiled(self) -> Any:
        with self._compiling:
            return self._ready

    @cached_property
    def _ready(self) -> Any:
        """Compiled for so many askers at once. Raises ModelError, MachineError."""
        started, core = time.perf_counter(), _library().Core()
        _check_precision(core, self.request.precision)
        try:
            compiled = core.compile_model(
                self._network(core),
                "CPU",
                {
                    "INFERENCE_PRECISION_HINT": HINTS[self.request.precision],
                    "NUM_STREAMS": self.request.askers,
                    "INFERENCE_NUM_THREADS": self.request.cores,
                    "ENABLE_CPU_PINNING": False,  # the askers decode pictures, too, on whichever core is free
                },
            )
        except Exception as error:  # the converter runs the network's own code, which may raise anything
            raise ModelError(f"OpenVINO cannot run {self.request.name}: {one_line(error)[:300]}") from error
        self.compile_seconds += time.perf_counter() - started
        return compiled

    def _network(self, core: Any) -> Any:
        """The converted network: as it was kept, or converted now and kept."""
        folder = self.request.artefacts
        if folder and (folder / IR).exists():
            os.utime(folder)  # what is used is not pruned
            return core.read_model(folder / IR)
        network = _converted(self.module, self.request.size, strict=self.request.strict)
        if folder:
            _keep(network, folder)
        return network


def build(request: Request) -> OpenVinoClassifier:
    """The classifier of this runtime."""
    return OpenVinoClassifier(request)


def _check_precision(core: Any, precision: str) -> None:
    known = core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    if CAPABILITIES[precision] not in known:
        raise MachineError(
            f"OpenVINO does not compute in {precision} on this CPU (it has {', '.join(known)}): "
            'ask for precision = "float32", or for runtime = "eager"'
        )


def _library() -> Any:
    """OpenVINO without its usage statistics: where their package is not to be had, its own stub takes their place."""
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type] # None: an import of it fails
    import openvino

    return openvino


def _converted(module: torch.nn.Module, size: tuple[int, int], *, strict: bool) -> Any:
    """The network for any number of pictures of this size; ``strict`` raises where torch's tracer has doubts."""
    openvino, jit = _library(), cast(Any, torch.jit)  # it does not say that its warning is exported
    from openvino.frontend import FrontEndManager
    from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder

    example = torch.zeros(2, 3, *size)
    with torch.inference_mode(), warnings.catch_warnings(record=True) as doubts:
        warnings.simplefilter("always")
        unchecked = {"check_trace": False}  # whoever uses it holds its answers against eager's
        decoder = TorchScriptPythonDecoder(module, example_input=(example,), trace_kwargs=unchecked)
    for doubt in doubts:
        if strict and issubclass(doubt.category, jit.TracerWarning):
            raise ModelError(str(doubt.message))
    frontend = FrontEndManager().load_by_framework("pytorch")
    network = frontend.convert(frontend.load(decoder))
    pictures = network.inputs[0].node
    pictures.set_element_type(openvino.Type.f32)
    pictures.set_partial_shape(openvino.PartialShape([-1, 3, *size]))
    network.validate_nodes_and_infer_types()
    return network


def _keep(network: Any, folder: Path) -> None:
    """Write beside, then rename: a run that is killed meanwhile leaves nothing that looks whole."""
    beside = folder.with_name(f"{folder.name}.{os.getpid()}")
    beside.mkdir(parents=True, exist_ok=True)
    _library().save_model(network, beside / IR, compress_to_fp16=False)
    try:
        beside.rename(folder)
    except OSError:  # another process was faster
        shutil.rmtree(beside)
