"""Every call of every module of a network, and the first at which two runs part."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from types import FrameType
from typing import Any

import torch

from imgcls.models.runtimes.eager import EagerClassifier
from imgcls.models.weights import tensors

Measure = Callable[[torch.Tensor], Any]
"""What is kept of a tensor."""


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a module. ``name``: empty for the network itself; ``kind``: its class; ``before`` and ``after``: what
    was kept of the tensors that it took and returned; ``inside``: the number of the first call inside of it.
    """

    name: str
    kind: str
    before: tuple[Any, ...]
    after: tuple[Any, ...]
    inside: int

    def __str__(self) -> str:
        return _described(self.name, self.kind)


def calls(classifier: EagerClassifier, batch: torch.Tensor, measure: Measure) -> list[Call]:
    """The calls of one run in the order in which they end. Raises ImgclsError."""
    recorder = _Recorder(measure)
    with ExitStack() as hooks:
        for name, module in classifier.module.named_modules():
            for handle in recorder.hooked(name, module):
                hooks.callback(handle.remove)
        classifier.logits(batch)
    return recorder.calls


class _Recorder:
    """Calls of modules lie within each other, so that those that have begun are a stack."""

    def __init__(self, measure: Measure) -> None:
        self.measure = measure
        self.calls: list[Call] = []
        self.begun: list[tuple[tuple[Any, ...], int]] = []

    def hooked(self, name: str, module: torch.nn.Module) -> Iterator[Any]:
        """The handles of the two hooks of a module."""

        def begin(_module: Any, arguments: Any, keywords: Any) -> None:
            self.begun.append((self._measured((arguments, keywords)), len(self.calls)))

        def end(_module: Any, _arguments: Any, output: Any) -> None:
            before, inside = self.begun.pop()
            self.calls.append(Call(name, type(module).__name__, before, self._measured(output), inside))

        yield module.register_forward_pre_hook(begin, with_kwargs=True)
        yield module.register_forward_hook(end)

    def _measured(self, value: Any) -> tuple[Any, ...]:
        return tuple(map(self.measure, _tensors(value)))


def _tensors(value: Any) -> Iterator[torch.Tensor]:
    """All tensors in arguments or outputs."""
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _tensors(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _tensors(each)


def bits(tensor: torch.Tensor) -> bytes:
    """A hash of a tensor's values, to the last bit."""
    return hashlib.blake2b(tensors.raw_bytes(tensor.detach().cpu().contiguous())).digest()


def origin(first: Sequence[Call], second: Sequence[Call]) -> str | None:
    """Where two runs whose tensors were kept as :func:`bits` part, in words; None where they do not."""
    return parting(first, second, lambda one, other: one != other)


def parting(first: Sequence[Call], second: Sequence[Call], differ: Callable[[Any, Any], bool]) -> str | None:
    """The innermost module that took the same and returned something else, in words; None where there is none."""
    if [call.name for call in first] != [call.name for call in second]:
        ends = zip(first, second, strict=False)
        return f"{next((one for one, other in ends if one.name != other.name), first[-1])}, which is not run each time"

    def other(number: int, side: str) -> bool:
        pairs = zip(getattr(first[number], side), getattr(second[number], side), strict=False)
        return any(differ(*pair) for pair in pairs)

    for number, call in enumerate(first):
        if other(number, "after") and not other(number, "before"):
            return f"{call}{_between(first, number, other)}"
    return None


def _between(run: Sequence[Call], number: int, other: Callable[[int, str], bool]) -> str:
    """Between which of the modules inside of a call it happens, where it has some."""
    inside = list(_direct(run, number))
    later = next((child for child in inside if other(child, "before")), None)
    earlier = [child for child in inside if later is None or child < later]
    words = [f"after {run[earlier[-1]]}"] if earlier else []
    words += [f"before {run[later]}"] if later is not None else []
    return "".join(f", {word}" for word in [" and ".join(words)] if word)


def running(frames: Iterable[FrameType], network: torch.nn.Module) -> str:
    """The module whose code the last of these frames is in, in words; empty where none is the network's."""
    names = {id(module): name for name, module in network.named_modules()}
    owners = [frame.f_locals.get("self") for frame in frames]
    inside = [owner for owner in owners if id(owner) in names]
    return described(names[id(inside[-1])], inside[-1]) if inside else ""


def described(name: str, module: Any) -> str:
    """A module in words."""
    return _described(name, type(module).__name__)


def _described(name: str, kind: str) -> str:
    return f"{name} ({kind})" if name else f"the network itself ({kind})"


def _direct(run: Sequence[Call], number: int) -> Iterator[int]:
    """The calls directly inside of a call, in their order."""
    last, direct = number - 1, []
    while last >= run[number].inside:
        direct.append(last)
        last = run[last].inside - 1
    return reversed(direct)
