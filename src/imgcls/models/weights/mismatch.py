"""What to say where the tensors of a file are not those of a network: the difference, and the key that mends it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from imgcls.models.weights import fit
from imgcls.models.weights.fit import Assignment, Shapes

_EXAMPLES = 3  # docs/decisions.md#names-in-a-message
_LEAST_GAIN = 0.1  # docs/decisions.md#differences-of-names


def difference(
    assignment: Assignment,
    given: Shapes,
    own: Shapes,
    rename: Mapping[str, str],
    ignored: tuple[str, ...] = (),
    ordered: Assignment | str = "",
) -> str:
    """One line: how many tensors fit, the first names of either side, and what to write so that more fit.

    The keys that it names belong in the model's table. ``ordered``: what matching by order comes to. Other arguments:
    as of :func:`imgcls.models.weights.fit.by_name`.
    """
    parts = [
        f"{assignment.fitting} of {assignment.required} tensors fit",
        _listed("not in the file", assignment.missing),
        _listed("not in the network", assignment.unexpected),
        _listed("of another shape", [_shapes(name, assignment, given, own) for name in assignment.reshaped]),
        _order(ordered) or _suggestion(assignment, given, own, rename, ignored),
    ]
    return "; ".join(part for part in parts if part)


def _listed(what: str, names: Sequence[str]) -> str:
    more = f" and {len(names) - _EXAMPLES} more" if len(names) > _EXAMPLES else ""
    return f"{what}: {', '.join(names[:_EXAMPLES])}{more}" if names else ""


def _shapes(name: str, assignment: Assignment, given: Shapes, own: Shapes) -> str:
    return f"{name} ({fit.size(given[assignment.names[name]])} in the file, {fit.size(own[name])} in the network)"


def _order(ordered: Assignment | str) -> str:
    if isinstance(ordered, str):
        return ""
    return f'all {ordered.fitting} shapes are the same in this order: write match = "order"'


def _suggestion(
    assignment: Assignment, given: Shapes, own: Shapes, rename: Mapping[str, str], ignored: tuple[str, ...]
) -> str:
    """What makes more tensors fit."""
    if assignment.fitting == assignment.required:
        larger = any(fit.is_weight(name) for name in assignment.unexpected)
        question = "is it the file of a larger architecture? " if larger else ""
        return f"{question}save the file again without these only if no prediction depends on them"
    if pair := _commonest(assignment, given, own):
        renamed = {**rename, pair[0]: pair[1]}
        better = fit.by_name(given, own, renamed, ignored)
        if better.fitting - assignment.fitting > max(1, _LEAST_GAIN * assignment.required):
            table = ", ".join(f'"{old}" = "{new}"' for old, new in renamed.items())
            return f"{better.fitting} fit with rename = {{ {table} }}"
    return "" if assignment.fitting > _LEAST_GAIN * assignment.required else "is it the file of another architecture?"


def _commonest(assignment: Assignment, given: Shapes, own: Shapes) -> tuple[str, str] | None:
    """What stands before the most names of the file, and what before the same names of the network, shapes equal."""
    places: dict[tuple[str, tuple[int, ...]], list[str]] = defaultdict(list)
    for name in assignment.missing:
        places[name.rpartition(".")[2], own[name]].append(name)
    pairs = Counter(
        _beginnings(file, name)
        for file in assignment.unexpected
        for name in places[file.rpartition(".")[2], given[file]]
    )
    return max(pairs, key=lambda pair: pairs[pair]) if pairs else None


def _beginnings(file: str, name: str) -> tuple[str, str]:
    """What is before the parts that two names have in common at their end, and before the number of a layer."""
    endings = (file[start:] for start in range(len(file)))
    ending = next((e for e in endings if name.endswith(e) and _begins(file, e) and _begins(name, e)), "")
    return file.removesuffix(ending), name.removesuffix(ending)


def _begins(name: str, ending: str) -> bool:
    """Whether a part of a name, or the number in one, begins where this ending does."""
    before = name.removesuffix(ending)[-1:]
    return before in {"", "."} or (ending[0].isdigit() and not before.isdigit())
