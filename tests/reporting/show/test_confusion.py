"""Confusion: cells of the matrix, wrong and frequent ones first."""

from imgcls.reporting.show import confusion
from shown import make_shown


def test_frequent_confusions_come_first() -> None:
    """Each with how many of the folder's images it is, and one of them; what is right comes last."""
    pair = make_shown({"cat/1.jpg": 0, "cat/2.jpg": 1, "cat/4.jpg": 1, "cat/3.jpg": 1, "dog/1.jpg": 2})
    rows = confusion.sheet(pair).rows
    cells = [(row["label"], row["predicted"], row["right"], row["images"], row["of_label"]) for row in rows]
    assert cells == [("cat", "dog", False, 3, 4), ("dog", "elk", False, 1, 1), ("cat", "cat", True, 1, 4)]
    assert rows[0]["example"] == "cat/2.jpg"
    assert sum(row["images"] for row in rows) == 5
