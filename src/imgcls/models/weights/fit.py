"""Which tensor of a file belongs where in a network: by name, whatever wrappers stand before it, or by order."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from imgcls import messages
from imgcls.models.weights import unwrap

if TYPE_CHECKING:
    import torch

Shapes = Mapping[str, tuple[int, ...]]

_NUMBER = re.compile(r"(?<![0-9])[0-9]+(?=[.])")
_WRAPPERS = ("module.", "_orig_mod.")  # DistributedDataParallel, torch.compile
_COUNT = "num_batches_tracked"  # of a batch norm: how long it was trained, which no prediction depends on
_COUNTED = ("total_ops", "total_params", "n_averaged", _COUNT)  # of thop, and of torch's AveragedModel
_OF_TRAINING = ("criterion", "loss", "loss_fn", "loss_func", "optimizer", "lr_scheduler")
_KINDS = ("weight", "bias", "running_mean", "running_var")
"""The last part of a tensor's name, where it states what the tensor is for."""


class Assignment(NamedTuple):
    """For each of a network's names the one in the file; what has no place on either side; and what was done.

    ``missing`` and ``reshaped`` are names of the network, ``unexpected`` and ``left`` names in the file: those in
    ``left`` are provably not of the network.
    """

    names: Mapping[str, str]
    missing: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()
    reshaped: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def is_whole(self) -> bool:
        """Whether every tensor of either side has its place."""
        return not (self.missing or self.unexpected or self.reshaped)

    @property
    def fitting(self) -> int:
        """The number of the network's tensors that have theirs in the file; counts of batches are not counted."""
        return sum(not is_count(name) for name in self.names) - len(self.reshaped)

    @property
    def required(self) -> int:
        """The number of the network's tensors that must have theirs."""
        return self.fitting + len(self.missing) + len(self.reshaped)


def size(shape: tuple[int, ...]) -> str:
    """A shape as messages have it."""
    return " x ".join(map(str, shape)) or "a number"


def shapes(state: Mapping[str, torch.Tensor]) -> dict[str, tuple[int, ...]]:
    """The shape of each tensor, by its name."""
    return {name: tuple(tensor.shape) for name, tensor in state.items()}


