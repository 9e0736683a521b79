"""What a folder is that holds no folder per class: a root with splits in it, or images next to their manifest."""

from __future__ import annotations

import json
import os
import shlex
from operator import attrgetter
from pathlib import Path
from typing import Final

from imgcls import toml
from imgcls.data import image_folders, manifest, manifest_table, splits, suffixes
from imgcls.errors import ConfigError

GROUND_TRUTH: Final = "ILSVRC2012_validation_ground_truth.txt"
_DEVELOPMENT_KIT: Final = Path("ILSVRC2012_devkit_t12", "data")


def splits_in(folder: Path) -> tuple[str, ...]:
    """The folders in it that are splits of a dataset, those to score first; none where they are classes.

    :func:`imgcls.data.splits.among` has the rule.
    """
    return splits.among(_folders_in(folder), lambda name: bool(_folders_in(folder / name)))


def has_class_folders(folder: Path) -> bool:
    """Whether there is a folder in it that may be a class."""
    return bool(_folders_in(folder))


def require_classes(dataset: str, folder: Path) -> None:
    """Raise ConfigError, which says what to write, where a folder's folders are not classes, or where it has none.

    They are not in a root with splits in it, and in one whose images all lie in one folder with the class folders.

    Any other folder passes, whatever it holds.
    """
    if names := splits_in(folder):
        paths = " or ".join(f"path = {_toml(folder / name)}" for name in names)
        raise ConfigError(f"dataset {dataset!r}: {splits.sentence(folder, names)}: write {paths}")
    if inner := image_folders.of_classes(folder):
        wrong = image_folders.sentence(folder, inner)
        raise ConfigError(f"dataset {dataset!r}: {wrong}: write path = {_toml(folder / inner)}")
    folders = _folders_in(folder)
    if {name.lower() for name in folders} <= splits.TO_TRAIN_ON | splits.TO_SCORE:
        for flat in (folder / name for name in folders or [""]):
            _refuse_next_to_manifest(dataset, flat)
    if not folders and _holds_images(folder):
        raise ConfigError(
            f"{_holds_only_images(dataset, folder)}: move each into the folder of its class, or write a .csv with the "
            "columns path and label and set `path` to it"
        )


def _refuse_next_to_manifest(dataset: str, folder: Path) -> None:
    """Raise ConfigError where a folder holds images and no folders, and a file in it or next to it has their labels."""
    if not _holds_images(folder) or _folders_in(folder):
        return
    holds = _holds_only_images(dataset, folder)
    files = _files_next_to(folder)
    for file in files:
        if file.suffix.lower() in manifest_table.SUFFIXES and manifest.names_images_in(file, folder):
            raise ConfigError(f"{holds}; {file} has their labels: write path = {_toml(file)}")
    for file in files:
        if file.name == GROUND_TRUTH:
            raise ConfigError(f"{holds}; {_from_ground_truth(folder, file)}")


def _holds_only_images(dataset: str, folder: Path) -> str:
    return f"dataset {dataset!r}: {folder} holds images and no folder per class"


def _from_ground_truth(folder: Path, ground_truth: Path) -> str:
    """The command that writes a manifest of ImageNet's validation images, whose classes are the kit's own numbers.

    Line i of the ground truth is the ``ILSVRC2012_ID`` of the i-th image, and ``synsets`` of meta.mat has the WordNet
    id of each. Source: torchvision/datasets/imagenet.py, ``parse_devkit_archive``.
    """
    meta, written = ground_truth.with_name("meta.mat"), folder.with_name(f"{folder.name}.csv")
    program = (
        "from pathlib import Path; from scipy.io import loadmat; "
        f'ids = {{s[0]: s[1] for s in loadmat({_python(meta)}, squeeze_me=True)["synsets"]}}; '
        f'names = sorted(p.absolute() for p in Path({_python(folder)}).glob("ILSVRC2012_val_*")); '
        f"numbers = Path({_python(ground_truth)}).read_text().split(); "
        'print("path,label"); '
        '[print(f"{n},{ids[int(i)]}") for n, i in zip(names, numbers, strict=True)]'
    )
    return (
        f"{ground_truth} numbers their classes as meta.mat of the development kit does, not as networks do: with "
        f"{meta}, run python -c {shlex.quote(program)} > {shlex.quote(str(written))} and write path = {_toml(written)}"
    )


def _files_next_to(folder: Path) -> list[Path]:
    """The files in the folder, next to it, and in ImageNet's development kit next to it, that are not images."""
    around = (folder, folder.parent, folder.parent / _DEVELOPMENT_KIT)
    names = [(place, name) for place in around for name in _names_in(place) if not suffixes.has_image_suffix(name)]
    # os.path's states of what may be listed and not entered that it is no file; that of pathlib raises an error
    return [place / name for place, name in names if os.path.isfile(place / name)]  # noqa: PTH113


def _holds_images(folder: Path) -> bool:
    return any(suffixes.has_image_suffix(name) for name in _names_in(folder))


def _folders_in(folder: Path) -> list[str]:
    return [entry.name for entry in _entries_in(folder) if _is_folder(entry)]


def _names_in(folder: Path) -> list[str]:
    return [entry.name for entry in _entries_in(folder)]


def _entries_in(folder: Path) -> list[os.DirEntry[str]]:
    """What is directly in a folder and not hidden, sorted by name; nothing where it cannot be listed."""
    try:
        with os.scandir(folder) as entries:
            return sorted((each for each in entries if not suffixes.is_hidden_part(each.name)), key=attrgetter("name"))
    except OSError:
        return []


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Links to folders are folders; what cannot be examined is not."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def _toml(path: Path) -> str:
    return toml.string(path.as_posix())


def _python(path: Path) -> str:
    return json.dumps(str(path), ensure_ascii=False)
