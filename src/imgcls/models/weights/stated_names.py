"""The name of its architecture that a training script saved next to the weights."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from imgcls.models.weights import files, lazy_tensor, pickled

_KEYS = ("arch", "architecture", "backbone", "model", "model_name")
_AROUND = ("args", "config", "hyper_parameters", "meta")
_OF_TIMM = {"arch", "version"}  # timm.utils.CheckpointSaver writes both, PyTorch's own examples only the first
_SAME = ("reference:", "torchvision:")  # the reference's networks have torchvision's names and shapes
_CONFIG = "config.json"


def of_training(file: Path) -> tuple[str, int] | None:
    """The full name and the number of classes in the header that our own trainings write; None for other files."""
    header = lazy_tensor.metadata(file) if files.is_safetensors(file) else {}
    if not header.get("format", "").startswith("imgcls-train") or "arch" not in header:
        return None
    try:
        return header["arch"], len(json.loads(header["classes"]))
    except (LookupError, ValueError, TypeError):  # damaged: loading it reports it
        return None


def narrowed(names: Sequence[str], content: Any, file: Path) -> tuple[str, ...]:
    """Those of the architectures that a file of weights, or ``config.json`` next to it, states; all where none is.

    ``content``: what the file holds. A name without its library may be that of two.
    """
    stated = {_full(name) for place in _places(content, file) for name in _texts(place)}
    chosen = [name for name in names if {name, name.partition(":")[2]} & stated]
    of_timm = [name for name in chosen if name.startswith("timm:")]
    if of_timm and isinstance(content, Mapping) and content.keys() >= _OF_TIMM:
        return tuple(of_timm)
    return tuple(chosen or names)


def _full(name: str) -> str:
    """A name without the tag of published weights."""
    return name.replace(*_SAME).partition(".")[0]


def _places(content: Any, file: Path) -> Iterator[Mapping[Any, Any]]:
    """The mappings that may state the architecture: of the content, of a header, and of the file next to it."""
    if isinstance(content, Mapping):
        yield content
        yield from (inner for inner in map(_mapping, map(content.get, _AROUND)) if inner)
    if files.is_safetensors(file):
        yield lazy_tensor.metadata(file)
    if file.name in files.PUBLISHED_NAMES:
        yield _config_of_timm(file.with_name(_CONFIG))


def _mapping(value: Any) -> Mapping[Any, Any] | None:
    """A mapping, or the attributes of an object such as the arguments of a command line."""
    state = value.state if isinstance(value, pickled.StandIn) else value
    return state if isinstance(state, Mapping) else None


def _texts(place: Mapping[Any, Any]) -> Iterator[str]:
    return (value for value in map(place.get, _KEYS) if isinstance(value, str))


def _config_of_timm(file: Path) -> Mapping[str, str]:
    try:
        return {"arch": f"timm:{json.loads(file.read_text(encoding='utf-8'))['architecture']}"}
    except (OSError, ValueError, LookupError, TypeError):  # absent, or of another library
        return {}
