"""Writes src/imgcls/builtin/architectures.txt.gz: every architecture of torchvision and timm by its fingerprint.

    python scripts/architecture_table.py

Each is built twice, without memory for its tensors, with two numbers of classes. It takes minutes, and prints what
cannot be built that way and so is not in the table.
"""

from __future__ import annotations

import gc
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

from imgcls.models.sources.torchvision import PUBLISHED_VARIANT
from imgcls.models.weights import fingerprints, fit
from imgcls.models.weights.fingerprints import Dimension, Head, Table

FILE = Path(__file__).parents[1] / "src" / "imgcls" / "builtin" / fingerprints.FILE

LIBRARIES = ("torch", "torchvision", "timm")

CLASSES = (1013, 1019)
"""Primes, which no other dimension of a network is likely to be."""

Shapes = dict[str, tuple[int, ...]]


class Entry(NamedTuple):
    """What the table holds of one architecture: by the names of its tensors, and by their order."""

    heads: tuple[Head, Head]
    stem: Dimension | None
    fingerprints: tuple[str, str]


def entry(name: str) -> Entry:
    """Of an architecture's full name. Raises whatever its library raises, and ValueError where it has no classes."""
    shapes, others = (_shapes(name, classes) for classes in CLASSES)
    named, named_others = fingerprints.relevant(shapes), fingerprints.relevant(others)
    ordered, ordered_others = fingerprints.in_order(shapes), fingerprints.in_order(others)
    heads = fingerprints.differing(named, named_others), fingerprints.differing(ordered, ordered_others)
    if not all(heads):
        raise ValueError("no tensor depends on the number of classes")
    stem = fingerprints.stem(named)
    free = heads[0] | {stem} if stem else heads[0]
    return Entry(heads, stem, (fingerprints.fingerprint(named, free), fingerprints.fingerprint(ordered, heads[1])))


def architectures() -> Iterator[str]:
    """The full name of every classifier of torchvision, and of every network of timm."""
    import timm
    from torchvision import models

    yield from (f"torchvision:{name}" for name in models.list_models(module=models))
    yield from (f"timm:{name}" for name in timm.list_models())


def _shapes(name: str, classes: int) -> Shapes:
    """Of the state dict, in its order."""
    import torch

    source, _, own = name.partition(":")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with without_memory():
                network = OF_LIBRARY[source](own, classes)
        except RuntimeError:  # it computes with its parameters while it is built
            with torch.device("meta"):
                network = OF_LIBRARY[source](own, classes)
    return fit.shapes(network.state_dict())


@contextmanager
def without_memory() -> Iterator[None]:
    """While it is open, the parameters of new networks have shapes and no values.

    Only they: with ``torch.device("meta")`` for everything, networks that compute their widths cannot be built.
    """
    import torch

    register = torch.nn.Module.register_parameter

    def register_shape(module: Any, name: str, parameter: Any) -> None:
        register(module, name, None if parameter is None else torch.nn.Parameter(parameter.detach().to("meta")))

    with mock.patch.object(torch.nn.Module, "register_parameter", register_shape):
        yield


def _of_torchvision(name: str, classes: int) -> Any:
    from torchvision import models

    return models.get_model(name, weights=None, num_classes=classes, **PUBLISHED_VARIANT.get(name, {}))


def _of_timm(name: str, classes: int) -> Any:
    import timm

    return timm.create_model(name, num_classes=classes)


OF_LIBRARY: dict[str, Callable[[str, int], Any]] = {"torchvision": _of_torchvision, "timm": _of_timm}


def table() -> Table:
    """Of all architectures that can be built; the others are printed."""
    heads: set[Head] = set()
    stems: set[Dimension] = set()
    by_fingerprint: dict[str, list[str]] = defaultdict(list)
    for name in architectures():
        try:
            one = entry(name)
        except Exception as error:  # noqa: BLE001 - whatever a library raises, the other architectures go on
            print(f"left out: {name}: {type(error).__name__}: {' '.join(str(error).split())[:100]}", flush=True)
            continue
        heads.update(one.heads)
        stems |= {one.stem} if one.stem else set()
        for key in one.fingerprints:
            by_fingerprint[key].append(name)
        gc.collect()
    versions = {library: metadata.version(library) for library in LIBRARIES}
    return Table(versions, frozenset(heads), frozenset(stems), {key: tuple(v) for key, v in by_fingerprint.items()})


if __name__ == "__main__":
    content = fingerprints.text(table())
    FILE.write_bytes(content)
    print(f"written: {FILE}, {len(content)} bytes")
