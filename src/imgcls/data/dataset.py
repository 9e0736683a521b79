"""A configured dataset: its images, the classes that are right for them, and samples of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path

from imgcls.data import digits, labels
from imgcls.data import listing as listings
from imgcls.records.config import DatasetSpec
from imgcls.records.data import ImageRef, LabelList, Listing, Matching


def list_images(dataset: DatasetSpec, sha256: Callable[[Path], str] = listings.sha256) -> Listing:
    """The images of the dataset's folder or manifest; ``sha256`` hashes a file. Raises ConfigError."""
    if dataset.path == "digits":
        return listings.find(dataset.name, digits.folder("test"), sha256)
    find = listings.find_manifest if dataset.path.suffix == ".csv" else listings.find
    listing = find(dataset.name, dataset.path, sha256)
    listings.require_one_label_per_image(listing)
    return listing


def match_labels(dataset: DatasetSpec, listing: Listing, classes: LabelList) -> Matching:
    """The classes that are right for the folders of a dataset. Raises LabelError."""
    folders = {image.label for image in listing.images if image.label is not None}
    how = labels.label_map(dataset.labels) if isinstance(dataset.labels, Path) else dataset.labels
    return labels.match(folders, classes, how)


def samples(images: Sequence[ImageRef], size: int) -> list[list[ImageRef]]:
    """The images of different bytes in samples of up to ``size``, each spread evenly over all; at least one sample."""
    distinct = list({image.sha256: image for image in images}.values())
    step = max(1, math.ceil(len(distinct) / size))
    return [distinct[start::step] for start in range(step)]
