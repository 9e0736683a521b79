"""Parameters and running statistics by torchvision's names: shapes, first values, and state dicts in and out.

Within this package they are nested dicts (``tree["features"]["1"]["0"]…``); joined by dots, the keys of an array are
its name in torchvision.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from imgcls.errors import ModelError
from imgcls.reference.architecture import VARIANTS, Architecture, Block, blocks, last_channels, last_name, variant
from imgcls.reference.arrays import Array, as_numpy

Tree = dict[str, Any]
"""Nested dicts with arrays at their ends."""

STATISTICS = ("running_mean", "running_var", "num_batches_tracked")


class Network(NamedTuple):
    """An architecture with its values: ``parameters`` are trained, ``statistics`` are those of batch norms."""

    architecture: Architecture
    parameters: Tree
    statistics: Tree


def nested(flat: Mapping[str, Array]) -> Tree:
    """``{"a.b": x}`` to ``{"a": {"b": x}}``."""
    tree: Tree = {}
    for name, array in flat.items():
        *keys, leaf = name.split(".")
        place = tree
        for key in keys:
            place = place.setdefault(key, {})
        place[leaf] = array
    return tree


def flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Array]:
    """``{"a": {"b": x}}`` to ``{"a.b": x}``."""
    arrays: dict[str, Array] = {}
    for key, value in tree.items():
        arrays |= flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
    return arrays


def shapes(architecture: Architecture) -> dict[str, tuple[int, ...]]:
    """Every name of torchvision's state dict with its shape, in its order."""
    stages, last = architecture.stages, last_channels(architecture)
    named = dict(_conv_norm("features.0", stages[0].channels_in, 3, 3))
    for block in blocks(architecture):
        named |= _block(block)
    named |= _conv_norm(last_name(architecture), last, stages[-1].channels_out, 1)
    return named | {"classifier.1.weight": (architecture.classes, last), "classifier.1.bias": (architecture.classes,)}


def initialised(architecture: Architecture, seed: int, xp: Any = np, dtype: Any = None) -> Network:
    """First values as torchvision draws them, by NumPy's generator of ``seed``: the same for every ``xp``.

    Filters are normal with a variance of 2 / (out x k x k), over the groups (He et al. 2015,
    https://arxiv.org/abs/1502.01852, section 2.2, by what leaves), the classifier uniform within 1 / sqrt(classes),
    norms 1 and biases 0. ``dtype``: of ``xp``, its float32 where it is not given.
    """
    generator = np.random.default_rng(seed)
    values = {name: _first(name, shape, generator) for name, shape in shapes(architecture).items()}
    return loaded(architecture, values, xp, dtype)


def loaded(architecture: Architecture, state: Mapping[str, Any], xp: Any = np, dtype: Any = None) -> Network:
    """A network with the values of a state dict: NumPy arrays or what NumPy reads, such as tensors of a CPU.

    Where type and order in memory are right already, NumPy's arrays share that memory.
    Raises ModelError for a name that is missing, not known or of another shape.
    """
    expected = shapes(architecture)
    if odd := sorted(expected.keys() ^ state.keys()):
        which = "is missing" if odd[0] in expected else "has no place in this architecture"
        raise ModelError(f"the state dict does not fit: {odd[0]} {which} ({len(odd)} such names)")
    for name, shape in expected.items():
        if tuple(state[name].shape) != shape:
            raise ModelError(f"the state dict does not fit: {name} is {tuple(state[name].shape)}, expected {shape}")
    arrays = {name: _array(name, state[name], xp, dtype or xp.float32) for name in expected}
    return Network(
        architecture,
        nested({name: array for name, array in arrays.items() if not _is_statistic(name)}),
        nested({name: array for name, array in arrays.items() if _is_statistic(name)}),
    )


def recognised(state: Mapping[str, Any], xp: Any = np, dtype: Any = None) -> Network:
    """The network of a state dict that does not name its architecture; see :func:`loaded`.

    No two have the same names and shapes. Raises ModelError where none has these.
    """
    given = {name: tuple(value.shape) for name, value in state.items()}
    classes = given.get("classifier.1.bias", (0,))[0]
    for name in VARIANTS:
        architecture = variant(name, classes)
        if shapes(architecture) == given:
            return loaded(architecture, state, xp, dtype)
    raise ModelError(f"the names and shapes of this state dict are those of none of {', '.join(VARIANTS)}")


def state_dict(network: Network) -> dict[str, Any]:
    """The names of torchvision, in its order, with NumPy arrays."""
    arrays = flat(network.parameters) | flat(network.statistics)
    return {name: as_numpy(arrays[name]) for name in shapes(network.architecture)}


def joined(*trees: Mapping[str, Any]) -> Tree:
    """One tree with the arrays of all: a layer's parameters next to its statistics."""
    together: Tree = {}
    for tree in trees:
        for key, value in tree.items():
            together[key] = joined(together.get(key, {}), value) if isinstance(value, dict) else value
    return together


def at(tree: Mapping[str, Any], name: str) -> Any:
    """The subtree or array of a name such as ``features.1.0``."""
    for step in name.split("."):
        tree = tree[step]
    return tree


def _block(block: Block) -> dict[str, tuple[int, ...]]:
    place = iter(range(4))
    named: dict[str, tuple[int, ...]] = {}
    if block.expands:
        named |= _conv_norm(f"{block.name}.block.{next(place)}", block.expanded, block.channels_in, 1)
    named |= _conv_norm(f"{block.name}.block.{next(place)}", block.expanded, 1, block.kernel)
    excitation = f"{block.name}.block.{next(place)}"
    for layer, out, channels in (("fc1", block.squeezed, block.expanded), ("fc2", block.expanded, block.squeezed)):
        named |= {f"{excitation}.{layer}.weight": (out, channels, 1, 1), f"{excitation}.{layer}.bias": (out,)}
    return named | dict(_conv_norm(f"{block.name}.block.{next(place)}", block.channels_out, block.expanded, 1))


def _conv_norm(name: str, out: int, channels: int, kernel: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield f"{name}.0.weight", (out, channels, kernel, kernel)
    for leaf in ("weight", "bias", "running_mean", "running_var"):
        yield f"{name}.1.{leaf}", (out,)
    yield f"{name}.1.num_batches_tracked", ()


def _first(name: str, shape: tuple[int, ...], generator: np.random.Generator) -> np.ndarray:
    if len(shape) == 4:
        # A depthwise filter's fan-out counts all channels in PyTorch, since its weight does not say that it is one.
        return generator.standard_normal(shape) * math.sqrt(2 / (shape[0] * shape[2] * shape[3]))
    if len(shape) == 2:
        return generator.uniform(-1, 1, shape) / math.sqrt(shape[0])
    return np.ones(shape) if name.endswith((".1.weight", ".running_var")) else np.zeros(shape)


def _array(name: str, value: Any, xp: Any, dtype: Any) -> Array:
    """Contiguous, of type ``dtype``; the number of batches tracked is a whole number."""
    return xp.asarray(np.asarray(value, order="C"), dtype=xp.int64 if name.endswith("tracked") else dtype)


def _is_statistic(name: str) -> bool:
    return name.rpartition(".")[2] in STATISTICS
