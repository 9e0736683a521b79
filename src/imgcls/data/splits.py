"""Which folders are splits of a dataset, not classes, by what they are called."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Final

TO_TRAIN_ON: Final = frozenset({"train", "training"})
TO_SCORE: Final = frozenset({"val", "valid", "validation", "test", "testing"})


def among(folders: Collection[str], holds_folders: Callable[[str], bool]) -> tuple[str, ...]:
    """Those of the folders of a dataset that are splits, those to score first; none where they are classes.

    Folders are splits where one is called like a part to train on and another like a part to score, or where all are
    called so and one holds folders itself: a class may be called ``train``.
    """
    splits = {name for name in folders if name.lower() in TO_TRAIN_ON | TO_SCORE}
    kinds = {name.lower() in TO_SCORE for name in splits}
    if len(kinds) < 2 and (splits != set(folders) or not any(map(holds_folders, splits))):
        return ()
    return tuple(sorted(splits, key=lambda name: (name.lower() not in TO_SCORE, name)))
