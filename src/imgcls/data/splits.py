"""Which folders are splits of a dataset, not classes, by what they are called."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from typing import Final

TO_TRAIN_ON: Final = frozenset({"train", "training"})
TO_SCORE: Final = frozenset({"val", "valid", "validation", "test", "testing"})

_PREFIXED: Final = re.compile(r"(.+)[_-]([a-z]+)")


def is_to_train_on(split: str) -> bool:
    """Whether a folder that is a split is one to train on, by the last word of its name."""
    return _words(split)[1] in TO_TRAIN_ON


def among(folders: Collection[str], holds_folders: Callable[[str], bool]) -> tuple[str, ...]:
    """Those of the folders of a dataset that are splits, those to score first; none where they are classes.

    Folders are splits where one is called like a part to train on and another like a part to score, or where all are
    called so and one holds folders itself: a class may be called ``train``. Names with a prefix, as ``seg_train`` and
    ``seg_test``, are those of splits where all hold folders and have the same prefix.
    """
    splits = _called_so(folders, lambda name: not _words(name)[0])
    if len(set(map(is_to_train_on, splits))) < 2 and (splits != set(folders) or not any(map(holds_folders, splits))):
        splits = _called_so(folders, lambda name: bool(_words(name)[0]) and holds_folders(name))
        is_pair = len(set(map(is_to_train_on, splits))) == 2 and len({_words(name)[0] for name in splits}) == 1
        if not is_pair and (len(folders) > 1 or not splits):
            return ()
    return tuple(sorted(splits, key=lambda name: (is_to_train_on(name), name)))


def sentence(where: object, splits: Sequence[str]) -> str:
    """What is wrong with a dataset that holds splits."""
    what = "which are not classes" if len(splits) > 1 else "which is not a class"
    return f"{where} holds {' and '.join(splits)}, {what}"


def _called_so(folders: Collection[str], condition: Callable[[str], bool]) -> set[str]:
    return {name for name in folders if _words(name)[1] in TO_TRAIN_ON | TO_SCORE and condition(name)}


def _words(name: str) -> tuple[str, str]:
    """What stands before the last word of a name, and that word, in lower case."""
    match = _PREFIXED.fullmatch(name.lower())
    return (match[1], match[2]) if match else ("", name.lower())
