"""What distinguishes the networks of two architectures: a hash of the names and shapes of their tensors.

A network is the same architecture with any number of classes and of channels, so these dimensions are not hashed. The
table of all architectures of torchvision and timm is made by ``scripts/architecture_table.py``.
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import cache
from importlib import resources
from typing import NamedTuple

from imgcls.models.weights import fit
from imgcls.models.weights.fit import Shapes

FILE = "architectures.txt.gz"

AUXILIARY_HEADS = ("aux1.", "aux2.", "AuxLogits.")
"""Prefixes of heads that published files of torchvision's GoogLeNet and Inception hold, and only training uses."""

_DIGITS = 16  # docs/decisions.md#fingerprints-of-architectures
_COMPUTED = ("attn_mask", "relative_position_index", "relative_coords_table")
"""Buffers that follow from a network's size: files have them or lack them, whichever version wrote them."""


class Dimension(NamedTuple):
    """A dimension of a tensor."""

    tensor: str
    number: int


Head = frozenset[Dimension]
"""The dimensions that are the number of classes; of an architecture's first layer, the number of channels."""


class Table(NamedTuple):
    """``architectures``: by fingerprint. ``heads`` and ``stems``: those that any has, as a fingerprint leaves them out.

    ``versions``: of the libraries that the architectures are of.
    """

    versions: Mapping[str, str]
    heads: frozenset[Head]
    stems: frozenset[Dimension]
    architectures: Mapping[str, tuple[str, ...]]


def relevant(shapes: Shapes) -> dict[str, tuple[int, ...]]:
    """The tensors that make an architecture: not counts, what only training uses, and what follows from the others."""
    return {
        name: shape
        for name, shape in shapes.items()
        if not fit.is_foreign(name)
        and not name.startswith(AUXILIARY_HEADS)
        and name.rpartition(".")[2] not in _COMPUTED
    }


def in_order(shapes: Shapes) -> dict[str, tuple[int, ...]]:
    """The same tensors named by their place, counted from the last, and by what the end of their name states."""
    names = [name for name in shapes if not fit.is_foreign(name)]
    ends = {name: name.rpartition(".")[2] if fit.is_weight(name) else "tensor" for name in names}
    return {f"{place - len(names)}.{ends[name]}": shapes[name] for place, name in enumerate(names)}


def differing(shapes: Shapes, others: Shapes) -> Head:
    """The dimensions in which two networks differ that differ in their number of classes only.

    Raises ValueError where they have other tensors.
    """
    if [(name, len(shape)) for name, shape in shapes.items()] != [(name, len(shape)) for name, shape in others.items()]:
        raise ValueError("another number of classes makes other tensors")
    return frozenset(
        Dimension(name, number)
        for name, shape in shapes.items()
        for number, (size, other) in enumerate(zip(shape, others[name], strict=True))
        if size != other
    )


def stem(shapes: Shapes) -> Dimension | None:
    """The number of channels in the first layer: that of the first convolution, where it reads three; else None."""
    name = next((name for name, shape in shapes.items() if len(shape) == 4), None)
    return Dimension(name, 1) if name and shapes[name][1] == 3 else None


def fingerprint(shapes: Shapes, free: Collection[Dimension]) -> str:
    """A hash of names and shapes, but for the free dimensions, which may have any size."""
    lines = (
        f"{name}:{'x'.join('*' if (name, number) in free else str(size) for number, size in enumerate(shapes[name]))}"
        for name in sorted(shapes)
    )
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:_DIGITS]


def text(table: Table) -> bytes:
    """The content of the table's file."""
    lines = ["# Architectures by the fingerprint of their tensors; made by scripts/architecture_table.py"]
    lines += [f"version {name} {version}" for name, version in table.versions.items()]
    lines += sorted(f"head {' '.join(sorted(map(_spelled, head)))}" for head in table.heads)
    lines += sorted(f"stem {_spelled(one)}" for one in table.stems)
    lines += sorted(f"{key} {' '.join(names)}" for key, names in table.architectures.items())
    return gzip.compress("".join(f"{line}\n" for line in lines).encode(), mtime=0)


def parse(lines: Iterable[str]) -> Table:
    """The table of a file's lines."""
    versions, heads, stems, architectures = {}, set(), set(), {}
    for first, *rest in (line.split() for line in lines if not line.startswith("#")):
        if first == "version":
            versions[rest[0]] = rest[1]
        elif first == "head":
            heads.add(frozenset(map(_dimension, rest)))
        elif first == "stem":
            stems.add(_dimension(rest[0]))
        else:
            architectures[first] = tuple(rest)
    return Table(versions, frozenset(heads), frozenset(stems), architectures)


@cache
def shipped() -> Table:
    """The table of this package."""
    content = (resources.files("imgcls") / "builtin" / FILE).read_bytes()
    return parse(gzip.decompress(content).decode().splitlines())


def free_dimensions(shapes: Shapes, table: Table) -> Iterator[tuple[Head, Dimension | None]]:
    """The heads and stems that these tensors could have: those whose tensors are there, with one number of classes."""
    stems = [None, *(one for one in table.stems if one.number < len(shapes.get(one.tensor, ())))]
    for head in table.heads:
        if len(sizes(shapes, head)) == 1:
            yield from ((head, one) for one in stems)


def sizes(shapes: Shapes, dimensions: Collection[Dimension]) -> set[int]:
    """The sizes of dimensions; empty where one of them is not there."""
    if any(number >= len(shapes.get(tensor, ())) for tensor, number in dimensions):
        return set()
    return {shapes[tensor][number] for tensor, number in dimensions}


def _spelled(dimension: Dimension) -> str:
    return f"{dimension.tensor}:{dimension.number}"


def _dimension(spelling: str) -> Dimension:
    tensor, _, number = spelling.rpartition(":")
    return Dimension(tensor, int(number))
