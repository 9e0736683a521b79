"""Reads lists and maps of classes, and finds the classes of a network that are right for a folder."""

import csv
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Literal

from imgcls import messages
from imgcls.errors import ConfigError, LabelError
from imgcls.records.data import LabelList, Matching

How = Literal["auto", "wnid", "name", "index"]

Key = Literal["wnid", "name", "index"]

LabelMap = Mapping[str, Sequence[tuple[Key, str]]]
"""Folder -> the ids that are right for it, as ``(column, value)`` of the map file."""

WNID = re.compile(r"n\d{8}")

SHOWN = 5  # docs/decisions.md#names-in-a-message

IMAGENET_SUBSETS = {"imagenet-1k": "imagenet-1k", "imagenet-21k": "imagenet-21k-goog"}
"""timm's name by ours of a list; the 21 843 classes are those of Google's ImageNet-21k networks."""


def label_map(file: Path) -> dict[str, list[tuple[Any, str]]]:
    """The ids by folder of a ``.csv`` with the columns ``folder`` and ``wnid``, ``name`` or ``index``.

    Raises ConfigError, which names the line.
    """
    try:
        with file.open(newline="", encoding="utf-8-sig") as stream:
            rows = csv.DictReader(stream, strict=True)
            columns = set(rows.fieldnames or ())
            kinds = columns & {"wnid", "name", "index"}
            if "folder" not in columns or len(kinds) != 1:
                columns_found = ", ".join(rows.fieldnames or ()) or "none"
                raise ConfigError(
                    f"{file}: expected the columns folder and one of wnid, name, index, found {columns_found}"
                )
            kind = kinds.pop()
            ids: dict[str, list[tuple[Any, str]]] = {}
            for row in rows:
                folder, value = ((row[column] or "").strip() for column in ("folder", kind))
                if None in row:
                    raise ConfigError(
                        f"{file}, line {rows.line_num}: more fields than columns; quote a name with a comma"
                    )
                if not folder or not value:
                    raise ConfigError(f"{file}, line {rows.line_num}: folder or {kind} is empty")
                ids.setdefault(folder, []).append((kind, value))
            return ids
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"{file}: the map file cannot be read: {error}") from error


@cache
def imagenet(subset: str) -> LabelList:
    """One of timm's ImageNet lists: WordNet ids, and their lemmas as names; read once for all models."""
    from timm.data import ImageNetInfo

    info = ImageNetInfo(subset)
    return LabelList(subset, tuple(info.label_descriptions()), tuple(info.label_names()))


def read_label_list(file: Path) -> LabelList:
    """The classes of a text file with one name per line, in the order of the outputs. Raises LabelError."""
    try:
        names = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise LabelError(f"{file}: the label list cannot be read: {error}") from error
    if not names or not all(name.strip() for name in names):
        raise LabelError(f"{file}: a label list has one class name per line and no empty line")
    return LabelList(str(file), tuple(name.strip() for name in names))


def normalise(name: str) -> str:
    """The name without what does not distinguish names: case, ``_``, ``-`` and runs of spaces."""
    return re.sub(r"[\s_-]+", " ", name).strip().casefold()


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
        close = messages.similar(normalise(value), known)
        return "nearest: " + ", ".join(close) if close else "no name in it resembles this one"


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
        classes = [lookup.find(value, key) for key, value in ids]
        if not any(classes) or any(len(indices) > 1 for indices in classes):
            wrong[folder] = (ids, classes)
        ids_ignored += sum(not indices for indices in classes)
        accepted[folder] = frozenset().union(*classes)
    if wrong:
        problems = [_problem(folder, *wrong[folder], lookup) for folder in list(wrong)[:SHOWN]]
        more = [f"and {len(wrong) - SHOWN} more"] if len(wrong) > SHOWN else []
        raise LabelError(
            f"{len(wrong)} of {len(accepted)} folders do not match {labels.source}: {'; '.join(problems + more)}"
        )
    return Matching(accepted, ids_ignored)


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
            which = " or ".join(lookup.describe(index) for index in sorted(indices)[:SHOWN])
            return f"'{value}'{whose} may be {which}: name the folder by its WordNet id, or list it in a map file"
    key, value = ids[0]
    if len(ids) > 1 or value != folder:
        values = ", ".join(value for _, value in ids[:SHOWN])
        return f"none of the {len(ids)} ids of '{folder}' is a class of {source}: {values}"
    if key == "index":
        return f"'{folder}' is not a class of {source}: its numbers go from 0 to {len(lookup.labels.names) - 1}"
    hint = ' (a bare number is a class number only with labels = "index")' if folder.isdigit() else ""
    return f"'{folder}' is not a class of {source}{hint}; {lookup.nearest(folder)}"


def check_head(labels: LabelList, outputs: int) -> None:
    """Raise LabelError where a network has another number of outputs than its list has classes."""
    if outputs != len(labels.names):
        raise LabelError(
            f"the model has {outputs} outputs and its label list {labels.source} has {len(labels.names)} classes: "
            f"set `labels` of this model to the list it was trained with (a file with one class name per line)"
        )
