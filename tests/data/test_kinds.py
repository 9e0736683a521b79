"""imgcls.data.kinds: which classes are what a word says."""

from collections.abc import Sequence

import pytest

from imgcls.data import class_lists
from imgcls.data.kinds import Kinds
from imgcls.records.data import LabelList

CIFAR = LabelList("cifar", ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"))


@pytest.fixture(scope="module")
def thousand() -> Kinds:
    """ImageNet-1k in WordNet's hierarchy."""
    return Kinds([class_lists.stated("imagenet-1k")])


@pytest.fixture(scope="module")
def large() -> Kinds:
    """ImageNet-21k in WordNet's hierarchy."""
    return Kinds([class_lists.stated("imagenet-21k")])


def _names(kinds: Kinds, keys: Sequence[str]) -> list[str]:
    return [kinds.names[key].partition(",")[0] for key in keys]


CATS = ["tabby", "tiger cat", "Persian cat", "Siamese cat", "Egyptian cat"]


def test_a_cat_is_five_classes_of_imagenet(thousand: Kinds) -> None:
    """The domestic ones; WordNet's wildcats are left out, and named."""
    kind, other = thousand.meanings("cat")
    assert (_names(thousand, kind.classes), _names(thousand, kind.left_out)) == (CATS, ["cougar", "lynx"])
    assert (thousand.described(kind.wnid), thousand.described(other.wnid)) == ("cat (true cat)", "big cat (cat)")


@pytest.mark.parametrize(
    ("word", "count", "some"),
    [
        ("dog", 118, {"Chihuahua", "beagle", "standard poodle"}),
        ("car", 10, {"ambulance", "cab", "convertible", "sports car", "racer"}),
        ("birds", 59, {"cock", "robin", "ostrich"}),
        ("fruit", 16, {"Granny Smith", "lemon", "banana"}),
        ("truck", 8, {"fire engine", "pickup", "tow truck"}),
        ("snakes", 17, {"Indian cobra", "garter snake"}),
        ("stringed_instrument", 8, {"banjo", "cello", "acoustic guitar"}),
        ("n02084071", 118, {"beagle"}),
    ],
)
def test_everyday_words(thousand: Kinds, word: str, count: int, some: set[str]) -> None:
    """What everybody's first folders are called, in the singular and in the plural."""
    names = _names(thousand, thousand.meanings(word)[0].classes)
    assert (len(names), some - set(names)) == (count, set())


def test_a_larger_head_has_broader_classes_too(large: Kinds) -> None:
    """A head that has the class cat itself may say so, and every class between it and the breeds."""
    names = _names(large, large.meanings("cat")[0].classes)
    assert {"cat", "domestic cat", "kitty", "alley cat", "Siamese cat", "Burmese cat"} <= set(names)
    assert not {"lynx", "wildcat", "cougar", "feline"} & set(names)


def test_the_meaning_with_most_classes_comes_first(large: Kinds) -> None:
    """For WordNet a turtle is a pullover first; ImageNet has more of the animal."""
    assert [_names(large, kind.classes)[0] for kind in large.meanings("turtle")] == ["turtle", "turtleneck"]


def test_the_meaning_that_all_lists_have_comes_first(large: Kinds) -> None:
    """ImageNet-21k has mice and computer mice, ImageNet-1k only the latter."""
    both = Kinds([class_lists.stated("imagenet-1k"), class_lists.stated("imagenet-21k")])
    assert [kinds.described(kinds.meanings("mouse")[0].wnid) for kinds in (large, both)] == [
        "mouse",
        "mouse (computer mouse)",
    ]


@pytest.mark.parametrize(
    ("word", "names", "broader"),
    [
        ("car", ["automobile"], False),
        ("dog", ["dog"], False),
        ("animal", ["bird", "cat", "deer", "dog", "frog", "horse"], False),
        ("poodle", ["dog"], True),
        ("Persian_cat", ["cat"], True),
        ("pickup", ["truck"], True),
        ("banana", [], False),
        ("qqq", [], False),
    ],
)
def test_lists_without_ids_are_ordered_by_their_names(word: str, names: list[str], broader: bool) -> None:
    """A name is taken for its most frequent meaning; a word that has no class may have a broader one."""
    kinds = Kinds([CIFAR])
    classes = [(list(kind.classes), kind.broader) for kind in kinds.meanings(word)]
    assert classes == ([(names, broader)] if names else [])


def test_a_rarer_meaning_has_no_broader_class(thousand: Kinds) -> None:
    """ImageNet-1k has no bat that flies; a racket, which a bat may be in another sense, is no answer."""
    assert thousand.meanings("bat") == []


def test_where_all_are_wild_they_are_what_is_meant() -> None:
    """A head of wildcats has nothing else for a cat."""
    kinds = Kinds([LabelList("wild", ("lynx", "cougar"))])
    [kind] = kinds.meanings("cat")
    assert (kind.classes, kind.left_out) == (("lynx", "cougar"), ())
