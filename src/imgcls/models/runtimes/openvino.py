"""OpenVINO on the CPU, converted straight from the torch module; the extra ``imgcls[openvino]``."""

import sys
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch

from imgcls import messages
from imgcls.errors import Doubt, MachineError, ModelError
from imgcls.messages import one_line
from imgcls.models import outputs
from imgcls.models.runtimes import cache
from imgcls.models.runtimes.base import Request
from imgcls.models.runtimes.eager import refusal
from imgcls.system import devices, versions

HINTS = {"float32": "f32", "bfloat16": "bf16", "float16": "f16"}
CAPABILITIES = {"float32": "FP32", "bfloat16": "BF16", "float16": "FP16"}
IR = "openvino.xml"

_IMPORT = threading.Lock()


class OpenVinoClassifier:
    """A network that is converted and compiled at first use; the weights stay in float32, whatever the precision.

    Raises MachineError where OpenVINO is not installed or not for this device, and, at first use, where it does not
    compute in this precision on this CPU.
    """

    concurrent = True
    max_batch_size: int | None = None

    def __init__(self, request: Request) -> None:
        if not versions.has_library("openvino"):
            raise MachineError(
                "runtime = \"openvino\" needs a package that is not installed: pip install 'imgcls[openvino]'"
            )
        if request.device != "cpu":
            raise MachineError(f'runtime = "openvino" runs on the CPU, not on {request.device}: use runtime = "eager"')
        self.request, self.compile_seconds = request, 0.0
        self._threads, self._compiling = threading.local(), threading.Lock()

    @property
    def module(self) -> torch.nn.Module:
        """The network in float32, in evaluation mode."""
        module: torch.nn.Module = self.request.module().eval()
        return module

    def logits(self, batch: torch.Tensor) -> Any:
        """A float32 tensor (n, channels, h, w) to a float32 array (n, classes). Raises OutOfMemory, ModelError."""
        return self.to_numpy(self.forward(self.to_device(batch)), len(batch))

    def to_device(self, batch: torch.Tensor) -> Any:
        """The batch as a contiguous NumPy array."""
        return np.ascontiguousarray(batch.numpy(), np.float32)

    def forward(self, batch: Any) -> Any:
        """(n, channels, h, w) to (n, classes). Raises OutOfMemory, ModelError."""
        compiled = self._compiled
        try:
            if not hasattr(self._threads, "request"):
                self._threads.request = compiled.create_infer_request()
            self._threads.request.infer({0: batch}, share_inputs=True)
        except (RuntimeError, MemoryError) as error:
            last = str(error).strip().rpartition("\n")[2]  # what was wrong; the lines before it state where
            raise refusal(self.request.name, batch, error, last) from error
        return np.array(self._threads.request.get_output_tensor(0).data, np.float32)

    def to_numpy(self, output: Any, images: int) -> Any:
        """(n, classes), unchanged. Raises ModelError where it is of another shape."""
        name = self.request.name
        if output.ndim != 2:
            raise outputs.refusal(name, torch.from_numpy(output), images, self.request.output)
        if len(output) != images:
            raise ModelError(
                f"{name}, converted by OpenVINO, returns {messages.counted(len(output), 'row')} for "
                f"{messages.counted(images, 'image')}: where its code "
                'counts them by len(x), x.shape[0] can be converted; or use runtime = "eager"'
            )
        return output

    def synchronize(self) -> None:
        """OpenVINO returns when it is done."""

    def device_ns(self, batch: Any) -> None:
        """The host's clock is the only one."""

    @property
    def _compiled(self) -> Any:
        with self._compiling:
            return self._ready

    @cached_property
    def _ready(self) -> Any:
        """Compiled for all workers at once. Raises ModelError, MachineError."""
        before, core = time.perf_counter(), _core(self.request.precision)
        settings = {
            "INFERENCE_PRECISION_HINT": HINTS[self.request.precision],
            "NUM_STREAMS": self.request.workers,  # docs/decisions.md#images-per-worker
            "INFERENCE_NUM_THREADS": self.request.cores,
            "ENABLE_CPU_PINNING": False,  # the workers decode images, too, on whichever core is free
        }
        try:
            compiled = core.compile_model(self._network(core), "CPU", settings)
        except (outputs.NoLogits, Doubt):
            raise
        except Exception as error:  # the converter runs the network's own code, which may raise anything
            raise ModelError(f"OpenVINO cannot run {self.request.name}: {one_line(error)[:300]}") from error
        devices.of("cpu").empty_cache()
        self.compile_seconds += time.perf_counter() - before
        return compiled

    def _network(self, core: Any) -> Any:
        """The converted network: as it was stored, or converted now and stored."""
        folder = self.request.artefacts
        if folder and cache.is_complete(folder):
            with suppress(RuntimeError):  # of another version, perhaps: it is converted anew
                return core.read_model(folder / IR)
            cache.remove(folder)
        network = folded(converted(self.request))
        if folder:
            cache.store(folder, lambda place: library().save_model(network, place / IR, compress_to_fp16=False))
        devices.of("cpu").empty_cache()  # before compiling takes as much again
        return network


