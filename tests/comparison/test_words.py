"""imgcls.comparison.words: numbers that stand for values, and rows that are the same."""

import numpy as np

from imgcls.comparison.words import NONE, Words, first_of_each, numbered


def test_values_have_numbers_in_their_order() -> None:
    """A value that is there already has its number."""
    words = Words[str]()
    assert [words.number(value) for value in ("a", "b", "a", "c")] == [0, 1, 0, 2]
    assert words.values == ["a", "b", "c"]


def test_the_numbers_of_others_become_those_of_the_same_values() -> None:
    """New values are added, and NONE stays what it is."""
    one, other = Words[str | None](), Words[str | None]()
    for value in ("a", "b", None):
        one.number(value)
    for value in ("c", None, "a"):
        other.number(value)
    assert one.include(other)[np.array([0, 1, 2, NONE])].tolist() == [3, 2, 0, NONE]
    assert one.values == ["a", "b", None, "c"]


def test_rows_have_the_same_number_where_all_columns_are_equal() -> None:
    """Numbers have no gaps; of no rows there are none."""
    numbers = numbered(np.array([3, 1, 3, 3]), np.array([5, 5, 5, 6]))
    assert (numbers[0] == numbers[2], len(set(numbers.tolist())), numbers.max()) == (True, 3, 2)
    assert numbered(np.array([], np.uint64), np.array([], np.int32)).tolist() == []


def test_the_first_row_of_each_number() -> None:
    """NONE where no row has it."""
    assert first_of_each(np.array([2, 0, 2, 0]), 4).tolist() == [1, NONE, 0, NONE]