def without_wrappers(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Names as a bare network has them, where every name has the prefix of a wrapper of torch."""
    for prefix in _WRAPPERS:
        if state and all(name.startswith(prefix) for name in state):
            return without_wrappers({name.removeprefix(prefix): tensor for name, tensor in state.items()})
    return dict(state)


def by_name(given: Shapes, own: Shapes, rename: Mapping[str, str], ignored: tuple[str, ...] = ()) -> Assignment:
    """Assign the tensors of a file by their names, after the removal of what stands before the network's own names.

    ``rename``: beginnings of names in the file, and what they become. ``ignored``: beginnings of names that the
    network need not have.
    """
    renamed = {_renamed(name, rename): name for name in given}
    required = {name for name in own if not is_count(name)}
    prefixes = _prefixes(unwrap.covered(renamed, own), required)
    names = {name: renamed[prefix + name] for prefix in reversed(prefixes) for name in own if prefix + name in renamed}
    notes = [f"rename: no name begins with {old}" for old in rename if not any(name.startswith(old) for name in given)]
    notes += [_removal(prefix, names, renamed) for prefix in prefixes if prefix]
    if head := _other_head(names, required, given, own):
        names |= head
        notes.append("; ".join(f"{file} is loaded as {name}" for name, file in head.items()))
    used = set(names.values())
    rest = {at: name for at, name in renamed.items() if name not in used}
    doubled = tuple(name for name in given if renamed[_renamed(name, rename)] != name)
    bare = {name: _without(at, prefixes) for at, name in rest.items()}
    left = [name for name in bare if is_foreign(bare[name]) or bare[name].startswith(ignored)]
    return Assignment(
        names=names,
        missing=tuple(name for name in own if name in required and name not in names),
        unexpected=(*doubled, *(name for name in rest.values() if name not in left)),
        reshaped=tuple(name for name, file in names.items() if given[file] != own[name]),
        left=tuple(name for name in left if not bare[name].startswith(ignored)),
        notes=tuple(notes),
    )


def by_order(given: Shapes, own: Shapes) -> Assignment | str:
    """Assign the tensors of a file in the order in which both sides have them, or where they part first.

    What a name's last part states must be the same, as well as the shape, and numbered layers must not be in
    alphabetical order: tensors of the same shape could otherwise change places unnoticed. Nor must the names be those
    of the network in another order. Counts of batches are matched where both sides have as many.
    """
    files = [name for name in given if not is_foreign(name)]
    names = [name for name in own if not is_count(name)]
    if fall := _fall(files):
        return f"the file has them in alphabetical order: {fall[0]} stands before {fall[1]}"
    for number, (file, name) in enumerate(zip(files, names, strict=False), 1):
        if given[file] != own[name] or _kind(file) != _kind(name):
            places = f"{file} ({size(given[file])}) in the file and {name} ({size(own[name])}) in the network"
            return f"tensor {number} is {places}"
    if len(files) != len(names):
        return f"there are {messages.counted(len(files), 'tensor')} in the file and {len(names)} in the network"
    if place := _named_otherwise(dict(zip(names, files, strict=True)), by_name(given, own, {})):
        return f"the names fit in another one: {place} is loaded by its name without `match`"
    counts = [name for name in own if is_count(name)], [name for name in given if is_count(name)]
    counted = dict(zip(*counts, strict=True)) if len(counts[0]) == len(counts[1]) else {}
    return Assignment(
        names=dict(zip(names, files, strict=True)) | counted,
        left=tuple(name for name in given if is_foreign(name) and not is_count(name)),
        notes=(f'{len(names)} tensors are matched by their order, as match = "order" states',),
    )


def _named_otherwise(ordered: Mapping[str, str], named: Assignment) -> str | None:
    """The first tensor of a file that has another place by its name, where all names fit."""
    if not named.is_whole:
        return None
    return next((file for name, file in ordered.items() if named.names[name] != file), None)


def _fall(names: Sequence[str]) -> tuple[str, str] | None:
    """Two names of layers of which the first has a number of two digits or more, and the second a smaller one."""
    numbers: dict[str, tuple[int, str]] = {}
    for name in names:
        for match in _NUMBER.finditer(name):
            layer, number = name[: match.start()], int(match[0])
            last, last_name = numbers.get(layer, (0, ""))
            if 10 <= last > number:
                return last_name, name
            numbers[layer] = number, name
    return None


def head_layers(network: torch.nn.Module) -> tuple[str, ...]:
    """The names of the layers that make logits: timm's networks name them, others have them last."""
    classifier: Any = getattr(network, "pretrained_cfg", {}).get("classifier")
    if classifier:
        return (classifier,) if isinstance(classifier, str) else tuple(classifier)
    last = next(reversed([name for name, _ in network.named_parameters()]), "")
    return (last.rpartition(".")[0],)


def head_outputs(assignment: Assignment, given: Shapes, own: Shapes, heads: Collection[str]) -> int | None:
    """The number of outputs of the head in the file, where nothing but that differs; else None."""
    if not assignment.reshaped or assignment.missing or assignment.unexpected:
        return None
    pairs = [(given[assignment.names[name]], own[name]) for name in assignment.reshaped]
    is_head = all(name.rpartition(".")[0] in heads for name in assignment.reshaped)
    is_first = all(file[1:] == network[1:] and len(file) == len(network) > 0 for file, network in pairs)
    counts = {(file[:1], network[:1]) for file, network in pairs}
    return pairs[0][0][0] if is_head and is_first and len(counts) == 1 else None


def _prefixes(covered: Mapping[str, Collection[str]], required: Collection[str]) -> list[str]:
    """What stands before the network's names: one prefix before all or most of them, and one before the others."""
    counts = {prefix: len(set(required).intersection(names)) for prefix, names in covered.items()}
    if not any(counts.values()):
        return []
    main = max(counts, key=lambda prefix: (counts[prefix], -len(prefix)))
    missing = set(required).difference(covered[main])
    others = [prefix for prefix, names in covered.items() if missing and missing.issubset(names)]
    return [main, *others] if len(others) == 1 else [main]


def _other_head(names: Mapping[str, str], required: Collection[str], given: Shapes, own: Shapes) -> dict[str, str]:
    """The only layer that is left in the file for the only one that the network lacks.

    Of the same shapes, but for the number of outputs.
    """
    missing = [name for name in own if name in required and name not in names]
    rest = [name for name in given if name not in names.values() and not is_foreign(name)]
    layers = {name.rpartition(".")[0] for name in missing}, {name.rpartition(".")[0] for name in rest}
    pairs = {name: file for name in missing for file in rest if _leaf(name) == _leaf(file)}
    same = all(_inputs(given[file]) == _inputs(own[name]) for name, file in pairs.items())
    whole = len(pairs) == len(missing) == len(rest) > 0 and 2 * len(missing) < len(required)
    return pairs if whole and same and all(len(layer) == 1 for layer in layers) else {}


def _inputs(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of a layer's tensor with any number of outputs."""
    return (0, *shape[1:]) if shape else ()


def _removal(prefix: str, names: Mapping[str, str], renamed: Mapping[str, str]) -> str:
    count = sum(renamed.get(prefix + name) == file for name, file in names.items())
    return f"the prefix {prefix} is removed from {count} names"


def _renamed(name: str, rename: Mapping[str, str]) -> str:
    for old, new in rename.items():
        if name.startswith(old):
            return new + name.removeprefix(old)
    return name


def _without(name: str, prefixes: Sequence[str]) -> str:
    return next((name.removeprefix(prefix) for prefix in prefixes if prefix and name.startswith(prefix)), name)


def is_foreign(name: str) -> bool:
    """Whether a name is provably not of a network that lacks it."""
    return _leaf(name) in _COUNTED or name.partition(".")[0] in _OF_TRAINING


def is_count(name: str) -> bool:
    """Whether a tensor only counts the batches of a training."""
    return _leaf(name) == _COUNT


def is_weight(name: str) -> bool:
    """Whether the last part of a tensor's name states that it belongs to a layer."""
    return _leaf(name) in _KINDS


def _leaf(name: str) -> str:
    return name.rpartition(".")[2]


def _kind(name: str) -> str | None:
    return _leaf(name) if is_weight(name) else None


def of_another_kind(assignment: Assignment, given: unwrap.StateDict, own: Mapping[str, torch.Tensor]) -> str | None:
    """Why values cannot be loaded as they are: complex, real, whole and truth values are never made of each other.

    Whole numbers in the place of real ones would need a scale to be weights, real ones in the place of positions would
    be cut to whole ones, and complex ones would lose a part. Counts of batches may be anything.
    """
    for name, file in assignment.names.items():
        found, wanted = given.tensors[file].dtype, own[name].dtype
        if _kind_of_values(found) == _kind_of_values(wanted) or is_count(name):
            continue
        types = [str(dtype).removeprefix("torch.") for dtype in (found, wanted)]
        as_others = ", as quantized weights do" if wanted.is_floating_point and not found.is_complex else ""
        return f"{file} holds values of type {types[0]}{as_others}, and the network {types[1]}; save them as {types[1]}"
    return None


def _kind_of_values(dtype: torch.dtype) -> str:
    if dtype.is_floating_point or dtype.is_complex:
        return "real" if dtype.is_floating_point else "complex"
    return "truth" if str(dtype) == "torch.bool" else "whole"


def remarks(assignment: Assignment, given: unwrap.StateDict, own: Mapping[str, torch.Tensor]) -> list[str]:
    """What to say of an assignment that is made: values that are converted, not in the file, or not of the network."""
    result, pairs = [], [(given.tensors[file], own[name]) for name, file in assignment.names.items()]
    kinds = {str(a.dtype).removeprefix("torch.") for a, b in pairs if a.dtype != b.dtype and b.dtype.is_floating_point}
    if kinds:
        result.append(f"its values of type {' and '.join(sorted(kinds))} are converted to the network's types")
    if absent := len(own) - len(assignment.names):
        result.append(f"{absent} counts of batches ({_COUNT}) are not in it; no prediction depends on them")
    if others := [*assignment.left, *given.others]:
        result.append(f"left out, as not of the network: {messages.named(others)}")
    return result
