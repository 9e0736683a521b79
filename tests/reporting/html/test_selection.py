"""Which images a report shows, and in which order."""

from dataclasses import replace

from imgcls.reporting.html import scored, selection
from imgcls.reporting.html.selection import Selection
from report_pages import make_comparison, make_document


def _selected(limit: int = 100, *, models: tuple[str, ...] = ("net",)) -> Selection:
    images = {"cat/1.jpg": 0, "cat/2.jpg": 1, "dog/3.jpg": 1, "elk/4.jpg": 1, "elk/5.jpg": 2}
    document = make_document(images, models, comparisons=(make_comparison(),))
    return selection.select(document.report, scored.of(document), limit)


def test_flips_come_first_then_mistakes_then_the_others() -> None:
    """Each image once, with the first reason."""
    shown = [(image.path, image.why) for image in _selected().images]
    assert shown[:3] == [("cat/2.jpg", "flip"), ("dog/3.jpg", "flip"), ("elk/4.jpg", "mistake")]
    assert sorted(shown[3:]) == [("cat/1.jpg", "sample"), ("elk/5.jpg", "sample")]


def test_the_sample_is_drawn_by_the_bytes_of_the_images() -> None:
    """So that it is the same for the same images, wherever they lie."""
    sample = [image.sha256 for image in _selected().images if image.why == "sample"]
    assert sample == sorted(sample)


def test_what_is_left_out_is_counted() -> None:
    """And numbers are places in the list."""
    selected = _selected(2)
    assert ([image.number for image in selected.images], selected.left_out) == ([0, 1], 3)


def test_an_image_has_the_predictions_of_every_model() -> None:
    """And one row."""
    selected = _selected(models=("a", "b"))
    assert [[p.model for p in image.predictions] for image in selected.images] == [["a", "b"]] * 5


def test_a_flip_of_an_image_without_a_prediction_has_no_row() -> None:
    """It is in the table of flips."""
    document = make_document({"cat/1.jpg": 0}, comparisons=(make_comparison(),))
    selected = selection.select(replace(document).report, scored.of(document), 10)
    assert [image.path for image in selected.images] == ["cat/1.jpg"]


def test_confident_mistakes_come_before_others() -> None:
    """Of whichever model."""
    document = make_document({"cat/1.jpg": 1, "dog/2.jpg": 0}, ("a", "b"))
    sure = [p for p in document.predictions or () if (p.model, p.path) == ("b", "dog/2.jpg")]
    surer = replace(sure[0], top=(sure[0].top[0]._replace(probability=0.99), *sure[0].top[1:]))
    predictions = tuple(surer if p == sure[0] else p for p in document.predictions or ())
    selected = selection.select(document.report, scored.of(replace(document, predictions=predictions)), 10)
    assert [image.path for image in selected.images] == ["dog/2.jpg", "cat/1.jpg"]
