"""The names of classes that a training script saved next to the weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_LISTS = ("classes", "class_names", "CLASSES", "labels")  # fastai, tutorials, mmpretrain
_MAPS = ("class_to_idx", "idx_to_class", "id2label", "label2id")  # torchvision's ImageFolder, Hugging Face
_AROUND = ("meta", "dataset_meta", "hyper_parameters", "args", "config")


def stated(content: Mapping[Any, Any]) -> tuple[str, ...] | None:
    """The names in the order of the outputs; None where nothing states them, or two keys state others."""
    lists = {names for names in map(_names, _values(content)) if names}
    return lists.pop() if len(lists) == 1 else None


def _values(content: Mapping[Any, Any]) -> list[Any]:
    inner = [content[key] for key in _AROUND if isinstance(content.get(key), Mapping)]
    return [content.get(key) for key in (*_LISTS, *_MAPS)] + [value for one in inner for value in _values(one)]


def _names(value: Any) -> tuple[str, ...] | None:
    if isinstance(value, list | tuple) and all(isinstance(name, str) for name in value):
        return tuple(value)
    if not isinstance(value, Mapping):
        return None
    by_number = {_number(number): name for name, number in value.items()}
    if set(by_number) != set(range(len(value))):
        by_number = {_number(number): name for number, name in value.items()}
    names = [by_number.get(number) for number in range(len(value))]
    return tuple(name for name in names if isinstance(name, str)) if all(isinstance(n, str) for n in names) else None


def _number(value: Any) -> int | None:
    return int(value) if isinstance(value, int) or (isinstance(value, str) and value.isdecimal()) else None
