"""imgcls.parity.class_names: the names that a file states are held against those of the reference."""

import pytest

from imgcls.parity import class_names
from imgcls.records.data import LabelList

LABELS = LabelList("imagenet", ("tench, Tinca tinca", "great white shark, white shark", "box turtle"))


def test_other_names_are_named() -> None:
    """How many there are, and the first with both names."""
    note = class_names.note(LABELS, LabelList("file", ("tench", "cat", "dog")))
    assert note == (
        "the file names 2 of its 3 classes otherwise: 1 is cat there and great white shark, white shark in imagenet; "
        "whoever goes by its names reports these"
    )


@pytest.mark.parametrize(
    "names",
    [
        ("tench", "white shark", "Box-Turtle"),
        ("Tinca_tinca", "great_white_shark", "box_turtle"),
        ("tench", "cat"),
    ],
)
def test_one_word_in_common_is_the_same_class(names: tuple[str, ...]) -> None:
    """Synonyms and spellings are the same; a list of another length is another fault's."""
    assert class_names.note(LABELS, LabelList("file", names)) is None


def test_nothing_is_stated() -> None:
    """Without names on either side there is nothing to compare."""
    assert class_names.note(LABELS, None) is None
    assert class_names.note(LabelList("none", ()), LABELS) is None
