"""Every image that is shown has one row, which the filters find."""

from dataclasses import replace

from imgcls.reporting.html.document import Document
from imgcls.reporting.html.sections import images
from imgcls.reporting.html.sections.images import Row
from report_pages import make_comparison, make_document, make_view, rendered, section


def _rows(document: Document) -> dict[str, Row]:
    context = images.context(make_view(document))
    assert context is not None
    return {row.shown.path: row for row in context["rows"]}


def test_a_row_is_found_by_why_it_is_shown_and_by_who_is_wrong() -> None:
    """And by its cells of the confusion matrices."""
    rows = _rows(make_document(models=("a", "b"), comparisons=(make_comparison(),)))
    assert rows["cat/2.jpg"].tags == "flip w0 m0.0.1 w1 m1.0.1"
    assert rows["elk/4.jpg"].tags.split()[0] == "mistake"
    assert rows["cat/1.jpg"].tags == "sample m0.0.0 m1.0.0"


def test_images_on_which_models_differ_have_their_own_filter() -> None:
    """By the best class, right or wrong."""
    document = make_document({"cat/1.jpg": 0}, ("a", "b"))
    first, second = document.predictions or ()
    other = replace(second, top=tuple(reversed(second.top)))
    assert "differ" in _rows(replace(document, predictions=(first, other)))["cat/1.jpg"].tags.split()
    assert "differ" not in _rows(document)["cat/1.jpg"].tags.split()


def test_a_row_is_read_without_scripts() -> None:
    """The image, its label, and what each model predicts; the filters are not there without the script."""
    html = rendered(make_document(models=("a", "b")))
    read = section(html, "images")
    assert "cat/2.jpg label cat , photos a : wrong, dog 70.0 % b : wrong, dog 70.0 %" in read
    assert 'id="tools" class="tools" role="search" aria-label="Filter images" hidden' in html


def test_without_predictions_there_is_no_section() -> None:
    """Nothing is known of single images."""
    assert images.context(make_view(replace(make_document(), predictions=None))) is None
