"""Which classes of each model are right for the folders: by their names, or by a map file to review."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Final, Literal

from imgcls import messages
from imgcls.data import class_lists, labels, suggestions
from imgcls.data.label_map import Key
from imgcls.data.labels import SHOWN, Lookup
from imgcls.data.suggestions import CHECK, Suggester, Suggestion
from imgcls.errors import LabelError
from imgcls.messages import counted
from imgcls.records.data import LabelList
from imgcls.scaffold.models import ProposedModel

Way = Literal["auto", "index", "wnid", "name"]

MAP_FILES: Final[Mapping[Way, str]] = {"wnid": "classes.csv", "name": "class-names.csv"}


@dataclass(frozen=True, slots=True)
class FolderLabels:
    """How the folders are read for some of the models.

    ``way``: ``auto`` and ``index`` as ``labels`` of a dataset has them, or the kind of ids of a map file. ``text``: of
    that file. ``right``: how many classes are right for a folder, on average. ``unmapped``: a phrase on each folder
    that has no class yet. ``doubtful``: folders to review.
    """

    way: Way
    models: tuple[str, ...]
    text: str | None = None
    right: float = 1.0
    unmapped: tuple[str, ...] = ()
    doubtful: tuple[str, ...] = ()

    @property
    def file(self) -> str | None:
        """The name of the map file."""
        return MAP_FILES.get(self.way)


def known_names(models: Iterable[ProposedModel]) -> Callable[[str], bool]:
    """Whether a model has a class of a name, or kinds of it; where no model states its classes, any name will do."""
    lookups = [Lookup(classes) for classes in _lists(models)]
    return lambda name: not lookups or any(_has(lookup, name) for lookup in lookups)


def _has(lookup: Lookup, name: str) -> bool:
    meanings = lookup.kinds.meanings(name)
    return bool(lookup.find(name, "auto")) or bool(meanings and not meanings[0].broader)


def _lists(models: Iterable[ProposedModel]) -> list[LabelList]:
    """The classes that models state, each list once."""
    return list({model.classes.source: model.classes for model in models if model.classes.names}.values())


def with_folders_as_classes(
    models: Sequence[ProposedModel], folders: Sequence[str], empty: Sequence[str] = ()
) -> list[ProposedModel]:
    """The models, of which those that state no classes have the folders where there are as many as outputs.

    ``empty``: the folders that hold no image.
    """
    return [model if model.classes.names else _unstated(model, folders, empty) for model in models]


def _unstated(model: ProposedModel, folders: Sequence[str], empty: Sequence[str]) -> ProposedModel:
    if model.outputs == len(folders):
        note = f"its {model.outputs} outputs are the folders in sorted order, because there are as many"
        return replace(model, labels="folders", classes=class_lists.FOLDERS, guesses=(*model.guesses, note))
    if model.problem:
        return model
    step = 'write labels = "FILE", a class name per line'
    if model.outputs == len(folders) - len(empty):
        step = f"if they are the folders but for {messages.named(empty)}, move what holds no image elsewhere; or {step}"
    if model.outputs is None:
        keep = f'keep labels = "folders" if they are the {counted(len(folders), "folder")} here in sorted order'
        problem = f"nothing states what its outputs are: {keep}, or else {step}"
        return replace(model, labels="folders", classes=class_lists.FOLDERS, problem=problem)
    return replace(model, problem=f"nothing states what its {counted(model.outputs, 'output')} are: {step}")


def matched(models: Sequence[ProposedModel], folders: Sequence[str]) -> list[FolderLabels]:
    """How the folders are read, once for all models that can share it; models without classes share any."""
    by_way: dict[Way, list[ProposedModel]] = {}
    for model in models:
        if model.classes.names:
            by_way.setdefault(_way(model.classes, folders), []).append(model)
    free = tuple(model.name for model in models if not model.classes.names)
    if not by_way:
        return [FolderLabels("auto", free)]
    results = [_read(way, sharing, folders) for way, sharing in by_way.items()]
    return [replace(results[0], models=(*results[0].models, *free)), *results[1:]]


def _way(classes: LabelList, folders: Sequence[str]) -> Way:
    if _matches(folders, classes, "auto"):
        return "auto"
    if len(folders) == len(classes.names) and _matches(folders, classes, "index"):
        return "index"
    return "wnid" if classes.wnids else "name"


def _matches(folders: Sequence[str], classes: LabelList, how: Literal["auto", "index"]) -> bool:
    try:
        labels.match(folders, classes, how)
    except LabelError:
        return False
    return True


def _read(way: Way, models: Sequence[ProposedModel], folders: Sequence[str]) -> FolderLabels:
    sharing = tuple(model.name for model in models)
    if way not in MAP_FILES:
        return FolderLabels(way, sharing)
    lists = _lists(models)
    suggester = Suggester(lists)
    suggested = [suggester.suggest(folder) for folder in folders]
    empty = [each.folder for each in suggested if not any(row.value for row in each.rows)]
    unmapped = _without_class(empty, lists[0])
    doubtful = [each.folder for each in suggested if each.folder not in empty and CHECK in each.sentence]
    text = suggestions.map_file(suggested, suggester.key)
    unmapped += _missing_in(lists, [each for each in suggested if each.folder not in empty], suggester.key)
    values = [row.value for each in suggested for row in each.rows if row.value]
    right = len(values) / (len(folders) - len(empty)) if values else 1.0
    return FolderLabels(way, sharing, text, right, tuple(unmapped), tuple(doubtful))


def _without_class(folders: Sequence[str], classes: LabelList) -> list[str]:
    """A phrase on each folder, with the nearest names for as many as a message shows."""
    if len(folders) > 1 and all(map(str.isdigit, folders)):
        what = f"numbers, which are not names of classes of {classes.source}"
        step = "name the model that was trained on these folders with --models"
        return [f"{messages.named(folders, SHOWN)}: {what}: {step}"]
    lookup = Lookup(classes)
    begun = [f"{messages.spelled(folder)}: no class of {classes.source} has this name" for folder in folders]
    nearest = map(lookup.nearest, folders[:SHOWN])
    likes = [f"; {like}" if like.startswith("nearest") else ", nor one like it" for like in nearest]
    return [begin + like for begin, like in zip_longest(begun, likes, fillvalue="")]


def _missing_in(lists: Sequence[LabelList], suggested: Sequence[Suggestion], key: Key) -> list[str]:
    """Folders whose suggested classes are those of one list, and of which another list has none."""
    return [
        f"{messages.spelled(each.folder)}: {lookup.labels.source} has none of its classes"
        for lookup in map(Lookup, lists)
        for each in suggested
        if not any(lookup.find(row.value, key) for row in each.rows)
    ]
