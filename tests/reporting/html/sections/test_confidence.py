"""How often a model is right where it is confident, over what counts."""

from dataclasses import replace

import pytest

from imgcls.reporting.html.sections import confidence
from imgcls.reporting.html.sections.confidence import Group
from imgcls.stats import proportions
from report_pages import make_document, make_view


def _group() -> Group:
    context = confidence.context(make_view(make_document()))
    assert context is not None
    [group] = context["groups"]
    assert isinstance(group, Group)
    return group


def test_a_bin_has_its_accuracy_with_its_interval() -> None:
    """All four images have the confidence 0.7, and two are right."""
    group = _group()
    [(part, interval)] = group.bins
    assert (part.count, part.right) == (4, 2)
    assert part.mean_confidence == pytest.approx(0.7)
    assert interval == proportions.wilson(2, 4)
    assert group.error == pytest.approx(0.2)


def test_right_and_wrong_have_their_own_spread() -> None:
    """A tenth, the middle and nine tenths of them."""
    right, wrong = _group().spreads
    assert (right.words, right.count, wrong.words, wrong.count) == ("right", 2, "wrong", 2)
    assert right.shares == pytest.approx((0.7, 0.7, 0.7))
    assert confidence._spread("wrong", []).shares == ()
    assert confidence._spread("wrong", [0.4]).shares == (0.4, 0.4, 0.4)
    assert confidence._spread("right", [0.0, 0.25, 0.5, 0.75, 1.0]).shares == pytest.approx((0.1, 0.5, 0.9))


def test_without_predictions_there_is_no_section() -> None:
    """Nothing is known of single images."""
    assert confidence.context(make_view(replace(make_document(), predictions=None))) is None
