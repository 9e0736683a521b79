"""Suggests which classes are right for folders, as a map file for a person to review."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from imgcls.data.kinds import Kind, Kinds
from imgcls.data.label_map import Key
from imgcls.data.labels import ID_AND_NAME, Lookup
from imgcls.data.wordnet import WNID, normalise
from imgcls.errors import LabelError
from imgcls.messages import named
from imgcls.records.data import LabelList

CHECK = "CHECK: "
"""What the review of a row begins with where more than one answer is likely."""

MEANINGS_SHOWN = 3  # docs/decisions.md#names-in-a-message


class Row(NamedTuple):
    """One line of a map file: ``value`` is the id in the file's second column, empty where nothing was found."""

    folder: str
    value: str
    class_name: str
    review: str


class Suggestion(NamedTuple):
    """What is suggested for a folder: rows of the file, and a sentence about them."""

    folder: str
    rows: tuple[Row, ...]
    sentence: str


class Suggester:
    """Suggests classes of these lists. Raises LabelError where some have WordNet ids and others have none."""

    def __init__(self, lists: Sequence[LabelList]) -> None:
        with_ids = [labels.source for labels in lists if labels.wnids]
        without = [labels.source for labels in lists if not labels.wnids]
        if with_ids and without:
            raise LabelError(
                f"{named(with_ids)} has WordNet ids and {named(without)} has none, and a map file has one kind of id: "
                "suggest for them one after the other"
            )
        self.key: Key = "wnid" if with_ids else "name"
        self.kinds = Kinds(lists)
        self._lookups = [Lookup(labels) for labels in lists]

    def suggest(self, folder: str) -> Suggestion:
        """The classes of a folder: all that are what its name says, or kinds of it."""
        for word, remark in self._words(folder):
            meanings = self.kinds.meanings(word)
            keys = self._named(word)
            if meanings and not (keys and meanings[0].broader):
                return self._of_meanings(folder, meanings, remark)
            if keys:
                rows = tuple(self._row(folder, key, remark or "the same name") for key in keys)
                return Suggestion(folder, rows, self._counted(keys, "of this name"))
        nothing = f"{CHECK}nothing found; `imgcls labels search WORD` finds classes"
        return Suggestion(folder, (Row(folder, "", "", nothing),), "nothing found")

    def _words(self, folder: str) -> Iterable[tuple[str, str]]:
        """What to look for, with a remark where that is not the whole name."""
        parts = ID_AND_NAME.fullmatch(folder)
        if parts and WNID.fullmatch(parts[1]):
            others = self.kinds.wordnet.meanings(parts[2])
            yield parts[1], f"{CHECK}its name is another word" if others and parts[1] not in others else ""
        name = parts[2] if parts else folder
        yield name, ""
        last = normalise(name).rpartition(" ")[2]
        if last != normalise(name):
            yield last, f"{CHECK}by its last word"

    def _named(self, word: str) -> list[str]:
        """The keys of the classes of this name."""
        keys: dict[str, None] = {}
        for lookup in self._lookups:
            of_list = lookup.labels.wnids or lookup.labels.names
            keys.update(dict.fromkeys(of_list[index] for index in sorted(lookup.find(word, "auto"))))
        return list(keys)

    def _of_meanings(self, folder: str, meanings: Sequence[Kind], remark: str) -> Suggestion:
        kind, *others = meanings
        remarks = [remark] if remark else []
        if kind.left_out:
            remarks.append(f"left out as wild: {self._names(kind.left_out)}")
        if others:
            remarks.append(f"{CHECK}it may also mean {self._others(others)}")
        rows = [self._row(folder, key, self._why(key, kind)) for key in kind.classes]
        rows[0] = rows[0]._replace(review="; ".join([rows[0].review, *remarks]))
        relation = f"{CHECK}broader than" if kind.broader else "of"
        counted = self._counted(kind.classes, f"{relation} {self.kinds.described(kind.wnid)}")
        return Suggestion(folder, tuple(rows), "; ".join([counted, *remarks]))

    def _why(self, key: str, kind: Kind) -> str:
        meaning = self.kinds.described(kind.wnid)
        if kind.broader:
            return f"{CHECK}broader than {meaning}"
        return "the same" if self.kinds.synset_of[key] == kind.wnid else f"a kind of {meaning}"

    def _row(self, folder: str, key: str, review: str) -> Row:
        return Row(folder, key, self.kinds.names[key], review)

    def _others(self, others: Sequence[Kind]) -> str:
        """Other meanings, each with how to find it."""
        shown = [f"{self.kinds.described(kind.wnid)} {kind.wnid}" for kind in others]
        return named(shown, MEANINGS_SHOWN)

    def _counted(self, keys: Sequence[str], what: str) -> str:
        return f"{len(keys)} class{'' if len(keys) == 1 else 'es'} {what}: {self._names(keys)}"

    def _names(self, keys: Iterable[str]) -> str:
        return named([self.kinds.names[key].partition(",")[0] for key in keys])


def map_file(suggestions: Iterable[Suggestion], key: Key) -> str:
    """The text of a map file."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["folder", key, "class_name", "review"])
    writer.writerows(row for suggestion in suggestions for row in suggestion.rows)
    return text.getvalue()


def search(word: str, labels: LabelList) -> list[tuple[str, list[int]]]:
    """The classes of a list that a word may mean, by meaning, and those that have it in their name."""
    kinds, lookup = Kinds([labels]), Lookup(labels)
    index_of = {key: index for index, key in enumerate(labels.wnids or labels.names)}
    results = []
    for kind in kinds.meanings(word):
        relation = "broader than" if kind.broader else "kinds of"
        keys = (*kind.classes, *kind.left_out)
        results.append((f"{relation} {kinds.described(kind.wnid)} {kind.wnid}", sorted(index_of[key] for key in keys)))
    listed = {index for _, indices in results for index in indices}
    named = [i for i, name in enumerate(labels.names) if normalise(word) in normalise(name) and i not in listed]
    exact = sorted(lookup.find(word, "auto") - listed - set(named))
    return [*results, *([("by name", sorted([*named, *exact]))] if named or exact else [])]
