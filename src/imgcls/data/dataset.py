"""A configured dataset: its images, the classes that are right for them, and samples of them."""

from __future__ import annotations

import math
import os
import shlex
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from imgcls.data import (
    class_lists,
    digits,
    duplicates,
    folder_classes,
    label_map,
    labels,
    layout,
    manifest,
    manifest_table,
)
from imgcls.data import listing as listings
from imgcls.errors import ConfigError, LabelError
from imgcls.records.config import BUILTIN_DIGITS, DatasetSpec
from imgcls.records.data import ImageRef, LabelList, Listing, Matching


def list_images(dataset: DatasetSpec, sha256: Callable[[Path], str] = listings.sha256) -> Listing:
    """The images of the dataset's folder or manifest, each under one label; ``sha256`` hashes a file.

    Raises ConfigError for what cannot be listed, and where ``duplicates`` of the dataset does not allow for them.
    """
    listing = duplicates.resolve(_listed(dataset, sha256), dataset.duplicates)
    return replace(listing, notes=(*dataset.notes, *listing.notes))


def _listed(dataset: DatasetSpec, sha256: Callable[[Path], str]) -> Listing:
    path = digits.folder("test") if dataset.path == BUILTIN_DIGITS else Path(dataset.path)
    is_folder = os.path.isdir(path)  # noqa: PTH112 - pathlib's raises an error for what may not be entered
    if path.suffix.lower() in manifest_table.SUFFIXES and not is_folder:
        return manifest.find(dataset.name, path, sha256, dataset.columns)
    if os.path.isfile(path):  # noqa: PTH113 - as above
        raise ConfigError(f"dataset {dataset.name!r}: {path} is not a manifest: {_one_of_the_manifests()}")
    if dataset.columns:
        raise ConfigError(f"dataset {dataset.name!r}: columns are those of a manifest, and {path} is a folder")
    layout.require_classes(dataset.name, path)
    return listings.find(dataset.name, path, sha256)


def _one_of_the_manifests() -> str:
    return f"expected a name that ends in {', '.join(manifest_table.SUFFIXES)}, or a folder with a folder per class"


def folder_names(listing: Listing) -> list[str]:
    """The folders of a dataset, or the labels of its manifest, sorted; those without images are among them."""
    return sorted({image.label for image in listing.images if image.label is not None}.union(listing.empty_classes))


def match_labels(
    dataset: DatasetSpec, listing: Listing, stated: LabelList, models: Sequence[str] = ()
) -> tuple[LabelList, Matching]:
    """The classes of a network on a dataset, and which of them are right for its folders.

    ``stated``: what the model's configuration or source states. ``models``: the names that a message suggests classes
    for. Raises LabelError.
    """
    if stated == class_lists.UNSTATED:
        raise LabelError(
            "nothing states what the outputs of the model are: set its `labels` to a file with one class name per "
            'line, or to "folders" where it was trained on the folders of this dataset'
        )
    if stated == class_lists.FOLDERS:
        return folder_classes.of(dataset, folder_names(listing))
    folders = {image.label for image in listing.images if image.label is not None}
    how = label_map.read(dataset.labels) if isinstance(dataset.labels, Path) else dataset.labels
    return stated, labels.match(folders, stated, how, _suggestion(dataset, models) if isinstance(how, str) else "")


def _suggestion(dataset: DatasetSpec, models: Sequence[str]) -> str:
    """The command that writes a map file for these models; nothing where no name stands for them."""
    if not models:
        return ""
    path = os.path.relpath(dataset.path) if Path(dataset.path).is_relative_to(Path.cwd()) else str(dataset.path)
    command = f"imgcls labels suggest {shlex.quote(path)} --models {shlex.quote(','.join(models))} --out classes.csv"
    return f'`{command}` writes a map file to review, for labels = {{ file = "classes.csv" }} of the dataset'


def samples(images: Sequence[ImageRef], size: int) -> list[list[ImageRef]]:
    """The images of different bytes in samples of up to ``size``, each spread evenly over all; at least one sample."""
    distinct = list({image.sha256: image for image in images}.values())
    step = max(1, math.ceil(len(distinct) / size))
    return [distinct[start::step] for start in range(step)]
