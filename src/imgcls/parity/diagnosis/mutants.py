"""What an exporter or a runtime may compute otherwise in one step, or in all steps of a kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import functional

from imgcls.parity.diagnosis.trace import Operation
from imgcls.parity.diagnosis.trace_torch import Call, Edit

Compute = Callable[[Call], Any]

EPSILONS = (1e-3, 1e-5, 1e-6, 1e-4, 1e-2, 1e-12, 0.0)
ACTIVATIONS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "relu": torch.relu,
    "relu6": functional.relu6,
    "silu": functional.silu,
    "hardswish": functional.hardswish,
    "sigmoid": torch.sigmoid,
    "hardsigmoid": functional.hardsigmoid,
    "gelu": functional.gelu,
    "gelu by tanh": lambda x: functional.gelu(x, approximate="tanh"),
    "leaky_relu": functional.leaky_relu,
    "tanh": torch.tanh,
    "nothing": torch.clone,
}
KNOWN = frozenset(ACTIVATIONS) | {"elu", "mish"}
INTERPOLATIONS = {
    "upsample_bilinear2d": "bilinear",
    "upsample_bicubic2d": "bicubic",
    "upsample_nearest2d": "nearest",
    "_upsample_nearest_exact2d": "nearest",
    "_upsample_bilinear2d_aa": "bilinear",
    "_upsample_bicubic2d_aa": "bicubic",
}


@dataclass(frozen=True, slots=True)
class Mutant:
    """One way to compute a step; ``what``: how the export does it, as it follows the name of a step."""

    name: str
    what: str
    compute: Compute


def of(step: Operation) -> tuple[Mutant, ...]:
    """Everything that is tried on a step."""
    tables: dict[str, Callable[[Operation], Iterator[Mutant]]] = {
        "batch_norm": _norms,
        "layer_norm": _epsilons,
        "conv2d": _convolutions,
        "max_pool2d": _max_pools,
        "avg_pool2d": _average_pools,
        "pad": _pads,
        "constant_pad_nd": _pads,
        **dict.fromkeys(KNOWN, _activations),
        **dict.fromkeys(INTERPOLATIONS, _resizes),
    }
    return tuple(tables[step.kind](step)) if step.kind in tables else ()


def edit(mutant: Mutant, indices: Sequence[int]) -> Edit:
    """These calls computed so."""
    chosen = frozenset(indices)
    return lambda call: mutant.compute(call) if call.index in chosen else None


def _norms(step: Operation) -> Iterator[Mutant]:
    yield from _epsilons(step)
    yield Mutant(
        "batch norm in training mode",
        "normalises by the mean and variance of the batch: it was exported in training mode",
        lambda call: call(training=True, running_mean=None, running_var=None),
    )
    yield Mutant("batch norm missing", "is left out", lambda call: call.arguments["input"].clone())


def _epsilons(step: Operation) -> Iterator[Mutant]:
    own = step.arguments.get("eps", 1e-5)
    kind = step.kind.replace("_", " ")
    for epsilon in EPSILONS:
        if epsilon != own:
            what = f"has epsilon {epsilon:g}, and {own:g} in the reference"
            yield Mutant(f"{kind} epsilon", what, lambda call, e=epsilon: call(eps=e))  # type: ignore[misc]


def _activations(step: Operation) -> Iterator[Mutant]:
    for name, function in ACTIVATIONS.items():
        if name != step.kind:
            what = f"computes {name} where the reference computes {step.kind}"
            yield Mutant("activation", what, lambda call, f=function: f(_first(call)))  # type: ignore[misc]


def _first(call: Call) -> torch.Tensor:
    tensor: torch.Tensor = call.arguments["self"] if "self" in call.arguments else call.arguments["input"]
    return tensor


def _convolutions(step: Operation) -> Iterator[Mutant]:
    padding = step.arguments.get("padding")
    if not isinstance(padding, (list, tuple)) or not any(padding):
        return
    for where, share in (("after", 0), ("before", 2)):
        what = f"pads {where} the image only, and evenly in the reference"
        yield Mutant("padding", what, lambda call, s=share: _padded(call, s))  # type: ignore[misc]
    yield Mutant("padding", "pads as TensorFlow's SAME does, and evenly in the reference", _padded_same)
    yield Mutant("padding", "repeats the border, and pads with zeros in the reference", _padded_by_border)


def _padded(call: Call, before: int) -> torch.Tensor:
    """Twice the padding on one side."""
    rows, columns = (call.arguments["padding"] * 2)[:2]
    sides = (before * columns, (2 - before) * columns, before * rows, (2 - before) * rows)
    return _convolved(call, functional.pad(call.arguments["input"], sides))


def _padded_same(call: Call) -> torch.Tensor:
    image, kernel = call.arguments["input"], call.arguments["weight"].shape[2:]
    stride, dilation = ((call.arguments.get(name) or [1]) * 2 for name in ("stride", "dilation"))
    sides: list[int] = []
    for at in (1, 0):
        size = image.shape[2 + at]
        reach = (kernel[at] - 1) * dilation[at] + 1
        total = max((-(-size // stride[at]) - 1) * stride[at] + reach - size, 0)
        sides += [total // 2, total - total // 2]
    return _convolved(call, functional.pad(image, sides))


def _padded_by_border(call: Call) -> torch.Tensor:
    rows, columns = (call.arguments["padding"] * 2)[:2]
    image = functional.pad(call.arguments["input"], (columns, columns, rows, rows), mode="replicate")
    return _convolved(call, image)


def _convolved(call: Call, image: torch.Tensor) -> torch.Tensor:
    result: torch.Tensor = call(input=image, padding=[0, 0])
    return result


def _pads(_step: Operation) -> Iterator[Mutant]:
    def turned(call: Call) -> Any:
        sides = list(call.arguments["pad"])
        pairs = zip(sides[1::2], sides[::2], strict=True)
        return call(pad=[side for pair in pairs for side in pair])

    yield Mutant("padding", "pads on the other side", turned)


def _max_pools(step: Operation) -> Iterator[Mutant]:
    ceil = bool(step.arguments.get("ceil_mode"))
    what = f"has ceil_mode {not ceil}, and {ceil} in the reference"
    yield Mutant("pooling", what, lambda call: call(ceil_mode=not ceil))
    yield Mutant("pooling", "averages where the reference takes the largest", _averaged)


def _averaged(call: Call) -> torch.Tensor:
    names = ("kernel_size", "stride", "padding", "ceil_mode")
    given = {name: call.arguments[name] for name in names if name in call.arguments}
    return functional.avg_pool2d(call.arguments["self"], **given)


def _average_pools(step: Operation) -> Iterator[Mutant]:
    for name, usual in (("ceil_mode", False), ("count_include_pad", True)):
        own = bool(step.arguments.get(name, usual))
        what = f"has {name} {not own}, and {own} in the reference"
        yield Mutant("pooling", what, lambda call, n=name, v=not own: call(**{n: v}))  # type: ignore[misc]


def _resizes(step: Operation) -> Iterator[Mutant]:
    """Other interpolations, and other places of pixels: ONNX's coordinate_transformation_mode."""
    size, own = step.shape[1:], step.kind
    corners = bool(step.arguments.get("align_corners", False))
    for mode in ("bilinear", "bicubic"):
        for aligned in (False, True):
            if (INTERPOLATIONS[own], corners) == (mode, aligned) and not own.endswith("_aa"):
                continue
            what = f"is {mode} with align_corners {aligned}, and {_described(step)} in the reference"
            yield Mutant(
                "resize",
                what,
                lambda call, m=mode, a=aligned: functional.interpolate(_first(call), size, mode=m, align_corners=a),  # type: ignore[misc]
            )
    for mode in ("nearest", "nearest-exact"):
        what = f"is {mode}, and {_described(step)} in the reference"
        yield Mutant("resize", what, lambda call, m=mode: functional.interpolate(_first(call), size, mode=m))  # type: ignore[misc]
    what = f"is bilinear from the corner of each pixel (asymmetric), and {_described(step)} in the reference"
    yield Mutant("resize", what, lambda call: _asymmetric(_first(call), size))


def _described(step: Operation) -> str:
    corners = step.arguments.get("align_corners")
    mode = step.kind.strip("_").removeprefix("upsample_")
    return f"{mode.replace('2d', '')}{'' if corners is None else f' with align_corners {corners}'}"


def _asymmetric(image: torch.Tensor, size: Sequence[int]) -> torch.Tensor:
    """Bilinear, the value at x of the output taken at x / scale of the input."""
    axes = []
    for to, side in zip(size, image.shape[2:], strict=True):
        places = (torch.arange(to) * (side / to)).clamp(max=side - 1)
        axes.append((places * 2 + 1) / side - 1)
    rows, columns = torch.meshgrid(*axes, indexing="ij")
    grid = torch.stack((columns, rows), dim=-1).expand(len(image), -1, -1, -1).to(image.dtype)
    return functional.grid_sample(image, grid, mode="bilinear", padding_mode="border", align_corners=False)
