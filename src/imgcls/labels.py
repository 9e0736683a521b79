"""Which classes of a network count as right for a folder: pure, given the lists."""

import difflib
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from imgcls.errors import LabelError
from imgcls.records import LabelList, Matching

How = Literal["auto", "wnid", "name", "index"]
Key = Literal["wnid", "name", "index"]
LabelMap = Mapping[str, Sequence[tuple[Key, str]]]
"""Folder -> the ids that are right for it, as ``(column, value)`` of the map file."""

WNID = re.compile(r"n\d{8}")
SHOWN = 5


def normalise(name: str) -> str:
    """Case, ``_``, ``-`` and runs of spaces do not tell names apart."""
    return re.sub(r"[\s_-]+", " ", name).strip().casefold()


class Lookup:
    """Finds the classes of one list by WordNet id, by name and by each lemma of a name."""

    def __init__(self, labels: LabelList) -> None:
        self.labels = labels
        self.by_wnid = {wnid: index for index, wnid in enumerate(labels.wnids or ())}
        by_name: defaultdict[str, set[int]] = defaultdict(set)
        for index, name in enumerate(labels.names):
            for spelling in (name, *name.split(",")):
                by_name[normalise(spelling)].add(index)
        self.by_name: Mapping[str, set[int]] = by_name

    def find(self, value: str, how: How) -> set[int]:
        """Every class index that ``value`` may mean; empty where the list has none."""
        if how == "index":
            known = value.isascii() and value.isdigit() and int(value) < len(self.labels.names)
            return {int(value)} if known else set()
        if how == "wnid" or (how == "auto" and value in self.by_wnid):
            return {self.by_wnid[value]} if value in self.by_wnid else set()
        return set(self.by_name.get(normalise(value), ()))

    def describe(self, index: int) -> str:
        """A class as a person would look it up: ``134 n02012849 crane``."""
        wnid = f" {self.labels.wnids[index]}" if self.labels.wnids else ""
        return f"{index}{wnid} {self.labels.names[index]}"

    def nearest(self, value: str) -> str:
        """The known names most like ``value``, for a message."""
        known: Iterable[str] = self.by_wnid if self.by_wnid and WNID.fullmatch(value) else self.by_name
        close = difflib.get_close_matches(normalise(value), list(known), n=3, cutoff=0.5)
        return "nearest: " + ", ".join(close) if close else "nothing in it is like this"


def match(folders: Iterable[str], labels: LabelList, how: How | LabelMap) -> Matching:
    """The class indices that are right for each folder.

    Raises LabelError, naming the folders and the nearest candidates, where a folder matches no class
    of the list, or several by accident.
    """
    lookup = Lookup(labels)
    accepted: dict[str, frozenset[int]] = {}
    wrong: dict[str, tuple[Sequence[tuple[How, str]], Sequence[set[int]]]] = {}
    ids_ignored = 0
    for folder in sorted(set(folders)):
        ids: Sequence[tuple[How, str]] = [(how, folder)] if isinstance(how, str) else how.get(folder, ())
        found = [lookup.find(value, key) for key, value in ids]
        if not any(found) or any(len(indices) > 1 for indices in found):
            wrong[folder] = (ids, found)
        ids_ignored += sum(not indices for indices in found)
        accepted[folder] = frozenset().union(*found)
    if wrong:
        problems = [_problem(folder, *wrong[folder], lookup) for folder in list(wrong)[:SHOWN]]
        more = [f"and {len(wrong) - SHOWN} more"] if len(wrong) > SHOWN else []
        raise LabelError(
            f"{len(wrong)} of {len(accepted)} folders do not meet {labels.source}: {'; '.join(problems + more)}"
        )
    return Matching(accepted, ids_ignored)


def _problem(folder: str, ids: Sequence[tuple[How, str]], found: Sequence[set[int]], lookup: Lookup) -> str:
    """Why no class, or more than one, is right for a folder, and what to do."""
    source = lookup.labels.source
    if not ids:
        return f"'{folder}' is not in the map file"
    for (_, value), indices in zip(ids, found, strict=True):
        if len(indices) > 1:
            whose = "" if value == folder else f" of '{folder}'"
            which = " or ".join(lookup.describe(index) for index in sorted(indices)[:SHOWN])
            return f"'{value}'{whose} may be {which}: name the folder by its WordNet id, or list it in a map file"
    key, value = ids[0]
    if len(ids) > 1 or value != folder:
        values = ", ".join(value for _, value in ids[:SHOWN])
        return f"none of the {len(ids)} ids of '{folder}' is a class of {source}: {values}"
    if key == "index":
        return f"'{folder}' is no class of {source}: its numbers go from 0 to {len(lookup.labels.names) - 1}"
    hint = ' (a bare number is a class number only with labels = "index")' if folder.isdigit() else ""
    return f"'{folder}' is no class of {source}{hint}; {lookup.nearest(folder)}"


def check_head(labels: LabelList, outputs: int) -> None:
    """Refuse a head whose size is not that of its list. Raises LabelError."""
    if outputs != len(labels.names):
        raise LabelError(
            f"the model has {outputs} outputs and its label list {labels.source} has {len(labels.names)} classes: "
            f"set `labels` of this model to the list it was trained with (a file with one class name per line)"
        )
