"""Whether a network is in evaluation mode, and returns the same each time."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from imgcls import messages
from imgcls.contracts import layers
from imgcls.contracts.layers import Call
from imgcls.contracts.subject import Finding, Skipped, Subject
from imgcls.messages import named

RUNS = 16  # docs/decisions.md#runs-of-a-network-that-draws
"""How often a network is run that draws random numbers and returns the same."""

TRAINING = 5
"""The position of ``training`` among the arguments of both functions that are called ``batch_norm``."""


def eval_mode(subject: Subject) -> Finding:
    """Whether every module is in evaluation mode, and dropout, stochastic depth and batch norm are really off."""
    network, items = subject.network(), subject.samples(2)
    if why := _training(network):
        return Finding("fail", why)
    batch = subject.batch(items.items)
    if norms := _batch_statistics(subject, batch):
        return Finding("fail", f"batch norms that normalise with the statistics of each batch: {named(norms)}")
    first = _run(subject, batch, 0)
    if changed := _training(network):
        return Finding("fail", f"when it runs, {changed}")
    draws = _draws_random_numbers(subject, batch)
    runs = RUNS if draws else 2
    for seed in range(1, runs):
        if where := layers.origin(first, _run(subject, batch, seed)):
            why = ": it draws random numbers, as dropout does in training" if draws else ""
            return Finding("fail", f"the same input gives other outputs each time from {where} on{why}")
    modules = sum(1 for _ in network.modules())
    drawn = f"random numbers are drawn and changed nothing in {messages.counted(runs, 'run')}"
    random = drawn if draws else "no random number is drawn"
    return Finding("pass", f"all {modules} modules are in evaluation mode, and on {items.what} {random}")


def _training(network: torch.nn.Module) -> str | None:
    """Which modules are in training mode, in words; None where none is."""
    names = [layers.described(name, module) for name, module in network.named_modules() if module.training]
    count = sum(1 for _ in network.modules())
    return f"{len(names)} of {count} modules are in training mode: {named(names)}" if names else None


def _batch_statistics(subject: Subject, batch: torch.Tensor) -> list[str]:
    """The modules that normalise with the statistics of the batch, in words."""
    with _seeded(subject, 0), _BatchNorms(subject.network()) as norms:
        subject.eager.logits(batch)
    return list(dict.fromkeys(norms.places))


class _BatchNorms(TorchFunctionMode):
    """Sees every batch norm that is in training mode, be it a module's or a function's."""

    def __init__(self, network: torch.nn.Module) -> None:
        super().__init__()
        self.network = network
        self.places: list[str] = []

    def __torch_function__(self, func: Any, _types: Any, args: Any = (), kwargs: Any = None) -> Any:
        by_name = kwargs or {}
        training = by_name["training"] if "training" in by_name else any(args[TRAINING : TRAINING + 1])
        if func in {functional.batch_norm, torch.batch_norm} and training:
            frames = reversed([frame for frame, _ in traceback.walk_stack(None)])  # the outermost first
            self.places.append(layers.running(frames, self.network))
        return func(*args, **by_name)


def _run(subject: Subject, batch: torch.Tensor, seed: int) -> list[Call]:
    with _seeded(subject, seed):
        return layers.calls(subject.eager, batch, layers.bits)


@contextmanager
def _seeded(subject: Subject, seed: int) -> Iterator[None]:
    """Torch draws from this seed; afterwards it goes on as before."""
    is_gpu = torch.device(subject.model.info.device).type == "cuda"
    with torch.random.fork_rng(devices=[torch.cuda.current_device()] if is_gpu else []):
        torch.manual_seed(seed)
        yield


def _draws_random_numbers(subject: Subject, batch: torch.Tensor) -> bool:
    with _seeded(subject, 0):
        before = _random_state(subject)
        subject.eager.logits(batch)
        return before != _random_state(subject)


def _random_state(subject: Subject) -> list[bytes]:
    is_gpu = torch.device(subject.model.info.device).type == "cuda"
    states = [torch.get_rng_state(), *([torch.cuda.get_rng_state()] if is_gpu else [])]
    return [state.numpy().tobytes() for state in states]


def deterministic(subject: Subject) -> Finding:
    """Whether the same images give the same bits twice in this process, with others in between."""
    whole = subject.samples(8)
    batch, others = subject.batch(whole.items[:4]), subject.batch(whole.items[4:])
    first = subject.logits(batch)
    subject.logits(others)
    second = subject.logits(batch)
    if np.array_equal(first, second, equal_nan=True):
        return Finding("pass", f"the same bits twice for 4 images, with 4 others in between ({whole.what})")
    changed = int((first != second).any(axis=1).sum())
    apart = float(np.abs(first - second).max())
    what = f"{changed} of 4 images have other logits when they are run again, by up to {apart:.2g}"
    return Finding("fail", f"{what}; {_where(subject, batch, others)}")


def _where(subject: Subject, batch: torch.Tensor, others: torch.Tensor) -> str:
    try:
        first = layers.calls(subject.eager, batch, layers.bits)
        subject.eager.logits(others)
        place = layers.origin(first, layers.calls(subject.eager, batch, layers.bits))
    except Skipped as reason:
        return f"the layer is not known, because {reason}"
    if place:
        return f"it begins at {place}"
    runtime = subject.model.info.runtime
    again = "it did not show again when modules were watched"
    return again if runtime == "eager" else f"module by module it is the same, so it is the runtime {runtime}"
