"""A configured dataset: its images, the classes that are right for them, and samples of them."""

from __future__ import annotations

import math
import os
import shlex
from collections.abc import Iterator, Sequence
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
    same_bytes,
)
from imgcls.data import listing as listings
from imgcls.data.places import forms, urls
from imgcls.data.places.base import Sha256
from imgcls.errors import ConfigError, LabelError
from imgcls.records.config import BUILTIN_DIGITS, DatasetSpec
from imgcls.records.data import ImageRef, Images, LabelList, Listing, Matching
from imgcls.records.shards import Shard


def list_images(dataset: DatasetSpec, sha256: Sha256 = listings.sha256, shard: Shard | None = None) -> Listing:
    """The images of the dataset, each under one label; ``sha256`` hashes the bytes at a place.

    ``shard``: list only its images, and hash no others; which of its images are left out because of ``duplicates``,
    only the whole run knows.

    Raises ConfigError for what cannot be listed, and where ``duplicates`` of the dataset does not allow for them.
    """
    listing = listed(dataset, sha256, shard)
    if shard is None or dataset.duplicates == "error":
        listing = duplicates.resolve(listing, dataset.duplicates)
    return replace(listing, notes=(*dataset.notes, *listing.notes))


def listed(dataset: DatasetSpec, sha256: Sha256 = listings.sha256, shard: Shard | None = None) -> Listing:
    """The images of the dataset, whatever is listed twice. Raises ConfigError."""
    if _form(dataset):
        return listings.find_members(dataset, sha256, shard)
    path = digits.folder("test") if dataset.path == BUILTIN_DIGITS else Path(dataset.path)
    is_folder = os.path.isdir(path)  # noqa: PTH112 - pathlib's raises an error for what may not be entered
    if path.suffix.lower() in manifest_table.SUFFIXES and not is_folder:
        return manifest.find(dataset.name, path, sha256, dataset.columns, shard)
    if os.path.isfile(path):  # noqa: PTH113 - as above
        raise ConfigError(f"dataset {dataset.name!r}: {path} is not a manifest: {_one_of_the_manifests()}")
    if dataset.columns:
        raise ConfigError(f"dataset {dataset.name!r}: columns are those of a manifest, and {path} is a folder")
    if pattern := forms.in_folder(path):
        raise ConfigError(f"dataset {dataset.name!r}: {path} holds no folder per class: write path = {pattern!r}")
    layout.require_classes(dataset.name, path)
    return listings.find(dataset.name, path, sha256, shard)


def _form(dataset: DatasetSpec) -> str | None:
    """The form that a dataset's path names, where it is neither a folder nor a manifest. Raises ConfigError."""
    try:
        return None if dataset.path == BUILTIN_DIGITS else forms.form_of(str(dataset.path))
    except ConfigError as error:
        raise ConfigError(f"dataset {dataset.name!r}: {error}") from error


def _one_of_the_manifests() -> str:
    names = ", ".join(manifest_table.SUFFIXES)
    return f"expected a name that ends in {names}, or in .tar, .zip or .parquet, or a folder with a folder per class"


def folder_names(listing: Listing) -> list[str]:
    """The folders of a dataset, or the labels of its manifest, sorted; those without images are among them."""
    return sorted(_labels(listing).union(listing.empty_classes))


def _labels(listing: Listing) -> set[str]:
    """The labels of all images, those of other shards too."""
    return {label for label in listing.images.labels if label is not None}.union(listing.elsewhere)


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
    how = label_map.read(dataset.labels) if isinstance(dataset.labels, Path) else dataset.labels
    return stated, labels.match(
        _labels(listing), stated, how, _suggestion(dataset, models) if isinstance(how, str) else ""
    )


def _suggestion(dataset: DatasetSpec, models: Sequence[str]) -> str:
    """The command that writes a map file for these models; nothing where no name stands for them."""
    if not models:
        return ""
    path = (
        os.path.relpath(dataset.path)
        if Path(dataset.path).is_relative_to(Path.cwd())
        else urls.shown(str(dataset.path))
    )
    command = f"imgcls labels suggest {shlex.quote(path)} --models {shlex.quote(','.join(models))} --out classes.csv"
    return f'`{command}` writes a map file to review, for labels = {{ file = "classes.csv" }} of the dataset'


def samples(images: Sequence[ImageRef], size: int) -> Iterator[list[ImageRef]]:
    """The images of different bytes in samples of up to ``size``, each spread evenly over all; at least one sample."""
    listed = Images.of(images)
    distinct = same_bytes.distinct(listed)
    step = max(1, math.ceil(len(distinct) / size))
    return (list(listed.at(distinct[start::step].tolist())) for start in range(step))
