"""imgcls.comparison.table: a mapping of predictions by image, and arrays of them."""

import pytest

from imgcls.comparison.packed import PackedPredictions
from imgcls.comparison.table import Table, tables
from imgcls.comparison.words import NONE
from imgcls.records.comparison import Prediction
from imgcls.records.evaluation import ClassProbability


def _prediction(image: str, label: str | None, *best: int, path: str = "", group: str | None = None) -> Prediction:
    top = tuple(ClassProbability(index, f"class {index}", 0.5) for index in best)
    return Prediction("net", "photos", path or f"{label}/{image}.jpg", image, label, top, group)


SEVERAL = [
    _prediction("a", "cat", 0, 1),
    _prediction("b", None, 1),
    _prediction("a", "dog", 1, 0),
    _prediction("a", "cat", 5, path="copy.jpg"),
    _prediction("c", "elk", *range(9), group="cat"),
]


def test_a_table_is_a_mapping_of_the_first_prediction_of_each_image() -> None:
    """By bytes and label, in order; one that is not there is a KeyError."""
    table = tables(PackedPredictions(SEVERAL))["net", "photos"]
    expected = {(p.image_sha256, p.label): p for p in (SEVERAL[0], SEVERAL[1], SEVERAL[2], SEVERAL[4])}
    assert table == expected == table
    assert (list(table), list(table.values()), len(table)) == (list(expected), list(expected.values()), 4)
    assert (table["a", "dog"], ("a", "elk") in table) == (SEVERAL[2], False)
    with pytest.raises(KeyError):
        table["b", "cat"]
    assert Table.of(table) is table
    assert Table.of(expected) == table


def test_other_programs_may_call_bytes_as_they_like() -> None:
    """Every name is another one, also where it looks like hexadecimal digits or only differs in their case."""
    names = ["1", "31", "3131", "ab" * 32, "AB" * 32, "ab" * 31, "", "ü", "0" * 64, "0" * 63]
    table = Table.of({(name, "cat"): _prediction(name, "cat", 0) for name in names})
    assert [sha256 for sha256, _ in table] == names
    assert [table[name, "cat"].image_sha256 for name in names] == names


def test_arrays_have_what_comparisons_count() -> None:
    """A row for each image: its label, its group and five classes, as numbers."""
    table = tables(PackedPredictions(SEVERAL))["net", "photos"]
    columns = table.columns
    assert [table.words.values[number] for number in columns.labels] == ["cat", None, "dog", "elk"]
    assert columns.groups[:3].tolist() == [NONE] * 3
    assert table.words.values[columns.groups[3]] == "cat"
    assert [[table.classes.values[n][0] for n in row if n != NONE] for row in columns.best] == [
        [0, 1], [1], [1, 0], [0, 1, 2, 3, 4],
    ]  # fmt: skip
    assert (columns.hashes[0] == columns.hashes[2]).all()
    assert len({tuple(row) for row in columns.hashes.tolist()}) == 3


def test_an_image_is_right_where_one_of_its_best_classes_is() -> None:
    """Those without a label are not, nor are those of a label that nothing is right for."""
    table = Table.of({(p.image_sha256, p.label): p for p in SEVERAL[:3] + SEVERAL[4:]})
    accepted = {"cat": (0, 7), "dog": (0,), "photos": (1,), "None": (1,)}
    assert table.right(accepted, 1).tolist() == [True, False, False, False]
    assert table.right(accepted, 5).tolist() == [True, False, True, False]
    assert table.right({"elk": (4,)}, 5).tolist() == [False, False, False, True]
    assert table.right({"elk": (5,)}, 5).tolist() == [False] * 4
    assert table.right({}, 1).tolist() == [False] * 4


def test_where_there_are_fewer_classes_nothing_stands_for_the_others() -> None:
    """Least of all the last class of the label before."""
    few = [_prediction("a", "cat", 0, 1), _prediction("b", "dog", 0), _prediction("c", "elk", 0)]
    table = Table.of({(p.image_sha256, p.label): p for p in few})
    assert table.right({"dog": (1,)}, 5).tolist() == [False] * 3


def test_each_pair_has_its_own_table() -> None:
    """Of no predictions there is none."""
    other = Prediction("vit", "photos", "cat/a.jpg", "a", "cat", SEVERAL[0].top)
    both = tables(PackedPredictions([SEVERAL[0], other, SEVERAL[1]]))
    assert {pair: list(table.values()) for pair, table in both.items()} == {
        ("net", "photos"): SEVERAL[:2],
        ("vit", "photos"): [other],
    }
    assert tables(PackedPredictions()) == {}
    assert (len(Table.of({})), Table.of({}).right({"cat": (0,)}, 5).tolist()) == (0, [])
