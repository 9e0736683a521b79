"""imgcls.reporting.short_names: names in as little room as there is, each still its own."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from imgcls.reporting import short_names

NAMES = ("vit_base_patch16_224.augreg_in21k", "vit_base_patch16_384.augreg_in21k", "net")


def test_what_fits_is_as_it_is() -> None:
    """Only longer names have an ellipsis."""
    assert short_names.shortened(["net", "a" * 9], 8) == ["net", "aaa…aaaa"]


def test_the_ellipsis_moves_until_names_differ() -> None:
    """What two names share at their ends gives way to what tells them apart."""
    shown = short_names.shortened(NAMES, 21)
    assert shown == ["vit_base_patch16_22…k", "vit_base_patch16_38…k", "net"]


def test_names_that_no_ellipsis_tells_apart_are_numbered() -> None:
    """They have an end of their own."""
    assert short_names.shortened(NAMES[:2], 10) == ["vit_base…1", "vit_base…2"]


def test_random_weights_stay_marked() -> None:
    """The mark is no part of the name that is shortened."""
    assert short_names.shortened([f"{NAMES[0]} (untrained)"], 24) == ["vit_b…_in21k (untrained)"]


@pytest.mark.parametrize("width", [8, 12, 20])
@given(names=st.lists(st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), max_size=40), max_size=6))
def test_different_names_stay_different_and_fit(width: int, names: list[str]) -> None:
    """In cells of a terminal, of which a Chinese character takes two."""
    shown = short_names.shortened(names, width)
    assert all(cell_len(text) <= width for text in shown)
    assert len(set(shown)) == len(set(names))
