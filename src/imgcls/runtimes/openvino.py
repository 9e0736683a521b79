"""OpenVINO on the CPU, converted straight from the torch module; the extra ``imgcls[openvino]``."""

import sys
import threading
import time
import warnings
from contextlib import suppress
from functools import cached_property
from importlib import import_module
from typing import Any, cast

import numpy as np
import torch

from imgcls.errors import MachineError, ModelError, one_line
from imgcls.runtimes import Request, artefacts, installed
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
        name = self.request.name
        if output.ndim != 2:
            raise ModelError(f"{name} is no classifier: for {pictures} pictures it returned {output.shape}")
        if len(output) != pictures:
            raise ModelError(
                f"{name}, converted by OpenVINO, answers {pictures} pictures with {len(output)} rows: where its code "
                'counts them by len(x), x.shape[0] can be converted; or ask for runtime = "eager"'
            )
        return output

    def placed(self, batch: torch.Tensor) -> Any:
        """The batch as a contiguous NumPy array."""
        return np.ascontiguousarray(batch.numpy(), np.float32)

    def forward(self, placed: Any) -> Any:
        """(n, 3, h, w) to (n, classes). Raises OutOfMemory, ModelError."""
        compiled = self._compiled
        try:
            if not hasattr(self._threads, "request"):
                self._threads.request = compiled.create_infer_request()
            self._threads.request.infer({0: placed}, share_inputs=True)
        except (RuntimeError, MemoryError) as error:
            last = str(error).strip().rpartition("\n")[2]  # what was wrong; the lines before it say where
            raise refusal(self.request.name, placed, error, last) from error
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
        started, core = time.perf_counter(), _core(self.request.precision)
        settings = {
            "INFERENCE_PRECISION_HINT": HINTS[self.request.precision],
            "NUM_STREAMS": self.request.askers,
            "INFERENCE_NUM_THREADS": self.request.cores,
            "ENABLE_CPU_PINNING": False,  # the askers decode pictures, too, on whichever core is free
        }
        try:
            compiled = core.compile_model(self._network(core), "CPU", settings)
        except Exception as error:  # the converter runs the network's own code, which may raise anything
            raise ModelError(f"OpenVINO cannot run {self.request.name}: {one_line(error)[:300]}") from error
        self.compile_seconds += time.perf_counter() - started
        return compiled

    def _network(self, core: Any) -> Any:
        """The converted network: as it was kept, or converted now and kept."""
        folder = self.request.artefacts
        if folder and artefacts.whole(folder):
            with suppress(RuntimeError):  # of another version, perhaps: it is converted anew
                return core.read_model(folder / IR)
            artefacts.remove(folder)
        network = _converted(self.module, self.request.size, strict=self.request.strict)
        if folder:
            artefacts.keep(folder, lambda beside: _library().save_model(network, beside / IR, compress_to_fp16=False))
        return network


def build(request: Request) -> OpenVinoClassifier:
    """The classifier of this runtime."""
    return OpenVinoClassifier(request)


def _core(precision: str) -> Any:
    """OpenVINO itself, where it is in order and computes in this precision. Raises MachineError."""
    try:
        core = _library().Core()
        known = core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    except Exception as error:  # a broken installation may raise anything
        raise MachineError(
            f'OpenVINO is installed and does not start: {one_line(error)[:300]}; ask for runtime = "eager"'
        ) from error
    if CAPABILITIES[precision] not in known:
        raise MachineError(
            f"OpenVINO does not compute in {precision} on this CPU (it has {', '.join(known)}): "
            'ask for precision = "float32", or for runtime = "eager"'
        )
    return core


def _library() -> Any:
    """OpenVINO without its usage statistics: where their package is not to be had, its own stub takes their place."""
    absent = "openvino_telemetry" not in sys.modules
    if absent:
        sys.modules["openvino_telemetry"] = None  # type: ignore[assignment] # an import of it fails
    try:
        return import_module("openvino")
    finally:
        if absent:
            del sys.modules["openvino_telemetry"]


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
