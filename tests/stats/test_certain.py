"""imgcls.stats.certain: an accuracy is certain where the worst ranking has a right class among the best."""

from itertools import product

import pytest

from imgcls.stats.certain import is_certain


@pytest.mark.parametrize(
    ("best", "class_count", "certain"), [(5, 5, True), (5, 2, True), (5, 6, False), (1, 1, True), (1, 2, False)]
)
def test_n_best_of_n_classes_are_certain(best: int, class_count: int, certain: bool) -> None:
    """With one right class for each folder, the five best are certain up to five classes, the best up to one."""
    assert is_certain(best, class_count, {}) is certain
    assert is_certain(best, class_count, {"cat": [0], "dog": [0]}) is certain


@pytest.mark.parametrize(("best", "class_count"), list(product([1, 2, 5], range(1, 9))))
def test_the_worst_ranking_decides(best: int, class_count: int) -> None:
    """With N right classes, a network that ranks them last decides, and the folder with the fewest of them."""
    for right in range(1, class_count + 1):
        worst_first = [class_count - 1 - place for place in range(class_count)]  # the right ones are the first
        hit = any(index < right for index in worst_first[:best])
        accepted = {"few": range(right), "all": range(class_count)}
        assert is_certain(best, class_count, accepted) is hit


def test_an_unknown_number_of_classes_is_not_certain() -> None:
    """Documents of earlier versions do not state it."""
    assert not is_certain(5, None, {"cat": [0]})
