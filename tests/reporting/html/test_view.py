"""What sections ask of a run."""

from dataclasses import replace

from imgcls.reporting.html.view import View
from report_pages import make_document, make_view, relabelled


def _with_wordnet_ids() -> View:
    return make_view(relabelled(make_document(), {"n02": (0,), "pets": (0, 1), "dog": (1,)}, {}))


def test_a_folder_has_the_name_of_its_class() -> None:
    """Where one class is right for it, and is called otherwise."""
    view = _with_wordnet_ids()
    assert view.label("photos", "n02") == "<bdi>n02</bdi> (<bdi>cat</bdi>)"
    assert view.label("photos", "pets") == "<bdi>pets</bdi>"
    assert view.label("photos", "dog") == "<bdi>dog</bdi>"
    assert view.label("photos", None) == "none"


def test_an_image_is_found_by_dataset_path_and_label() -> None:
    """Or has no row."""
    view = make_view(make_document())
    row = view.row("photos", "dog/3.jpg", "dog")
    assert row is not None
    assert row.path == "dog/3.jpg"
    assert view.row("photos", "dog/3.jpg", "cat") is None


def test_a_run_without_results_is_about_what_was_measured() -> None:
    """Which has no dataset."""
    document = make_document()
    assert make_view(document).datasets == ["photos"]
    assert make_view(replace(document, report=replace(document.report, results=()), predictions=())).datasets == [None]