def build(request: Request) -> OpenVinoClassifier:
    """The classifier of this runtime."""
    return OpenVinoClassifier(request)


def _core(precision: str) -> Any:
    """OpenVINO itself, where it is in order and computes in this precision. Raises MachineError."""
    core = started()
    known = core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    if CAPABILITIES[precision] not in known:
        raise MachineError(
            f"OpenVINO does not compute in {precision} on this CPU (it has {', '.join(known)}): "
            'use precision = "float32", or runtime = "eager"'
        )
    return core


def started(otherwise: str = 'use runtime = "eager"') -> Any:
    """OpenVINO itself, where it is in order. Raises MachineError, with what to do otherwise."""
    try:
        core = library().Core()
        core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    except Exception as error:  # a broken installation may raise anything
        raise MachineError(f"OpenVINO is installed and does not start: {one_line(error)[:300]}; {otherwise}") from error
    return core


def library() -> Any:
    """OpenVINO without its usage statistics, ready for several threads (docs/decisions.md#openvino-in-threads)."""
    with _IMPORT, without_statistics():
        openvino = import_module("openvino")
        openvino.Type.f32.to_dtype()  # two threads that make the first such call at once wait for each other for ever
    return openvino


@contextmanager
def without_statistics() -> Iterator[None]:
    """What is imported sends no usage statistics: without their package, a stub takes their place."""
    absent = "openvino_telemetry" not in sys.modules
    if absent:
        sys.modules["openvino_telemetry"] = None  # type: ignore[assignment] # an import of it fails
    try:
        yield
    finally:
        if absent:
            del sys.modules["openvino_telemetry"]


def converted(request: Request) -> Any:
    """The network for any number of images of its size. Raises Doubt where torch's tracer must not warn."""
    openvino, jit = library(), cast(Any, torch.jit)  # its warning is exported and not typed
    from openvino.frontend import FrontEndManager
    from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder

    module, shape = outputs.Logits(request.module().eval(), request.output), (request.channels, *request.size)
    example = torch.zeros(2, *shape)
    with torch.inference_mode(), warnings.catch_warnings(record=True) as issued:
        warnings.simplefilter("always")
        unchecked = {"check_trace": False}  # before it is used, its logits are compared with eager's
        decoder = TorchScriptPythonDecoder(module, example_input=(example,), trace_kwargs=unchecked)
    for warning in issued:
        if request.strict and issubclass(warning.category, jit.TracerWarning):
            raise _doubt(request.name, warning)
    frontend = FrontEndManager().load_by_framework("pytorch")
    network = frontend.convert(frontend.load(decoder))
    images = network.inputs[0].node
    images.set_element_type(openvino.Type.f32)
    images.set_partial_shape(openvino.PartialShape([-1, *shape]))
    network.validate_nodes_and_infer_types()
    return network


def folded(network: Any) -> Any:
    """The network with what follows from its weights computed once, in place (docs/decisions.md#folded-networks)."""
    from openvino._offline_transformations import apply_moc_transformations

    apply_moc_transformations(network, cf=False, smart_reshape=False)
    return network


def _doubt(model: str, warning: warnings.WarningMessage) -> Doubt:
    """What torch's tracer doubts, where, and how to have the network run nevertheless."""
    what = one_line(Exception(str(warning.message).partition(". ")[0]))
    return Doubt(
        f"torch's tracer doubts that it computes the same for every image ({Path(warning.filename).name}, line "
        f'{warning.lineno}: {what}); runtime = "openvino" in [models.{model}] runs it, and compares it with eager first'
    )
