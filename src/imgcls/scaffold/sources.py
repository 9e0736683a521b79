"""Where the labels of the images in a folder stand: in the names of folders, in a manifest, a table, or file names."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path, PurePath

from imgcls.data import layout, manifest, manifest_table, splits, suffixes
from imgcls.data.image_folders import USUAL
from imgcls.errors import ConfigError
from imgcls.messages import counted, spelled
from imgcls.scaffold import file_labels, suffixless
from imgcls.scaffold.data_folder import EXAMPLE
from imgcls.scaffold.file_labels import FileLabels


@dataclass(frozen=True, slots=True)
class Source:
    """``path``: a folder with class folders, a manifest, or a folder of images with ``labels`` for them.

    ``training``: the folder next to it that is to train on.
    ``notes``: what was guessed, a sentence each.
    """

    path: Path
    labels: FileLabels | None = None
    training: Path | None = None
    notes: tuple[str, ...] = ()


def find(data: Path, is_known: Callable[[str], bool]) -> Source:
    """The best source of labels that a folder or a manifest has.

    ``is_known``: whether a model has a class of a name. Raises ConfigError, with the next step, where there is none.
    """
    _require_data(data)
    if data.is_file():
        return Source(data)
    source = next(_sources(data, is_known), None)
    if source is None:
        raise _without_labels(data)
    return source


def _require_data(data: Path) -> None:
    if not os.path.lexists(data):
        raise ConfigError(f"--data {data}: there is no such folder; name one that holds {EXAMPLE}")
    if data.is_file() and data.suffix.lower() not in manifest_table.SUFFIXES:
        raise ConfigError(
            f"--data {data}: this is a file, neither a folder nor a manifest: name a folder that holds {EXAMPLE}"
        )


def _sources(root: Path, is_known: Callable[[str], bool]) -> Iterator[Source]:
    """The ways to read a folder, the best first."""
    if parts := layout.splits_in(root):
        for part in parts:
            yield from (_of_split(source, root, parts, part) for source in _sources(root / part, is_known))
    elif inner := _wrapped(root):
        yield from _sources(inner, is_known)
    elif any(child.is_dir() for child in visible(root)):
        yield Source(root)
    else:
        yield from _of_flat(root, is_known)


def _wrapped(root: Path) -> Path | None:
    """The only folder in a folder where that is its images, and not a class."""
    children = [child for child in visible(root) if child.is_dir() or suffixes.has_image_suffix(child.name)]
    if len(children) != 1 or not children[0].is_dir():
        return None
    [inner] = children
    name, has_folders = inner.name.lower(), any(child.is_dir() for child in visible(inner))
    is_usual = name in USUAL or (not has_folders and name in splits.TO_TRAIN_ON | splits.TO_SCORE)
    return inner if is_usual or (has_folders and layout.splits_in(inner)) else None


def visible(folder: Path) -> list[Path]:
    """What is in a folder and not hidden, sorted. Raises ConfigError where it cannot be listed."""
    try:
        return sorted(child for child in folder.iterdir() if not suffixes.is_hidden(PurePath(child.name)))
    except OSError as fault:
        raise ConfigError(f"{folder}: {fault.strerror}: name a folder that can be listed with --data") from fault


# Splits.


def _of_split(source: Source, root: Path, parts: Sequence[str], taken: str) -> Source:
    """The source with what a root with splits is, which of them is taken, and which is to train on."""
    to_train_on = [part for part in parts if splits.is_to_train_on(part) and part != taken]
    training = source.training or (root / to_train_on[0] if to_train_on else None)
    return replace(source, training=training, notes=(_about_splits(root, parts, taken), *source.notes))


def _about_splits(root: Path, parts: Sequence[str], taken: str) -> str:
    before, is_to_train_on = parts[: parts.index(taken)], splits.is_to_train_on(taken)
    if is_to_train_on and len(parts) == 1:
        return f"{_named(root)} holds only {taken}: test on images that no model was trained on"
    without = f"; no labels were found for {' and '.join(before)}" if before else ""
    others = ", the others are not" if len(parts) > 2 else ""
    trained = "; test on images that no model was trained on" if is_to_train_on else ""
    return f"{_named(root)} holds {' and '.join(parts)}{without}: {taken} is tested on{others}{trained}"


def _named(folder: Path) -> str:
    return spelled(str(folder)) if folder.parts else "this folder"


# Images without class folders.


def _of_flat(root: Path, is_known: Callable[[str], bool]) -> Iterator[Source]:
    """The manifests and tables in a folder of images or next to it, and the names of its images."""
    images = _images_in(root)
    if not images:
        return
    tables = _tables_of(root)
    for table in tables:
        if manifest.names_images_in(table, root):
            yield Source(table, notes=(f"{_named(root)} holds images and no folders; {table} has their labels",))
    for table in tables:
        with suppress(ConfigError):  # which _without_labels raises where there is no other source
            if labels := file_labels.of_table(table, images):
                yield Source(root, labels)
    if labels := file_labels.of_names(images, is_known):
        yield Source(root, labels)


def _images_in(root: Path) -> list[str]:
    return [child.name for child in visible(root) if suffixes.has_image_suffix(child.name)]


def _tables_of(root: Path) -> list[Path]:
    files = (*visible(root), *visible(root.parent))
    return [file for file in files if file.suffix.lower() in manifest_table.SUFFIXES and file.is_file()]


def _without_labels(data: Path) -> ConfigError:
    """What to say of a folder in which nothing has labels: of the first of its folders that is read.

    Raises ConfigError where a table names its images, and not which column is the label.
    """
    root = data
    while inner := next((root / part for part in layout.splits_in(root)), None) or _wrapped(root):
        root = inner
    images = _images_in(root)
    if not images:
        step = suffixless.sentence(root) or f"put {EXAMPLE}, into it, or name another folder with --data"
        return ConfigError(f"{_named(root)} has no folder in it: {step}")
    for table in _tables_of(root):
        file_labels.of_table(table, images)
    return ConfigError(
        f"{_named(root)} holds {counted(len(images), 'image')} and no folder per class: move each into the folder of "
        f"its class, as in {root / 'cat' / images[0]}; or write a labels.csv with the columns path and label, and run "
        "imgcls init --data labels.csv"
    )
