"""Which classes of a network are what a word says, or kinds of it, by WordNet's hierarchy."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from imgcls.data import wordnet
from imgcls.data.wordnet import normalise
from imgcls.records.data import LabelList


@dataclass(frozen=True, slots=True)
class Kind:
    """The classes that one meaning of a word covers, by their keys.

    ``broader``: the meaning has no class of its own, and these are what it is a kind of. ``left_out``: classes that
    bear the word and are not meant by it.
    """

    wnid: str
    classes: tuple[str, ...]
    broader: bool = False
    left_out: tuple[str, ...] = ()


class Kinds:
    """The classes of lists, ordered by WordNet's hierarchy.

    Keys of classes are their WordNet ids, or, where a list has none, their names.
    """

    def __init__(self, lists: Sequence[LabelList]) -> None:
        self.wordnet = wordnet.table()
        self.names: dict[str, str] = {}
        self.synset_of: dict[str, str] = {}
        self._lists: defaultdict[str, set[int]] = defaultdict(set)
        below: defaultdict[str, list[str]] = defaultdict(list)
        for number, labels in enumerate(lists):
            for key, name in zip(labels.wnids or labels.names, labels.names, strict=True):
                self._lists[key].add(number)
                if key not in self.names:
                    self.names[key] = name
                    self._order(key, below)
        self.below: Mapping[str, list[str]] = below

    def _order(self, key: str, below: Mapping[str, list[str]]) -> None:
        """Put a class below everything that it is a kind of."""
        if wnid := self._synset(key):
            self.synset_of[key] = wnid
            for each in (wnid, *self.wordnet.above(wnid)):
                below[each].append(key)

    def _synset(self, key: str) -> str | None:
        """A class's own id, or the most frequent meaning of its name."""
        if key in self.wordnet.synsets:
            return key
        meanings = (wnid for name in (key, *key.split(",")) for wnid in self.wordnet.meanings(name))
        return next(meanings, None)

    def meanings(self, word: str) -> list[Kind]:
        """What a word may mean that has classes, the likeliest first.

        That is the meaning with classes in most of the lists, then the one with most classes, then the most frequent.
        Where no meaning has classes, the most frequent one may have a broader class.
        """
        meanings = [word] if word in self.wordnet.synsets else self.wordnet.meanings(word)
        kinds = [self._kind(wnid, word) for wnid in meanings if wnid in self.below]
        if not kinds:
            return [kind for wnid in meanings[:1] if (kind := self._broader(wnid))]
        return sorted(kinds, key=lambda kind: (-self._lists_with(kind), -len(self.below[kind.wnid])))

    def _lists_with(self, kind: Kind) -> int:
        return len(set().union(*(self._lists[key] for key in kind.classes)))

    def _kind(self, wnid: str, word: str) -> Kind:
        wild = self._wild(wnid, normalise(word))
        classes = tuple(key for key in self.below[wnid] if key not in wild)
        return Kind(wnid, classes, left_out=tuple(wild)) if classes else Kind(wnid, tuple(wild))

    def _wild(self, wnid: str, word: str) -> list[str]:
        """The classes of wild ones, where WordNet divides what a word means into wild and domestic ones."""
        below = {name: other for other, names in self._parts(wnid) for name in names}
        wild = below.get(f"wild {word}") or below.get(f"wild{word}")
        return self.below.get(wild, []) if wild and f"domestic {word}" in below else []

    def _parts(self, wnid: str) -> list[tuple[str, list[str]]]:
        """The synsets directly below one, with their words."""
        synsets = (synset for synset in self.wordnet.synsets.values() if wnid in synset.above)
        return [(synset.wnid, [normalise(word) for word in synset.words]) for synset in synsets]

    def _broader(self, wnid: str) -> Kind | None:
        """The class that a meaning is a kind of, the nearest where there are several."""
        keys = {synset: key for key, synset in self.synset_of.items()}
        nearest = next((keys[each] for each in self.wordnet.above(wnid) if each in keys), None)
        return Kind(wnid, (nearest,), broader=True) if nearest else None

    def described(self, wnid: str) -> str:
        """A meaning in words: ``cat (true cat)``."""
        first, *others = self.wordnet.synsets[wnid].words
        return f"{first} ({others[0]})" if others else first
