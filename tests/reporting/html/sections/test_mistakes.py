"""The most confident mistakes have their five best classes."""

from dataclasses import replace

import pytest

from imgcls.reporting.html.sections import mistakes
from report_pages import elements, make_document, make_view, rendered, section


def test_a_mistake_has_a_bar_and_a_number_for_each_class() -> None:
    """So that it is read without styles."""
    html = rendered(make_document({"cat/1.jpg": 1}))
    assert "1 mistake. no thumbnail cat/1.jpg label cat 70.0 % dog 30.0 % elk" in section(html, "mistakes")
    widths = [float(str(of["width"])) for tag, of in elements(html) if tag == "rect" and of.get("class") == "fill"]
    assert widths == [84.0, 36.0]


def test_only_the_most_confident_have_a_card(monkeypatch: pytest.MonkeyPatch) -> None:
    """All are counted."""
    monkeypatch.setattr(mistakes, "SHOWN", 2)
    document = make_document({f"cat/{number}.jpg": 1 for number in range(5)})
    assert "5 mistakes; the 2 that it was most certain of." in section(rendered(document), "mistakes")


def test_a_model_without_mistakes_says_so() -> None:
    """Without an empty list."""
    assert "net on photos 0 mistakes." in section(rendered(make_document({"cat/1.jpg": 0})), "mistakes")


def test_without_predictions_there_is_no_section() -> None:
    """Nothing is known of single images."""
    assert mistakes.context(make_view(replace(make_document(), predictions=None))) is None
