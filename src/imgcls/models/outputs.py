"""The one place where what a network returns becomes logits (n, classes), for every runtime."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

import torch

from imgcls import messages
from imgcls.errors import ModelError
from imgcls.messages import named

jit: Any = torch.jit  # its functions have no types


WRAPPER = """
# my_module.py, for arch = "python:my_module:Classifier"
import torch

class Classifier(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.network = build_network()

    def forward(self, images):
        output = self.network(images)
        return output["logits"]  # a tensor (images, classes)
"""
"""What to write around a network whose output is something else."""


class NoLogits(ModelError):
    """A network is not a classifier as it is; for one of PyTorch the message ends with a wrapper to copy."""


class Logits(torch.nn.Module):
    """A network that returns its logits and nothing else, for a runtime that records or compiles it.

    ``output``: the key, the attribute or the index of the logits, where the configuration names it.
    """

    def __init__(self, network: torch.nn.Module, output: str | None = None) -> None:
        super().__init__()
        self.network, self.output = network, output
        self.eval()

    def forward(self, batch: torch.Tensor) -> Any:
        """float32 (n, channels, h, w) to (n, classes). A recording of anything else raises NoLogits."""
        output = self.network(batch)
        result = of(output, self.output)
        if jit.is_tracing() and not isinstance(result, torch.Tensor):
            raise refusal(type(self.network).__name__, output, len(batch), self.output)
        return result


def of(output: Any, key: str | None = None, images: int | None = None) -> Any:
    """The logits (n, classes) in a network's output for N images, if that is known; the output where it has none.

    They are the tensor itself, what the configuration names, ``logits`` of a mapping or an object, or the first of a
    tuple or a list. One logit x for each image becomes the two (0, x), so that their softmax is the sigmoid of x.
    Raises NoLogits where a part of a single tensor is named.
    """
    if key is not None and isinstance(output, torch.Tensor):
        raise NoLogits(f'output = "{key}" names a part of what the network returns, a single tensor: leave the key out')
    logits = head(output, key)
    if logits is None or logits.ndim > 2:
        return output
    if logits.ndim < 2:
        if images not in {None, logits.numel()}:
            return output
        logits = logits.reshape(-1, 1)
    return torch.cat([torch.zeros_like(logits), logits], 1) if columns(logits) == 1 else logits


def head(output: Any, key: str | None = None) -> torch.Tensor | None:
    """The tensor of an output that holds the logits, as the network returned it; None where there is none."""
    if key is not None:
        candidate = _entry(output, key)
    elif isinstance(output, torch.Tensor):
        candidate = output
    elif isinstance(output, Mapping):
        candidate = output.get("logits")
    elif hasattr(output, "logits"):
        candidate = output.logits
    else:
        candidate = output[0] if isinstance(output, Sequence) and output else None
    return candidate if isinstance(candidate, torch.Tensor) else None


def _entry(output: Any, key: str) -> Any:
    if isinstance(output, torch.Tensor):
        return None
    if isinstance(output, Mapping):
        return output.get(key)
    if isinstance(output, Sequence) and key.removeprefix("-").isdecimal():
        return output[int(key)] if -len(output) <= int(key) < len(output) else None
    return getattr(output, key, None)


def columns(logits: torch.Tensor) -> int:
    """The number of columns: a constant of the network, also while it is recorded."""
    if not jit.is_tracing():
        return logits.shape[1]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's tracer warns of every number that it makes a constant
        return int(logits.shape[1])


def refusal(name: str, output: Any, images: int, key: str | None = None) -> NoLogits:
    """Why an output has no logits for N images, and what to do: in one line, and then a wrapper to copy."""
    entries = _entries(output)
    if key is not None:
        known = f"; it has {named(entries)}" if entries else ""
        why = f'has no logits (n, classes) at output = "{key}"{known}: name one that has, or leave the key out'
    else:
        tables = [entry for entry in entries if getattr(_entry(output, entry), "ndim", 0) == 2]
        choice = f'name its logits in the configuration, as output = "{tables[0]}"; or ' if tables else ""
        why = f"is not a classifier: {choice}wrap it in a module that returns logits (n, classes), as below"
    returned = f"for {messages.counted(images, 'image')} it returned {described(output)}"
    subject, _, rest = why.partition(": ")
    return NoLogits(f"{name} {subject}: {returned}; {rest}", *WRAPPER.split("\n"))


def described(output: Any) -> str:
    """An output in words."""
    if isinstance(output, torch.Tensor):
        return f"a tensor of shape {tuple(output.shape)}"
    if entries := _entries(output):
        return f"a {type(output).__name__} of {named(entries)}"
    return f"a {type(output).__name__}, not logits"


def _entries(output: Any) -> list[str]:
    """The keys, attributes or indices by which a configuration can name a part of an output."""
    if isinstance(output, Mapping):
        return [str(key) for key in output]
    if is_dataclass(output):
        return [field.name for field in fields(output)]
    return [str(index) for index in range(len(output))] if isinstance(output, list | tuple) else []
