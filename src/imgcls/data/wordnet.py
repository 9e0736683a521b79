"""The nouns of WordNet 3.0 that ImageNet's classes are made of: their words, and what each is a kind of.

Source: WordNet 3.0, Princeton University, 2006; the file is made by ``scripts/wordnet_table.py``.
"""

import gzip
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources
from typing import NamedTuple

WNID = re.compile(r"n\d{8}")

SINGULARS = (
    ("s", ""), ("ses", "s"), ("ves", "f"), ("ves", "fe"), ("xes", "x"), ("zes", "z"), ("ches", "ch"), ("shes", "sh"),
    ("men", "man"), ("ies", "y"),
)  # fmt: skip
"""Endings of plurals, and what they become: the rules of WordNet's ``morphy`` for nouns."""


class Synset(NamedTuple):
    """One meaning: its WordNet id, the words for it, and the ids of what it is a kind of."""

    wnid: str
    words: tuple[str, ...]
    above: tuple[str, ...]


_BETWEEN_WORDS = re.compile(r"[\s_-]+")


def normalise(name: str) -> str:
    """The name without what does not distinguish names: case, ``_``, ``-``, spaces, a last dot, composition."""
    return _BETWEEN_WORDS.sub(" ", unicodedata.normalize("NFC", name.casefold())).strip().rstrip(". ")


class WordNet:
    """Synsets by id, and ids by word."""

    def __init__(self, lines: Iterator[str]) -> None:
        self.synsets: dict[str, Synset] = {}
        self._plurals: dict[str, str] = {}
        ranked: defaultdict[str, list[tuple[int, str]]] = defaultdict(list)
        for line in lines:
            first, *fields = line.split()
            if not fields[1:]:
                self._plurals[normalise(first)] = normalise(fields[0])
                continue
            words = [word.partition("=") for word in fields[1].split(",")]
            above = () if fields[0] == "-" else tuple(fields[0].split(","))
            self.synsets[first] = Synset(first, tuple(word.replace("_", " ") for word, _, _ in words), above)
            for word, _, rank in words:
                ranked[normalise(word)].append((int(rank or 1), first))
        self._meanings: Mapping[str, list[str]] = {
            word: [wnid for _, wnid in sorted(meanings)] for word, meanings in ranked.items()
        }

    def meanings(self, word: str) -> list[str]:
        """The ids of what a word, or the singular of it, may mean, the most frequent first; empty where unknown."""
        return next((self._meanings[form] for form in self._forms(normalise(word)) if form in self._meanings), [])

    def _forms(self, word: str) -> Iterator[str]:
        yield word
        if word in self._plurals:
            yield self._plurals[word]
        for ending, single in SINGULARS:
            if word.endswith(ending):
                yield word.removesuffix(ending) + single

    def above(self, wnid: str) -> list[str]:
        """The ids of everything that a synset is a kind of, the nearest first; itself is not among them."""
        above = dict.fromkeys(self.synsets[wnid].above)
        todo = list(above)
        for each in todo:
            new = [parent for parent in self.synsets[each].above if parent not in above]
            above.update(dict.fromkeys(new))
            todo += new
        return todo


@cache
def table() -> WordNet:
    """The table of this package; read once."""
    data = (resources.files("imgcls") / "builtin" / "wordnet.txt.gz").read_bytes()
    lines = gzip.decompress(data).decode().splitlines()
    return WordNet(line for line in lines if not line.startswith("#"))
