"""Derives src/imgcls/builtin/wordnet.txt.gz: the hypernyms and words of ImageNet's classes, from WordNet 3.0.

    apt-get download wordnet-base && dpkg-deb -x wordnet-base_*.deb wordnet
    python scripts/wordnet_table.py wordnet/usr/share/wordnet

The formats are those of the manual pages ``wndb(5WN)`` and ``morphy(7WN)``. ImageNet's ids are ``n`` and the byte
offset of a synset in ``data.noun``.
"""

from __future__ import annotations

import argparse
import gzip
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

TABLE = Path(__file__).parents[1] / "src" / "imgcls" / "builtin" / "wordnet.txt.gz"

HEAD = """\
# Nouns of WordNet 3.0, Copyright 2006 by Princeton University. All rights reserved. Licence: wordnet-LICENSE.txt
# The classes of ImageNet-1k and ImageNet-21k and everything above them: id, ids above it, words.
# word=2 where the word is that synset's second meaning among these. At the end: irregular plural, singular.
"""

HYPERNYMS = ("@", "@i")


class Synset(NamedTuple):
    """One meaning: its words, and the offsets of what it is a kind or an instance of."""

    words: tuple[str, ...]
    above: tuple[str, ...]


def synsets(data: bytes) -> dict[str, Synset]:
    """The synsets of ``data.noun`` by their offsets of eight digits. Raises ValueError where an offset is wrong."""
    found: dict[str, Synset] = {}
    position = 0
    for line in data.splitlines(keepends=True):
        if not line.startswith(b"  "):  # of the licence, which stands first
            offset, *fields = line.decode().partition(" | ")[0].split()
            if int(offset) != position:
                raise ValueError(f"data.noun: synset {offset} stands at byte {position}")
            found[offset] = _synset(fields)
        position += len(line)
    return found


def _synset(fields: list[str]) -> Synset:
    """From ``lex_filenum ss_type w_cnt word lex_id … p_cnt symbol offset pos source/target …``, w_cnt hexadecimal."""
    end = 3 + 2 * int(fields[2], 16)
    pointers = fields[end + 1 : end + 1 + 4 * int(fields[end])]
    above = (pointers[at + 1] for at in range(0, len(pointers), 4) if pointers[at] in HYPERNYMS)
    return Synset(tuple(fields[3:end:2]), tuple(above))


def meanings(index: str) -> dict[str, list[str]]:
    """The offsets of each word of ``index.noun``, the most frequent meaning first."""
    lines = (line.split() for line in index.splitlines() if not line.startswith("  "))
    return {fields[0]: fields[-int(fields[2]) :] for fields in lines}


def with_all_above(offsets: Iterable[str], nouns: Mapping[str, Synset]) -> dict[str, Synset]:
    """These synsets and those on every way from them to the root, in the order of their offsets."""
    needed: set[str] = set()
    todo = list(offsets)
    while todo:
        offset = todo.pop()
        if offset not in needed:
            needed.add(offset)
            todo += nouns[offset].above
    return {offset: nouns[offset] for offset in sorted(needed)}


def table(nouns: Mapping[str, Synset], order: Mapping[str, list[str]], plurals: str) -> str:
    """The text of the table; ``plurals``: the text of ``noun.exc``."""
    uses = Counter(word.lower() for synset in nouns.values() for word in synset.words)

    def written(word: str, offset: str) -> str:
        if uses[word.lower()] == 1:
            return word
        rank = [other for other in order[word.lower()] if other in nouns].index(offset) + 1
        return word if rank == 1 else f"{word}={rank}"

    rows = [
        f"n{offset} {','.join(f'n{above}' for above in synset.above) or '-'} "
        f"{','.join(written(word, offset) for word in synset.words)}\n"
        for offset, synset in nouns.items()
    ]
    pairs = (line.split()[:2] for line in plurals.splitlines())
    irregular = [f"{plural} {single}\n" for plural, single in pairs if single in uses and plural not in uses]
    return HEAD + "".join(rows) + "".join(irregular)


def classes() -> set[str]:
    """The offsets of the classes of ImageNet-1k and ImageNet-21k, as timm lists them."""
    from timm.data import ImageNetInfo

    return {wnid[1:] for subset in ("imagenet-1k", "imagenet-21k-goog") for wnid in ImageNetInfo(subset).label_names()}


def main() -> None:
    parser = argparse.ArgumentParser(description="Derive the table of hypernyms from WordNet 3.0.")
    parser.add_argument("wordnet", type=Path, help="the folder that holds data.noun, index.noun and noun.exc")
    folder = parser.parse_args().wordnet
    nouns = with_all_above(classes(), synsets((folder / "data.noun").read_bytes()))
    text = table(nouns, meanings((folder / "index.noun").read_text()), (folder / "noun.exc").read_text())
    TABLE.write_bytes(gzip.compress(text.encode(), mtime=0))
    print(f"{TABLE}: {len(nouns)} synsets, {TABLE.stat().st_size} bytes")


if __name__ == "__main__":
    main()
