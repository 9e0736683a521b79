"""imgcls.reporting.lab.accuracy: how often the models are right."""

import markdown_pages
from imgcls.reporting.lab import accuracy
from lab_parts import make_contents


def test_accuracies_are_those_of_the_document_with_intervals_and_classes() -> None:
    """Of all images, what so few can show, and class by class."""
    text = "\n".join(accuracy.blocks(make_contents()))
    overall, classes = markdown_pages.tables(text)
    assert overall[1:] == [
        ["good", "4", "100.0", "51.0 to 100.0", "-", "-"],
        ["bad", "4", "50.0", "15.0 to 85.0", "-", "-"],
    ]
    assert "What 4 images can show: each accuracy is known to within 35.0 percentage points or better" in text
    assert classes == [
        ["class", "images", "good", "bad"],
        ["cat", "2", "2 (2)", "2 (2)"],
        ["dog", "1", "1 (1)", "0 (1)"],
        ["elk", "1", "1 (1)", "0 (0)"],
    ]
    assert "With 1 image of a class, even all of them right shows only an accuracy above 20.7 %" in text
    assert markdown_pages.targets(text) == [accuracy.CHART]


def test_without_labels_there_is_nothing_to_say() -> None:
    """No empty table."""
    assert list(accuracy.blocks(make_contents(labelled=False))) == []
