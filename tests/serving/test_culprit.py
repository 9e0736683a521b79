"""The search names the fewest variants that leave nothing."""

from collections.abc import Sequence

from imgcls.serving.culprit import Search
from imgcls.serving.steps import Steps
from imgcls.serving.variants import Variant
from serving_models import network, reference

ROWS = [
    Variant("preprocessing", "one", "", {"order": "BGR"}),
    Variant("preprocessing", "two", "", {"normalised": 2}),
    Variant("preprocessing", "three", "", {"start": "down"}),
]


class Planted:
    """A difference for each set of changed fields; others are 1."""

    def __init__(self, left: dict[frozenset[str], float]) -> None:
        self.left = left

    def residual(self, steps: Steps, images: Sequence[int]) -> float:  # noqa: ARG002 - of the protocol
        usual = reference(network())
        names = (name for name in ("order", "normalised", "start") if getattr(steps, name) != getattr(usual, name))
        return self.left.get(frozenset(names), 1.0)

    def is_same(self, steps: Steps, images: Sequence[int]) -> bool:
        return self.residual(steps, images) < 0.01


def _search(left: dict[frozenset[str], float]) -> Search:
    return Search(Planted(left), reference(network()), [0], ROWS)


def test_one_that_leaves_nothing_is_enough() -> None:
    """Others are not added to it."""
    search = _search({frozenset({"order"}): 0.0, frozenset({"order", "start"}): 0.0})
    assert [row.name for row in search.best()] == ["one"]


def test_two_that_explain_nothing_without_each_other_are_found() -> None:
    """By all pairs."""
    search = _search({frozenset({"normalised", "start"}): 0.0})
    assert {row.name for row in search.best()} == {"two", "three"}


def test_one_that_takes_little_away_is_not_named() -> None:
    """Nothing is, where nothing takes a quarter of the difference away."""
    assert _search({frozenset({"order"}): 0.8}).best() == ()


def test_one_more_is_named_only_for_a_part_of_what_is_left() -> None:
    """Not for what would fit to noise."""
    search = _search({frozenset({"order"}): 0.1, frozenset({"order", "start"}): 0.09})
    assert [row.name for row in search.best()] == ["one"]


def test_shares_are_what_each_explains_next_to_the_others() -> None:
    """1 less what is left, for a single one."""
    both = frozenset({"order", "start"})
    search = _search({frozenset({"order"}): 0.1, frozenset({"start"}): 0.95, both: 0.0})
    shares = {culprit.variant.name: culprit.explained for culprit in search.culprits(search.best())}
    assert shares == {"one": 0.95, "three": 0.1}
    single = _search({frozenset({"order"}): 0.2})
    assert [culprit.explained for culprit in single.culprits(single.best())] == [0.8]
