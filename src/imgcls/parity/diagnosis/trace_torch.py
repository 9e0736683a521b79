"""The steps of a network that torch runs: a module, an exported program or TorchScript.

Every operation passes torch's dispatcher, with its arguments by name, whoever called it; so no code is traced, and a
step can be computed otherwise while the rest runs as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from imgcls.parity.diagnosis import trace
from imgcls.parity.diagnosis.trace import Array, Operation

KINDS = {"_convolution": "conv2d", "convolution": "conv2d", "addmm": "linear", "hardtanh": "relu6"}
NOT_STEPS = frozenset({"clone", "contiguous", "detach", "to", "_to_copy", "alias", "lift_fresh_copy", "copy"})


@dataclass(frozen=True, slots=True)
class Call:
    """One operation that is about to run. ``index``: its number among the calls of one forward.

    ``module``: the name of the module that called it, empty where none did.
    """

    index: int
    module: str
    kind: str
    function: Any
    arguments: Mapping[str, Any]

    def __call__(self, /, **changed: Any) -> Any:
        """Its output, with some arguments changed."""
        return self.function(**{**self.arguments, **changed})


Edit = Callable[[Call], Any]
"""What a step returns in place of its own output; None where that stays."""


class _Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch's
    """Sees every call, and hands it to ``edit`` first and to ``seen`` with its output."""

    def __init__(self, edit: Edit | None, seen: Callable[[Call, torch.Tensor], None]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch's
        self.edit, self.seen, self.calls = edit, seen, 0
        self.modules: list[str] = [""]

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        names = [argument.name for argument in func._schema.arguments]  # noqa: SLF001 - torch's only way to them
        arguments = {**dict(zip(names, args, strict=False)), **(kwargs or {})}
        base = func._schema.name.partition("::")[2].rstrip("_")  # noqa: SLF001 - as above
        call = Call(self.calls, self.modules[-1], KINDS.get(base, base), func, arguments)
        self.calls += 1
        edited = self.edit(call) if self.edit else None
        output = func(*args, **(kwargs or {})) if edited is None else _in_place(func, args, edited)
        if isinstance(output, torch.Tensor) and output.is_floating_point() and _is_step(func, base):
            self.seen(call, output)
        return output


def _is_step(function: Any, base: str) -> bool:
    return not function.is_view and base not in NOT_STEPS


def _in_place(function: Any, args: Any, output: torch.Tensor) -> torch.Tensor:
    """The output of an edited call; where the operation changes its argument, that has it too."""
    return args[0].copy_(output) if function._schema.is_mutable else output  # noqa: SLF001 - torch's only way to it


@contextmanager
def _names(module: Any, recorder: _Recorder) -> Iterator[None]:
    """While it lasts, the recorder knows which submodule is running."""
    handles = []
    programs = (torch.jit.ScriptModule, torch.fx.GraphModule)  # their names are not those of layers
    parts = [(name, part) for name, part in module.named_modules() if not isinstance(part, programs)]
    for name, part in parts:
        handles.append(part.register_forward_pre_hook(lambda *_, name=name: recorder.modules.append(name)))
        handles.append(part.register_forward_hook(lambda *_: (recorder.modules.pop(), None)[1], always_call=True))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def run(module: Any, batch: torch.Tensor, edit: Edit | None = None, seen: Any = None) -> Any:
    """What the module returns for a batch, with ``edit`` applied to each of its steps, and ``seen`` shown each."""
    recorder = _Recorder(edit, seen or (lambda _call, _output: None))
    with torch.inference_mode(), _names(module, recorder), recorder:
        return module(batch)


class TorchTracer:
    """The steps of a module in this process."""

    batch_size: int | None = None

    def __init__(self, module: Any) -> None:
        self.module, self.batch = module, torch.empty(0)
        tensors = [*module.state_dict().values()]
        self.parameters = {tensor.data_ptr(): name for name, tensor in module.state_dict().items()}
        self.precision = _precision(tensors)

    def operations(self, batch: Array, edit: Edit | None = None) -> tuple[Operation, ...]:
        """See :class:`imgcls.parity.diagnosis.trace.Tracer`; with ``edit`` applied to each of them."""
        self.batch = torch.from_numpy(np.ascontiguousarray(batch))
        steps: list[Operation] = []

        def seen(call: Call, output: torch.Tensor) -> None:
            if output.dim() >= 2 and len(output) == len(batch):
                steps.append(self._operation(call, output))

        run(self.module, self.batch, edit, seen)
        return tuple(steps)

    def output(self, key: Any) -> Array:
        """See :class:`imgcls.parity.diagnosis.trace.Tracer`."""
        outputs: list[Array] = []

        def seen(call: Call, output: torch.Tensor) -> None:
            if call.index == key:
                outputs.append(_numpy(output).copy())

        run(self.module, self.batch, seen=seen)
        return outputs[0]

    def _operation(self, call: Call, output: torch.Tensor) -> Operation:
        arguments = {name: _plain(value) for name, value in call.arguments.items()}
        weight, bias = call.arguments.get("weight"), call.arguments.get("bias")
        is_linear = call.kind in {"conv2d", "linear"} and isinstance(weight, torch.Tensor)
        return trace.operation(
            call.index,
            self._name(call),
            call.kind,
            _numpy(output),
            weight=_numpy(weight) if is_linear and weight is not None else None,
            bias=_numpy(bias) if is_linear and bias is not None else None,
            arguments={name: value for name, value in arguments.items() if value is not None},
        )

    def _name(self, call: Call) -> str:
        """That of its module, with the operation where the module has several, or that of its weight."""
        weight = call.arguments.get("weight")
        named = self.parameters.get(weight.data_ptr(), "") if isinstance(weight, torch.Tensor) else ""
        return call.module or named.rpartition(".")[0] or call.kind


def _plain(value: Any) -> Any:
    """An argument that is worth keeping: no tensors of images, and the vectors of a batch norm."""
    if isinstance(value, torch.Tensor):
        return _numpy(value) if value.dim() == 1 and value.is_floating_point() else None
    return value


def _numpy(tensor: torch.Tensor) -> Array:
    return tensor.detach().float().cpu().contiguous().numpy()


def _precision(tensors: list[Any]) -> str:
    floats = [str(tensor.dtype).removeprefix("torch.") for tensor in tensors if isinstance(tensor, torch.Tensor)]
    if "int8" in floats:
        return "int8"
    return next((name for name in ("float16", "bfloat16") if name in floats), "float32")
