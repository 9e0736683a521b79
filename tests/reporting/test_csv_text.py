"""CSV: what is read back is what was written, and no spreadsheet computes anything."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import HOSTILE
from imgcls.reporting import csv_text

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)


@given(st.lists(st.lists(TEXTS, min_size=3, max_size=3), max_size=4))
def test_every_text_is_restored(rows: list[list[str]]) -> None:
    """Whatever characters it has; quotes, separators and line breaks stay within their cell."""
    written = csv_text.text(("a", "b", "c"), rows)
    header, *read = csv.reader(io.StringIO(written, newline=""))
    assert header == ["a", "b", "c"]
    assert [[csv_text.restored(cell) for cell in row] for row in read] == rows
    assert not any(cell.startswith(csv_text.FORMULA) for row in read for cell in row)


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "\uff1d1", "'=1"])
def test_a_formula_begins_with_an_apostrophe(text: str) -> None:
    """Also a text that begins with one itself, so that taking one away is always right."""
    assert csv_text.cell(text) == f"'{text}"


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (None, ""), (-0.25, "-0.25"), (-3, "-3"), (True, "true"), ("", ""), ("cat", "cat"), ("a=b", "a=b"),
        ([[281, "=tabby", 0.5]], '[[281,"=tabby",0.5]]'),
    ],
)  # fmt: skip
def test_values_are_cells(value: object, cell: str) -> None:
    """Numbers stay numbers, also negative ones; a list is JSON, which begins no formula."""
    assert csv_text.cell(value) == cell


def test_hostile_names_stay_within_their_line() -> None:
    """A reader finds as many rows as were written."""
    written = csv_text.text(["path"], [[HOSTILE], ["next"]])
    assert [row[0] for row in csv.reader(io.StringIO(written, newline=""))] == ["path", HOSTILE, "next"]
