"""What a function of Python returns: a sequence of (bytes, path or image, label), or a dataset of torchvision.

A member's ``at`` is its index.
"""

from __future__ import annotations

import io
import operator
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, Final, NamedTuple

from imgcls import folder_imports, messages
from imgcls.data.places import base
from imgcls.data.places.base import Candidate, Candidates, Contents, Request
from imgcls.errors import ConfigError, Undecodable
from imgcls.records.data import Member, Place

_DIGITS: Final = 7
_LOSSLESS: Final = ("1", "L", "RGB")
"""The modes of images whose pixels PPM holds, byte for byte the same whatever wrote it."""

_SEQUENCES: dict[str, Sequence[Any]] = {}
"""What each factory returned when it was last listed."""


class _Items(NamedTuple):
    """The images of a factory. ``classes``: the names of numbered labels; ``root``: where paths begin, if stated."""

    items: Sequence[Any]
    classes: Sequence[str] | None
    root: Path | None


def contents(request: Request) -> Contents:
    """A candidate for each item, in order. Raises ConfigError for what is not a sequence of images and labels."""
    (name,) = request.containers
    if request.columns:
        raise ConfigError(f"{name}: columns are those of a manifest, of samples or of Parquet")
    returned = _items(name, _called(name, request.folder), request)
    _SEQUENCES[name] = returned.items
    candidates = Candidates(_candidates(name, returned, request.folder or Path()))
    pixels = sum(isinstance(candidate.place, Member) and candidate.place.name == "pixels" for candidate in candidates)
    given = messages.counted(pixels, "image")
    note = f"predictions for {given} are stored by a hash of pixels: no bytes of a file are given"
    classes = frozenset(returned.classes or ())
    return Contents(candidates, notes=(note,) if pixels else (), classes=classes)


def read(member: Member) -> bytes:
    """The bytes that an item holds, or its pixels as PPM. Raises :class:`Undecodable`."""
    items, (index,) = _SEQUENCES[member.container], member.at
    with _of_item(index):
        image = items[index][0]
        return bytes(image) if isinstance(image, bytes | bytearray | memoryview) else _ppm(image)


@contextmanager
def _of_item(index: int) -> Iterator[None]:
    """Whatever is raised inside, which is a user's code, is Undecodable."""
    try:
        yield
    except Undecodable:
        raise
    except (Exception, SystemExit) as error:
        raise Undecodable(
            "unreadable", f"item {index} raised {type(error).__name__}: {messages.one_line(error)}"
        ) from error


def _ppm(image: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "PPM")
    return stream.getvalue()


def _called(name: str, folder: Path | None) -> Any:
    """What the factory returns. Raises ConfigError."""
    module, _, factory = name.removeprefix("python:").partition(":")
    if not factory:
        raise ConfigError(f"{name} names no factory: write python:package.module:factory")
    with folder_imports.first_from(folder or Path(), module):
        try:
            function = getattr(import_module(module), factory)
        except (Exception, SystemExit) as error:  # a module may raise anything while it is imported
            raise ConfigError(f"{name} cannot be imported: {messages.one_line(error)}") from error
        try:
            return function()
        except (Exception, SystemExit) as error:
            raise ConfigError(
                f"{name}: {factory}() raised {type(error).__name__}: {messages.one_line(error)}"
            ) from error


def _items(name: str, returned: Any, request: Request) -> _Items:
    """``samples`` of a dataset of torchvision, which are paths, or else the items themselves."""
    try:
        items = getattr(returned, "samples", returned)
        classes, root = getattr(returned, "classes", None), getattr(returned, "root", None)
        names = None if classes is None else list(map(str, classes))
        folder = None if root is None else Path(root)
        is_sequence = hasattr(type(items), "__getitem__") and hasattr(type(items), "__len__") and len(items) >= 0
    except (Exception, SystemExit) as error:  # properties and len() are a user's code
        raise ConfigError(
            f"{name} returned {type(returned).__name__}, of which len(), samples, classes or root raised "
            f"{type(error).__name__}: {messages.one_line(error)}"
        ) from error
    if not is_sequence or isinstance(items, str | bytes | dict):
        raise ConfigError(f"{name} returned {type(returned).__name__}, not a sequence of (bytes or path, label)")
    return _Items(items, base.class_names(name, names, request), folder)


def _candidates(name: str, returned: _Items, folder: Path) -> Iterator[Candidate]:
    for index in range(len(returned.items)):
        at = f"{index:0{_DIGITS}}"
        try:
            image, label = _pair(returned.items, index)
            place, path = _place(name, index, image, folder)
            fault = None
        except Undecodable as error:
            yield Candidate(at, Member("python", name, at, (index,)), None, error)
            continue
        text = _label(label, returned.classes)
        if text is None:
            fault = Undecodable(
                "unlabelled", f"item {index} has the label {label!r}, not a text or the number of a class"
            )
        yield Candidate(_shown(path, returned.root or folder) if path else at, place, text, fault)


def _pair(items: Sequence[Any], index: int) -> tuple[Any, Any]:
    with _of_item(index):
        item = items[index]
    if not isinstance(item, tuple | list) or len(item) != 2:
        raise Undecodable("unsupported", f"item {index} is {type(item).__name__}, not a pair of image and label")
    return item[0], item[1]


def _place(name: str, index: int, image: Any, folder: Path) -> tuple[Place, Path | None]:
    """Where the bytes of an item are, and its path where it is a file."""
    if isinstance(image, str | os.PathLike):
        with _of_item(index):
            file = folder / os.fsdecode(image)
        return file, file
    if isinstance(image, bytes | bytearray | memoryview):
        return Member("python", name, "bytes", (index,)), None
    from PIL import Image

    if not isinstance(image, Image.Image):
        raise Undecodable("unsupported", f"item {index} holds {type(image).__name__}, not bytes, a path or an image")
    if image.mode not in _LOSSLESS:
        raise Undecodable("unsupported", f"item {index} is an image of mode {image.mode}: give its bytes or its path")
    return Member("python", name, "pixels", (index,)), None


def _shown(path: Path, root: Path) -> str:
    absolute, base_of = path.absolute(), root.absolute()
    return messages.path_text(absolute.relative_to(base_of) if absolute.is_relative_to(base_of) else absolute)


def _label(label: Any, classes: Sequence[str] | None) -> str | None:
    """A label as text: the name of its class where there are names; None for what is not one."""
    if isinstance(label, str):
        return label.strip() or None
    try:
        number = operator.index(label)
    except Exception:  # noqa: BLE001 - of a user's code
        return None
    if classes is None:
        return str(number)
    return classes[number] if 0 <= number < len(classes) else None
