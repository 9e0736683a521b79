"""Finds the classes of a network that are right for a folder."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property, lru_cache
from typing import Literal

from imgcls import messages
from imgcls.data.kinds import Kinds
from imgcls.data.label_map import Key, LabelMap
from imgcls.data.wordnet import WNID, normalise
from imgcls.errors import LabelError
from imgcls.records.config import ModelSpec
from imgcls.records.data import LabelList, Matching

How = Literal["auto", "wnid", "name", "index"]

ID_AND_NAME = re.compile(r"(n\d{8}|[0-9]+)[-_.\s]+(\S*[^\W\d_].*)")
"""Folders such as ``n02085620-Chihuahua``, ``000_Abyssinian`` and ``001.Black_footed_Albatross``."""

SHOWN = 5  # docs/decisions.md#names-in-a-message

NUMBERS = 'where numbers are those of classes, set labels = "index" of the dataset'
"""What the message adds, once, where folders are called like numbers."""

KINDS_SHOWN = 3  # docs/decisions.md#names-in-a-message


class Lookup:
    """Finds the classes of a list by WordNet id, by name and by each lemma of a name."""

    def __init__(self, labels: LabelList) -> None:
        self.labels = labels
        self.by_wnid = {wnid: index for index, wnid in enumerate(labels.wnids or ())}
        by_name: defaultdict[str, set[int]] = defaultdict(set)
        for index, name in enumerate(labels.names):
            for spelling in (name, *name.split(",")):
                by_name[normalise(spelling)].add(index)
        self.by_name: Mapping[str, set[int]] = by_name

    @cached_property
    def kinds(self) -> Kinds:
        """The list in WordNet's hierarchy."""
        return Kinds([self.labels])

    def find(self, value: str, how: How) -> set[int]:
        """Every class index that ``value`` may mean; empty where the list has none, or where its parts disagree."""
        classes = self._find_whole(value, how)
        parts = ID_AND_NAME.fullmatch(value)
        return self._find_parts(parts[1], parts[2], how) if parts and not classes else classes

    def _find_whole(self, value: str, how: How) -> set[int]:
        if how == "index":
            return self._numbered(value)
        if how == "wnid" or (how == "auto" and value in self.by_wnid):
            return {self.by_wnid[value]} if value in self.by_wnid else set()
        return self.named(value)

    def _find_parts(self, identity: str, name: str, how: How) -> set[int]:
        """What an id or a number and a name mean together: the id, unless the name is another class's.

        Without the request for numbers, a number, from 0 or from 1, only confirms what the name says.
        """
        named = self.named(name)
        if how == "name":
            return named
        if WNID.fullmatch(identity):
            if how == "auto" and not self.by_wnid:
                return named
            classes = self._find_whole(identity, "wnid") if how != "index" else set()
            return classes if classes <= named or not named else set()
        if how == "index":
            classes = self._numbered(identity)
            return classes if classes <= named or not named else set()
        return named & {int(identity), int(identity) - 1} if how == "auto" else set()

    def _numbered(self, value: str) -> set[int]:
        known = value.isascii() and value.isdigit() and int(value) < len(self.labels.names)
        return {int(value)} if known else set()

    def named(self, name: str) -> set[int]:
        """The classes of this name."""
        return set(self.by_name.get(normalise(name), ()))

    def describe(self, index: int) -> str:
        """A class as a person would look it up: ``134 n02012849 crane``."""
        wnid = f" {self.labels.wnids[index]}" if self.labels.wnids else ""
        return f"{index}{wnid} {self.labels.names[index]}"

    def nearest(self, value: str) -> str:
        """The known names most like ``value``, for a message."""
        known: Iterable[str] = self.by_wnid if self.by_wnid and WNID.fullmatch(value) else self.by_name
        close = messages.similar(normalise(value), known)
        return "nearest: " + ", ".join(close) if close else "no name in it resembles this one"

    def kinds_of(self, word: str) -> str | None:
        """Which classes are kinds of what a word says, for a message; None where WordNet does not have the word."""
        if not self.kinds.wordnet.meanings(word):
            return None
        meanings = self.kinds.meanings(word)
        if not meanings or meanings[0].broader:
            return f"no class is a kind of '{word}'"
        names = [self.kinds.names[key].partition(",")[0] for key in meanings[0].classes]
        kinds = "is a kind" if len(names) == 1 else "are kinds"
        return f"{messages.named(names, KINDS_SHOWN)} {kinds} of '{word}'"


@lru_cache(maxsize=4)  # models of one run have one list, or few
def _lookup(labels: LabelList) -> Lookup:
    return Lookup(labels)


def match(folders: Iterable[str], labels: LabelList, how: How | LabelMap, way: str = "") -> Matching:
    """The class indices that are right for each folder.

    Raises LabelError, naming the folders and the nearest candidates, where a folder matches no class of the list, or
    several by accident; ``way``: the end of that message, on what to do.
    """
    lookup = _lookup(labels)
    names = sorted(set(folders))
    ids_of: Mapping[str, Sequence[tuple[How, str]]]
    ids_of = {name: [(how, name)] for name in names} if isinstance(how, str) else _mapped(names, how)
    accepted: dict[str, frozenset[int]] = {}
    wrong: dict[str, Sequence[set[int]]] = {}
    ids_ignored = 0
    for folder in names:
        classes = [lookup.find(value, key) for key, value in ids_of[folder]]
        if not any(classes) or any(len(indices) > 1 for indices in classes):
            wrong[folder] = classes
        ids_ignored += sum(not indices for indices in classes)
        accepted[folder] = frozenset().union(*classes)
    if wrong:
        problems = [_problem(folder, ids_of[folder], wrong[folder], lookup) for folder in list(wrong)[:SHOWN]]
        more = [f"and {len(wrong) - SHOWN} more"] if len(wrong) > SHOWN else []
        ways = [NUMBERS] if any(_is_unread_number(name, ids_of[name]) for name in wrong) else []
        if way and not all(map(str.isdigit, wrong)):  # of a bare number nothing can be suggested
            ways.append(way)
        verb = "does" if len(wrong) == 1 else "do"
        counts = f"{len(wrong)} of {messages.counted(len(accepted), 'folder')} {verb} not match {labels.source}"
        raise LabelError(f"{counts}: {'; '.join([*problems, *more, *ways])}")
    return Matching(accepted, ids_ignored)


