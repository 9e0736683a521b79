"""Which folders are the classes where some lie below others: ``animals/cat/1.jpg`` and ``cat/outdoors/1.jpg``."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import PurePosixPath

from imgcls.data import splits

SPLITS = splits.TO_TRAIN_ON | splits.TO_SCORE


def lowest(paths: Sequence[str]) -> Mapping[str, str]:
    """The class folder of each path, if images lie in class folders: the first one from above that holds an image.

    Paths directly in the root have none. Folders are relative to the root, with ``/``.
    """
    with_images = {PurePosixPath(path).parent for path in paths}
    folders = {}
    for path in paths:
        above = [folder for folder in reversed(PurePosixPath(path).parents) if folder.parts]
        if above:
            folders[path] = str(next(folder for folder in above if folder in with_images))
    return folders


def are_grouped(folders: Collection[str], is_known: Callable[[str], bool]) -> bool:
    """Whether the class folders that :func:`lowest` found are classes, and the folders above them only groups.

    They are not where two have one name, as ``cat/outdoors`` and ``dog/outdoors``, where they are called like parts of
    a dataset, and where a smaller share of them than of the folders above has a known name. ``is_known``: whether a
    model has a class for this name.
    """
    deep = [PurePosixPath(folder) for folder in folders]
    names = [folder.name for folder in deep]
    groups = sorted({folder.parts[0] for folder in deep})
    if all(len(folder.parts) == 1 for folder in deep) or len(set(names)) < len(names):
        return False
    if any(name.lower() in SPLITS for name in names):
        return False
    return _share(names, is_known) >= _share(groups, is_known)


def _share(names: Sequence[str], is_known: Callable[[str], bool]) -> float:
    return sum(map(is_known, names)) / len(names)
