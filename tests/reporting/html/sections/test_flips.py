"""Every flip has its image, its label, and what was predicted before and after."""

from dataclasses import replace

import pytest

from imgcls.reporting.html.sections import flips
from report_pages import FLIPS, GivenImages, make_comparison, make_document, make_view, rendered, section


def test_a_flip_stands_with_both_predictions() -> None:
    """Next to each other, with their probabilities."""
    read = section(rendered(make_document(comparisons=(make_comparison(),)), GivenImages()), "flips")
    assert "2 flips: 1 right to wrong, 1 wrong to right." in read
    assert "cat/2.jpg label cat : right to wrong before after 80.0 % cat 70.0 % dog" in read
    assert "shows a difference of 15.5 points four times in five" in read


def test_a_flip_links_to_the_row_of_its_image() -> None:
    """Where there is one."""
    document = make_document({"cat/2.jpg": 1}, comparisons=(make_comparison(),))
    context = flips.context(make_view(document))
    assert context is not None
    [group] = context["groups"]
    assert [card.image is not None for card in group.cards] == [True, False]


def test_what_cannot_be_compared_says_why() -> None:
    """And nothing flipped is stated where nothing did."""
    comparisons = (
        make_comparison((), differences=(), refusals=("input spec: a -> b",)),
        make_comparison((), same=True),
    )
    read = section(rendered(make_document(comparisons=comparisons)), "flips")
    assert "The two cannot be compared: input spec: a -> b." in read
    assert "The predictions are the same: they have the same key." in read
    assert read.count("No image flipped.") == 1


def test_many_flips_are_cut_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest is in the document."""
    monkeypatch.setattr(flips, "CARDS", 3)
    many = tuple(replace(FLIPS[0], path=f"cat/{number}.jpg") for number in range(9))
    read = section(rendered(make_document(comparisons=(make_comparison(many),))), "flips")
    assert "9 flips" in read
    assert "6 more are in the result document." in read


def test_without_a_comparison_there_is_no_section() -> None:
    """Nothing is empty."""
    assert flips.context(make_view(make_document())) is None
