"""imgcls.data.wordnet, and the script that derives its table: what ImageNet's classes are kinds of."""

from importlib import resources
from itertools import accumulate

import pytest

import wordnet_table
from imgcls.data import class_lists, wordnet
from imgcls.data.wordnet import WordNet

LICENCE = "  1 This software and database is being provided to you  \n"
SYNSETS = {
    "animal": "{animal} 03 n 01 animal 0 001 ~ {cat} n 0000 | it moves  \n",
    "cat": "{cat} 05 n 02 cat 0 true_cat 0 002 @ {animal} n 0000 ~ {tom} n 0000 | furry  \n",
    "tom": "{tom} 05 n 01 Tom 0 001 @i {cat} n 0000 | one of them  \n",
    "crane": "{crane} 06 n 01 cat 1 001 @ {animal} n 0000 | a crane | with a bar  \n",
}


def _data_and_offsets() -> tuple[str, dict[str, str]]:
    """A ``data.noun`` of four synsets, and the byte offset of each."""
    widths = {name: len(line.format(**dict.fromkeys(SYNSETS, "0" * 8))) for name, line in SYNSETS.items()}
    starts = accumulate([len(LICENCE), *widths.values()])
    offsets = {name: f"{start:08}" for name, start in zip(SYNSETS, starts, strict=False)}
    return LICENCE + "".join(SYNSETS.values()).format(**offsets), offsets


def test_the_table_holds_every_class_of_imagenet() -> None:
    """Every class of both lists is in it, and every way up ends at the one root."""
    nouns = wordnet.table()
    wnids = {wnid for name in ("imagenet-1k", "imagenet-21k") for wnid in class_lists.stated(name).wnids or ()}
    assert len(wnids) == 21_844
    assert wnids <= nouns.synsets.keys()
    assert {wnid for wnid, synset in nouns.synsets.items() if not synset.above} == {"n00001740"}
    assert all(above in nouns.synsets for synset in nouns.synsets.values() for above in synset.above)


def test_the_table_is_small_and_has_its_licence() -> None:
    """It is below 400 KB, and Princeton's notice stands next to it and in it."""
    folder = resources.files("imgcls") / "builtin"
    assert len((folder / "wordnet.txt.gz").read_bytes()) < 400_000
    licence = (folder / "wordnet-LICENSE.txt").read_text()
    for part in ("This software and database is being provided", "WordNet 3.0 Copyright 2006 by Princeton University"):
        assert part in licence
    assert "Copyright 2006 by Princeton University" in wordnet_table.HEAD


@pytest.mark.parametrize(
    ("word", "wnid"),
    [
        ("cat", "n02121620"), ("dog", "n02084071"), ("car", "n02958343"), ("automobile", "n02958343"),
        ("bird", "n01503061"), ("fruit", "n13134947"), ("Golden-Retriever", "n02099601"), ("fire_truck", "n03345487"),
        ("Cats", "n02121620"), ("foxes", "n02118333"), ("buses", "n02924116"), ("butterflies", "n02274259"),
        ("wolves", "n02114100"), ("mice", "n02330245"), ("geese", "n01855672"), ("n02121620", None), ("qqq", None),
    ],
)  # fmt: skip
def test_words_and_their_plurals(word: str, wnid: str | None) -> None:
    """The most frequent meaning comes first; case, ``_``, ``-`` and regular and irregular plurals do not matter."""
    assert next(iter(wordnet.table().meanings(word)), None) == wnid


def test_everything_above_comes_nearest_first() -> None:
    """A tabby is a domestic cat, that a cat and a domestic animal, and in the end an entity."""
    nouns = wordnet.table()
    words = [nouns.synsets[wnid].words[0] for wnid in nouns.above("n02123045")]
    assert (words[:4], words[-1], len(words)) == (
        ["domestic cat", "cat", "domestic animal", "feline"],
        "entity",
        len(set(words)),
    )


def test_names_are_compared_composed_and_without_case() -> None:
    """Letters of one and of two code points are alike, as are ß and ss, blanks, ``_`` and ``-``."""
    spellings = ("Käse-Straße", "KA\u0308SE_STRASSE", " käse  strasse")
    assert {wordnet.normalise(name) for name in spellings} == {"käse strasse"}


# The script.


def test_the_script_derives_the_table() -> None:
    """Synsets by their byte offsets, hypernyms of both kinds, ranks of words with several meanings, odd plurals."""
    data, at = _data_and_offsets()
    index = f"{LICENCE}animal n 1 1 ~ 1 1 {at['animal']}  \ncat n 2 1 @ 2 1 {at['crane']} {at['cat']}  \n"
    needed = wordnet_table.with_all_above([at["tom"], at["crane"]], wordnet_table.synsets(data.encode()))
    text = wordnet_table.table(needed, wordnet_table.meanings(index), "toms tom\nkine cow\n")
    rows = text.removeprefix(wordnet_table.HEAD).splitlines()
    assert rows == [
        f"n{at['animal']} - animal",
        f"n{at['cat']} n{at['animal']} cat=2,true_cat",
        f"n{at['tom']} n{at['cat']} Tom",
        f"n{at['crane']} n{at['animal']} cat",
        "toms tom",
    ]
    read = WordNet(iter(rows))
    assert (read.meanings("CAT"), read.meanings("toms")) == ([f"n{at['crane']}", f"n{at['cat']}"], [f"n{at['tom']}"])
    assert read.above(f"n{at['tom']}") == [f"n{at['cat']}", f"n{at['animal']}"]


def test_the_script_refuses_another_file() -> None:
    """Ids are byte offsets, so that a file whose offsets do not hold has other ids."""
    data, at = _data_and_offsets()
    with pytest.raises(ValueError, match=rf"data\.noun: synset {at['animal']} stands at byte {len(LICENCE) + 1}"):
        wordnet_table.synsets(data.replace("you", "you!").encode())


def test_the_script_asks_for_imagenets_classes() -> None:
    """The 21,843 and the one that only the thousand have."""
    assert len(wordnet_table.classes()) == 21_844
