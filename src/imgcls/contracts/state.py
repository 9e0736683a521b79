"""Whether inference leaves a network as it was, and its checkpoint gives the same network again."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch

from imgcls import extensions
from imgcls.contracts.subject import Finding, Skipped, Subject
from imgcls.messages import named
from imgcls.models import loader
from imgcls.models.files.network import FileNetwork
from imgcls.models.model import Model
from imgcls.models.runtimes import base as runtimes
from imgcls.models.weights import tensors

SEED = 20_011
"""What torch draws from while a checkpoint is loaded again: weights that come from nowhere else become others."""


class _Digest(NamedTuple):
    """A tensor: a hash of its values, and its value where it has only one."""

    sha256: str
    value: float | None


def state_unchanged(subject: Subject) -> Finding:
    """Whether inference leaves every parameter and buffer as it was."""
    module = getattr(subject.model.classifier, "module", None)
    if not isinstance(module, torch.nn.Module) or isinstance(module, FileNetwork):
        raise Skipped(
            f"{subject.model.spec.arch} has no tensors that can be read: it is not a network of PyTorch's modules"
        )
    whole = subject.samples()
    batch, before = subject.batch(whole.items), _state(module)
    for size in (len(batch), 1, 2):
        subject.logits(batch[:size])
    if changes := _changes(before, _state(module)):
        return Finding("fail", f"inference changes {len(changes)} of {len(before)} tensors: {named(changes)}")
    return Finding("pass", f"all {len(before)} parameters and buffers are as before, after 3 batches ({whole.what})")


def _state(module: torch.nn.Module) -> Mapping[str, _Digest]:
    """All tensors by name, also buffers that are not saved."""
    every = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    return {name: _digest(tensor.detach().cpu().contiguous()) for name, tensor in every.items()}


def _digest(tensor: torch.Tensor) -> _Digest:
    digest = hashlib.sha256(f"{tensor.dtype} {tuple(tensor.shape)}".encode())
    digest.update(tensors.raw_bytes(tensor))
    return _Digest(digest.hexdigest(), float(tensor) if tensor.numel() == 1 else None)


def _changes(before: Mapping[str, _Digest], after: Mapping[str, _Digest]) -> list[str]:
    """The tensors that differ, those with a single value with both values."""
    changes = [f"{name} (new)" for name in after if name not in before]
    for name, digest in before.items():
        other = after.get(name)
        if other is None:
            changes.append(f"{name} (gone)")
        elif other.sha256 != digest.sha256:
            is_single = digest.value is not None and other.value is not None
            changes.append(f"{name} ({digest.value:g} -> {other.value:g})" if is_single else name)
    return changes


def reload(subject: Subject) -> Finding:
    """Whether the same weights, loaded again, give the same tensors and the same bits."""
    if subject.model.is_module:
        raise Skipped("a module of this process has no checkpoint to load again")
    model = _uncompiled(subject.model)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        again = loader.load(model.spec, model.info.device)
    if why := _other_state(model, again):
        return Finding("fail", why)
    whole = subject.samples()
    batch = subject.batch(whole.items)
    first, second = (np.asarray(each.classifier.logits(batch)) for each in (model, again))
    if not np.array_equal(first, second, equal_nan=True):
        apart = float(np.abs(first - second).max())
        return Finding("fail", f"loaded again, the same tensors give logits that differ by up to {apart:.2g}")
    return Finding(
        "pass", f"loaded again, state {again.info.state_sha256[:12]} and the bits of all logits ({whole.what})"
    )


def _uncompiled(model: Model) -> Model:
    """The same network by a runtime that does not compile: to compile it twice would show nothing of its checkpoint."""
    row = extensions.source(model.spec.architecture.source)
    if (row and row.runtime) or model.info.runtime in runtimes.UNCOMPILED:
        return model
    eager = loader.with_runtime(model, "eager")
    return replace(eager, spec=replace(model.spec, runtime="eager"))


def _other_state(model: Model, again: Model) -> str | None:
    """Which tensors another loading gave, in words; None where they are the same."""
    if again.info.state_sha256 == model.info.state_sha256:
        return None
    modules = [getattr(each.classifier, "module", None) for each in (model, again)]
    states = [_state(module) for module in modules if isinstance(module, torch.nn.Module)]
    names = f": {named(_changes(*states))}" if len(states) == 2 else ""
    return (
        f"loaded again, the network has other tensors{names}; what its checkpoint does not hold must not be random, "
        "and the file must stay as it is"
    )