def _mapped(folders: Sequence[str], label_map: LabelMap) -> dict[str, Sequence[tuple[Key, str]]]:
    """The ids of each folder; a row with blanks around its folder is for the folder with these, or else without."""
    exact = {_composed(folder) for folder in folders}
    rows: defaultdict[str, list[tuple[Key, str]]] = defaultdict(list)
    for folder, ids in label_map.items():
        name = _composed(folder)
        rows[name if name in exact else name.strip()] += ids
    return {folder: rows[_composed(folder)] for folder in folders}


def _composed(name: str) -> str:
    """The name as most systems write it; macOS decomposes letters in names of files."""
    return unicodedata.normalize("NFC", name)


def _problem(folder: str, ids: Sequence[tuple[How, str]], classes: Sequence[set[int]], lookup: Lookup) -> str:
    """Why no class, or more than one, is right for a folder, and what to do.

    ``classes``: the indices that each of the ids may mean.
    """
    source = lookup.labels.source
    if not ids:
        return f"'{folder}' is not in the map file"
    for (_, value), indices in zip(ids, classes, strict=True):
        if len(indices) > 1:
            whose = "" if value == folder else f" of '{folder}'"
            return (
                f"'{value}'{whose} may be {_listed(indices, lookup)}: "
                "name the folder by its WordNet id, or list it in a map file"
            )
    key, value = ids[0]
    if len(ids) > 1 or value != folder:
        values = ", ".join(value for _, value in ids[:SHOWN])
        return f"none of the {messages.counted(len(ids), 'id')} of '{folder}' is a class of {source}: {values}"
    return _disagreement(folder, lookup) or _unknown(folder, key, lookup)


def _listed(indices: Iterable[int], lookup: Lookup) -> str:
    return " or ".join(lookup.describe(index) for index in sorted(indices)[:SHOWN])


def _disagreement(folder: str, lookup: Lookup) -> str | None:
    """Why an id and a name that are each known are no class together; None where it is not that."""
    parts = ID_AND_NAME.fullmatch(folder)
    named = lookup.named(parts[2]) if parts else set()
    if not parts or not named:
        return None
    identity = parts[1]
    if WNID.fullmatch(identity):
        whose = lookup.describe(lookup.by_wnid[identity]) if identity in lookup.by_wnid else "not a class of it"
    else:
        numbered = lookup.find(identity, "index")
        whose = lookup.describe(min(numbered)) if numbered else "not the number of a class"
    return (
        f"'{folder}' contradicts itself: {identity} is {whose}, and '{parts[2]}' is {_listed(named, lookup)}; "
        'rename it, or set labels = "name" to go by the name'
    )


def _unknown(folder: str, how: How, lookup: Lookup) -> str:
    source, parts = lookup.labels.source, ID_AND_NAME.fullmatch(folder)
    if how == "index":
        return f"'{folder}' is not a class of {source}: its numbers go from 0 to {len(lookup.labels.names) - 1}"
    if folder.isdigit():
        return f"'{folder}' is not a class of {source}"
    word = parts[2] if parts and how != "wnid" else folder
    kinds = lookup.kinds_of(word) if how != "wnid" else None
    return f"'{folder}' is not a class of {source}; {kinds or lookup.nearest(word)}"


def _is_unread_number(folder: str, ids: Sequence[tuple[How, str]]) -> bool:
    """Whether a folder begins with a number that may be its class, and that is not read as one."""
    parts = ID_AND_NAME.fullmatch(folder)
    numbered = folder.isdigit() or (parts is not None and not WNID.fullmatch(parts[1]))
    return numbered and bool(ids) and ids[0] in {("auto", folder), ("name", folder), ("wnid", folder)}


def check_head(labels: LabelList, outputs: int, folders: Sequence[str] = ()) -> None:
    """Raise LabelError where a network has another number of outputs than its list has classes.

    ``folders``: those that it is scored on, which may be what its outputs are.
    """
    if outputs != len(labels.names):
        raise LabelError(
            f"the model has {messages.counted(outputs, 'output')} and its label list {labels.source} has "
            f"{messages.counted(len(labels.names), 'class')}: "
            f"set `labels` of this model to the list it was trained with (a file with one class name per line)"
            f"{_or_folders(outputs, folders)}"
        )


def unstated(spec: ModelSpec, outputs: int, folders: Sequence[str]) -> LabelError:
    """The error where nothing states what the outputs of a network are."""
    return LabelError(
        f"[models.{spec.name}] nothing states what the {messages.counted(outputs, 'output')} of {spec.arch} are: "
        f"set `labels` to the list it was trained with (a file with one class name per line)"
        f"{_or_folders(outputs, folders)}"
    )


def _or_folders(outputs: int, folders: Sequence[str]) -> str:
    if outputs != len(folders):
        return ""
    named = messages.named(sorted(folders), SHOWN)
    return f'; or, where it was trained on the {outputs} folders {named}, set it to "folders"'
