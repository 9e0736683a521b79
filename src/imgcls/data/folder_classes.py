"""The folders of a dataset as the classes of a network, numbered as the tools number them that train on folders."""

import re
from collections.abc import Sequence
from pathlib import Path

from imgcls import messages
from imgcls.data import labels, manifest_table
from imgcls.data.labels import SHOWN
from imgcls.data.wordnet import WNID
from imgcls.errors import LabelError
from imgcls.records.config import DatasetSpec
from imgcls.records.data import LabelList, Matching


def of(dataset: DatasetSpec, folders: Sequence[str]) -> tuple[LabelList, Matching]:
    """The folders, sorted, as classes, and each of them right for itself; the order is said in a note.

    The order is that of torchvision's ``ImageFolder`` and of ``sorted``. Raises LabelError where there are no folders,
    and where the dataset numbers them in another way.
    """
    if not folders:
        raise LabelError(
            'labels = "folders": these images are in no folders of a dataset that could name the outputs; '
            "set `labels` of the model to a file with one class name per line"
        )
    names = tuple(sorted(folders))
    classes = LabelList(f"the folders of {dataset.name}", names, names if all(map(WNID.fullmatch, names)) else None)
    accepted = {name: frozenset({index}) for index, name in enumerate(names)}
    if (numbering := _numbering(dataset, names)) and labels.match(names, classes, "index").accepted != accepted:
        raise LabelError(
            f'labels = "folders" of the model numbers the folders of {dataset.name} in sorted order, '
            f"{_listed(names)}, and {numbering} by their names: "
            "set `labels` of the model to a file with one class name per line"
        )
    return classes, Matching(accepted, notes=(_note(dataset.name, names),))


def _numbering(dataset: DatasetSpec, names: Sequence[str]) -> str:
    """What numbers the folders by their names, in words: no tool sorts the numbers of a manifest as texts."""
    if dataset.labels == "index":
        return 'labels = "index" of the dataset'
    is_manifest = Path(dataset.path).suffix.lower() in manifest_table.SUFFIXES
    return "its manifest" if is_manifest and set(names) == set(map(str, range(len(names)))) else ""


def _note(dataset: str, names: Sequence[str]) -> str:
    order = f'labels = "folders": its {len(names)} outputs are taken for the folders of {dataset} in sorted order, '
    by_timm = sorted(names, key=_as_timm_sorts)
    if by_timm == list(names):
        return f"{order}{_listed(names)}"
    return (
        f"{order}{_listed(names)}, as torchvision's ImageFolder numbers them; timm's readers number them "
        f"{_listed(by_timm)}: for a network trained with those, set `labels` to a file with one class name per line"
    )


def _as_timm_sorts(name: str) -> list[tuple[int, str]]:
    """``timm.data.readers.class_map.natural_key``: digits by their value, letters without their case."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name.lower())]


def _listed(names: Sequence[str]) -> str:
    return messages.named(names, SHOWN)
