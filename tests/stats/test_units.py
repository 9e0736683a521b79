"""imgcls.stats.units: an image counts once however often it is listed, and so does a group of images."""

import random
from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from imgcls import messages
from imgcls.records.evaluation import Scores, Units
from imgcls.stats import units

IMAGES = st.lists(st.tuples(st.sampled_from("abcdefgh"), st.sampled_from(["cat", "dog"])), min_size=1, max_size=12)
GROUPS = st.dictionaries(st.sampled_from("abcdefgh"), st.sampled_from(["x", "y"]))


def _chosen(images: Sequence[units.ImageKey], groups: dict[str, str], *, by_label: bool = False) -> set[object]:
    return {images[place] for place in units.drawn(images, groups, by_label=by_label)}


def test_images_of_their_own_all_count() -> None:
    """Without copies and groups nothing is left out, and the order stays."""
    images = [(name, "cat") for name in "abc"]
    assert units.drawn(images, {}) == [0, 1, 2]
    assert units.drawn(images, {"a": "x", "b": "y"}) == [0, 1, 2]
    assert units.drawn([], {}) == []


def test_a_copy_does_not_count_again() -> None:
    """Of equal bytes the first place counts, also where they have two labels: then one of these is drawn."""
    assert units.drawn([("a", "cat"), ("b", "cat"), ("a", "cat")], {}) == [0, 1]
    assert len(units.drawn([("a", "cat"), ("a", "dog")], {})) == 1
    assert units.drawn([("a", "cat"), ("a", "dog")], {}, by_label=True) == [0, 1]


def test_a_group_has_one_vote() -> None:
    """And one for each of its labels where labels are counted apart."""
    images = [("a", "cat"), ("b", "cat"), ("c", "dog"), ("d", "dog")]
    groups = {"a": "x", "b": "x", "c": "x"}
    assert len(_chosen(images, groups)) == 2
    assert len(_chosen(images, groups, by_label=True)) == 3


@given(IMAGES, GROUPS, st.randoms(use_true_random=False), st.booleans())
def test_copies_and_their_order_change_nothing(
    images: list[units.ImageKey], groups: dict[str, str], rng: random.Random, by_label: bool
) -> None:
    """However often each image is listed, and wherever, the same images count."""
    copied = [image for image in images for _ in range(rng.randint(1, 4))]
    rng.shuffle(copied)
    assert _chosen(copied, groups, by_label=by_label) == _chosen(images, groups, by_label=by_label)


def test_every_image_of_a_group_is_drawn_equally_often() -> None:
    """Of 4000 groups of four; the draw knows only the bytes, so that their order in the list does not matter."""
    images = [(f"{group}/{number}", "cat") for group in range(4000) for number in range(4)]
    groups = {sha256: sha256.partition("/")[0] for sha256, _ in images}
    counts = Counter(place % 4 for place in units.drawn(images, groups))
    assert sum(counts.values()) == 4000
    assert chisquare([counts[number] for number in range(4)]).pvalue > 0.01


def test_groups_that_share_an_image_are_one() -> None:
    """Through any number of others, by the name that comes first; an image without a group is not in the result."""
    assert units.merged([]) == {}
    pairs = [("a", "y"), ("b", "y"), ("b", "z"), ("c", "z"), ("c", "x"), ("d", "w")]
    assert units.merged(pairs) == {"a": "x", "b": "x", "c": "x", "d": "w"}
    assert units.merged(reversed(pairs)) == units.merged(pairs)


def test_an_image_may_be_called_like_a_group() -> None:
    """Hashes and names of groups are told apart."""
    assert units.merged([("x", "x"), ("y", "z")]) == {"x": "x", "y": "z"}
    assert units.drawn([("x", "cat"), ("y", "cat")], {"y": "x"}) == [0, 1]


@pytest.mark.parametrize(
    ("scored", "distinct", "n", "total", "counted"),
    [
        (1000, 1000, None, "1000", "1000 images"),
        (1000, 50, 50, "50 distinct of 1000", "50 distinct images"),
        (412, 400, 37, "37 groups of 412", "37 groups"),
        (20, 1, 1, "1 distinct of 20", "1 distinct image"),
        (20, 20, 1, "1 group of 20", "1 group"),
        (1, 1, None, "1", "1 image"),
    ],
)
def test_units_are_called_what_they_are(scored: int, distinct: int, n: int | None, total: str, counted: str) -> None:
    """Images, distinct images or groups, in singular and plural."""
    scores = Scores("net", "photos", scored=scored, distinct=distinct, units=None if n is None else Units(n, n, n))
    assert units.total(scores) == total
    assert messages.counted(scores.counted.scored, units.kind(scores)) == counted


def test_compared_groups_are_named_with_their_images() -> None:
    """Without groups it is a number of images."""
    assert units.total_compared(1000, None) == "1000"
    assert units.total_compared(37, 412) == "37 groups of 412"
    assert units.total_compared(1, 5) == "1 group of 5"
