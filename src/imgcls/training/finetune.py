"""The network that a training begins with: for the classes of the dataset, from scratch or from weights.

Only here may a head be replaced, because only a training fills it again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from imgcls import hashing, messages
from imgcls.config import specs
from imgcls.errors import ConfigError, ModelError
from imgcls.models import loader
from imgcls.models.sources import base as sources
from imgcls.models.sources import registry, statement
from imgcls.models.weights import fingerprints, fit, lazy_tensor, random_init, reader
from imgcls.records.config import ModelSpec, RandomWeights

if TYPE_CHECKING:
    import torch

_NEW_HEAD_STD = 0.001  # docs/decisions.md#new-heads


class InitialModel(NamedTuple):
    """A network and the options that build it again; ``replaced``: the layers of its head that begin anew.

    ``weights_sha256``: of the file that it began with, where there was one. ``notes``: what was taken from that file.
    """

    network: torch.nn.Module
    options: Mapping[str, Any]
    replaced: tuple[str, ...] = ()
    weights_sha256: str | None = None
    notes: tuple[str, ...] = ()


def model_spec(
    where: str,
    architecture: str,
    weights: str | Path | None = None,
    options: Mapping[str, Any] | None = None,
    input: Mapping[str, Any] | None = None,  # noqa: A002 - the key of the configuration
) -> ModelSpec:
    """The model to train. ``architecture``: ``torchvision:NAME``, ``timm:NAME``, ``reference:NAME`` or a bare NAME.

    ``weights``, ``options`` and ``input``: as in a ``[models.NAME]`` table; without weights it starts from scratch.
    ``where``: what errors call the place of these keys. Raises ConfigError.
    """
    arch = registry.architecture(architecture)
    table = {"arch": arch, "options": dict(options or {}), "input": dict(input or {})}
    return specs.model(where, table | ({"weights": str(weights)} if weights else {}))


def begin(spec: ModelSpec, classes: int, names: Sequence[str] | None = None) -> InitialModel:
    """Build ``spec.arch`` for N ``classes`` and fill it with ``spec.weights``; ``None``: it starts from scratch.

    Where the weights are for another number of classes, or a training of ours wrote them for others than ``names``,
    the layers of the head begin anew, near zero, so that their first values do not spoil what the rest has learned.
    (A. Kolesnikov et al., "Big Transfer", 2020, begin at zero; SqueezeNet, which has a ReLU after its head, would stay
    there.) Everything else must fit, name for name and shape for shape.

    Raises ConfigError, WeightsMissing and ModelError.
    """
    requested = spec.options.get("num_classes", classes)
    if requested != classes:
        raise ConfigError(f"the option num_classes is {requested}, and there are {classes} class folders; leave it out")
    spec = replace(spec, options={**spec.options, "num_classes": classes})
    network = sources.build(spec)
    if spec.weights is None:
        return InitialModel(network, spec.options)
    weights = spec.weights_source
    if isinstance(weights, RandomWeights):
        random_init.fill(network, weights.seed)
        return InitialModel(network, spec.options)
    state, sha256, notes = _state(network, spec)
    trained_classes = _trained_classes(spec)
    are_others = None not in (names, trained_classes) and trained_classes != names
    return InitialModel(network, spec.options, _fill(network, state, spec, new_head=are_others), sha256, notes)


def _state(network: torch.nn.Module, spec: ModelSpec) -> tuple[Mapping[str, torch.Tensor], str | None, tuple[str, ...]]:
    """The state dict of the weights with the head that they were published with, their file's sha256, and notes."""
    if file := statement.weights_file(spec):
        state, notes = _named_as_in(network, spec, file)
        return state, hashing.file_sha256(file), notes
    own = {key: value for key, value in spec.options.items() if key != "num_classes"}
    published = loader.filled(replace(spec, options=own))
    return published.module.state_dict(), published.file_sha256, published.notes


def _named_as_in(
    network: torch.nn.Module, spec: ModelSpec, file: Path
) -> tuple[Mapping[str, torch.Tensor], tuple[str, ...]]:
    """The tensors of a file by the network's names, those that have no place in it by their own, and notes."""
    own = network.state_dict()
    shapes, counts = fit.shapes(own), {name: own[name] for name in own if fit.is_count(name)}
    read = reader.read(file, spec.checkpoint, shapes)
    assignment = fit.by_name(fit.shapes(read.tensors), shapes, spec.rename)
    if why := fit.of_another_kind(assignment, read, own):
        raise ModelError(f"{spec.weights} does not fit {spec.arch}: {why}")
    rest = {name: read.tensors[name] for name in assignment.unexpected}
    notes = tuple(f"{file.name}: {note}" for note in (*read.notes, *assignment.notes))
    return counts | {name: read.tensors[at] for name, at in assignment.names.items()} | rest, notes


def _trained_classes(spec: ModelSpec) -> Sequence[str] | None:
    """The names of the classes that a training of ours wrote into a file of weights."""
    labels = statement.of(spec).labels
    return labels.names if labels else None


def _fill(
    network: torch.nn.Module, state: Mapping[str, torch.Tensor], spec: ModelSpec, *, new_head: bool
) -> tuple[str, ...]:
    """Load all of ``state`` except a head of another size, or any head (``new_head``); the layers left out."""
    own = network.state_dict()
    usable = {name: tensor for name, tensor in state.items() if not name.startswith(fingerprints.AUXILIARY_HEADS)}
    misfits = {name for name in own.keys() | usable.keys() if _shape(own, name) != _shape(usable, name)}
    heads = fit.head_layers(network)
    misfits |= {name for name in own if new_head and name.rpartition(".")[0] in heads}
    if strange := sorted(name for name in misfits if name.rpartition(".")[0] not in heads):
        first, options = strange[0], dict(spec.options)
        raise ModelError(
            f"{spec.weights} does not fit {spec.arch} with options {options}: "
            f"{messages.counted(len(strange), 'tensor')} outside the head "
            f"{'differs' if len(strange) == 1 else 'differ'}, "
            f"the first is {first}, {_shape(usable, first)} there and {_shape(own, first)} here"
        )
    try:
        network.load_state_dict({name: _fresh(own[name]) if name in misfits else usable[name] for name in own})
    except RuntimeError:
        lazy_tensor.require_unchanged(usable.values())
        raise
    return tuple(sorted({name.rpartition(".")[0] for name in misfits}))


def _fresh(tensor: torch.Tensor) -> torch.Tensor:
    """First values of a head: a bias of zeros, and weights near zero."""
    import torch

    return torch.nn.init.normal_(tensor, std=_NEW_HEAD_STD) if tensor.ndim > 1 else tensor.zero_()


def _shape(state: Mapping[str, torch.Tensor], name: str) -> tuple[int, ...] | None:
    return tuple(state[name].shape) if name in state else None
