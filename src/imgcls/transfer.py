"""A network that begins to learn: with as many outputs as there are classes, from scratch or from weights.

Only here may a head be replaced, because only a training fills it again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from imgcls import digest, models, random_weights, weights
from imgcls.errors import ConfigError, ModelError
from imgcls.records import ModelSpec

if TYPE_CHECKING:  # torch takes seconds to import
    import torch


class Start(NamedTuple):
    """A network and the options that build it again; ``replaced``: the layers of its head that begin anew.

    ``weights_sha256``: of the file that it began with, where there was one.
    """

    network: torch.nn.Module
    options: Mapping[str, Any]
    replaced: tuple[str, ...] = ()
    weights_sha256: str | None = None


def begin(spec: ModelSpec, classes: int, names: Sequence[str] | None = None) -> Start:
    """Build ``spec.arch`` for so many classes and fill it with ``spec.weights``; ``None``: it starts from scratch.

    Where the weights are for another number of classes, or a training of ours wrote them for others than ``names``,
    the layers of the head begin anew, next to zero, so that what they happen to begin with does not spoil what the
    rest has learnt. (A. Kolesnikov et al., "Big Transfer", 2020, begin at zero; SqueezeNet, which has a ReLU behind
    its head, would stay there.) Everything else must fit, name for name and shape for shape.

    Raises :class:`ConfigError`, :class:`WeightsMissing` and :class:`ModelError`.
    """
    asked = spec.options.get("num_classes", classes)
    if asked != classes:
        raise ConfigError(f"the option num_classes is {asked}, and there are {classes} class folders; leave it out")
    spec = replace(spec, options={**spec.options, "num_classes": classes})
    network = models.build(spec)
    if spec.weights is None:
        return Start(network, spec.options)
    if isinstance(spec.weights, str) and spec.weights.startswith("random:"):
        random_weights.fill(network, int(spec.weights.removeprefix("random:")))
        return Start(network, spec.options)
    state, sha256 = _state(spec)
    learnt = _classes(spec)
    others = None not in (names, learnt) and learnt != names
    return Start(network, spec.options, _fill(network, state, spec, anew=others), sha256)


def _state(spec: ModelSpec) -> tuple[Mapping[str, torch.Tensor], str | None]:
    """The state dict of the weights, with the head that they were published with."""
    source = spec.weights
    if isinstance(source, str) and source.startswith("builtin:"):
        source = models.builtin(spec, source.removeprefix("builtin:"))
    if isinstance(source, Path):
        return weights.read(source), digest.file_sha256(source)
    own = {key: value for key, value in spec.options.items() if key != "num_classes"}
    network, sha256 = models.filled(replace(spec, options=own))
    return network.state_dict(), sha256


def _classes(spec: ModelSpec) -> Sequence[str] | None:
    """The names of the classes that a training of ours wrote into a file of weights."""
    from safetensors import safe_open

    if not isinstance(spec.weights, Path) or spec.weights.suffix != ".safetensors":
        return None
    with safe_open(spec.weights, "pt") as file:
        said = file.metadata() or {}
    return tuple(json.loads(said["classes"])) if str(said.get("format")).startswith("imgcls-train") else None


def _fill(
    network: torch.nn.Module, state: Mapping[str, torch.Tensor], spec: ModelSpec, *, anew: bool
) -> tuple[str, ...]:
    """Load all of ``state`` but a head of another size, or any head (``anew``); the layers that were left out."""
    own = network.state_dict()
    wanted = {name: tensor for name, tensor in state.items() if not name.startswith(models.AUXILIARY_HEADS)}
    misfits = {name for name in own.keys() | wanted.keys() if _shape(own, name) != _shape(wanted, name)}
    heads = _heads(network)
    misfits |= {name for name in own if anew and name.rpartition(".")[0] in heads}
    if strange := sorted(name for name in misfits if name.rpartition(".")[0] not in heads):
        first = strange[0]
        raise ModelError(
            f"{spec.weights} does not fit {spec.arch} with options {dict(spec.options)}: {len(strange)} tensors beside "
            f"the head differ, the first is {first}, {_shape(wanted, first)} there and {_shape(own, first)} here"
        )
    network.load_state_dict({name: _fresh(own[name]) if name in misfits else wanted[name] for name in own})
    return tuple(sorted({name.rpartition(".")[0] for name in misfits}))


def _heads(network: torch.nn.Module) -> tuple[str, ...]:
    """The names of the layers that make logits: timm says them, torchvision's networks have them last."""
    said = getattr(network, "pretrained_cfg", {}).get("classifier")
    if said:
        return (said,) if isinstance(said, str) else tuple(said)
    *_, last = (name for name, _ in network.named_parameters())
    return (last.rpartition(".")[0],)


def _fresh(tensor: torch.Tensor) -> torch.Tensor:
    """Of a head: a bias of nothing, and weights that are next to it."""
    import torch

    return torch.nn.init.normal_(tensor, std=0.001) if tensor.ndim > 1 else tensor.zero_()


def _shape(state: Mapping[str, torch.Tensor], name: str) -> tuple[int, ...] | None:
    return tuple(state[name].shape) if name in state else None
