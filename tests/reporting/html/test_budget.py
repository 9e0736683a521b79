"""The parts of a report fit into its limit."""

from dataclasses import replace

import pytest

from imgcls.reporting.html import budget, scored
from report_pages import IMAGES, make_document


@pytest.mark.parametrize(("images", "megabytes"), [(1, 5), (1_000, 5), (25_500, 12.5), (50_000, 20), (10**6, 20)])
def test_the_limit_grows_with_the_images(images: int, megabytes: float) -> None:
    """5 MB up to 1000 and 20 MB from 50,000, in proportion between."""
    document = make_document()
    results = tuple(replace(result, scored=images) for result in document.report.results)
    of_many = replace(document, report=replace(document.report, results=results))
    assert budget.most_bytes(of_many) == megabytes * 1e6


def test_rows_are_fewer_where_there_are_more_models() -> None:
    """A third of the report is theirs, and never more than 10,000."""
    one, three = make_document(), make_document(models=("a", "b", "c"))
    assert budget.rows(one, 20_000_000) == budget.ROWS
    assert budget.rows(one, 5_000_000) > budget.rows(three, 5_000_000) > 1000
    assert budget.rows(three, 5_000_000) * (budget.ROW_BYTES + 3 * budget.MODEL_BYTES) <= 5_000_000 / 3


def test_a_document_that_is_too_large_keeps_the_predictions_that_are_shown() -> None:
    """And is whole where it fits."""
    document = make_document(IMAGES)
    rows = {scored.key(prediction) for prediction in list(document.predictions or ())[:1]}
    whole = budget.embedded(document, rows, 10**9)
    part = budget.embedded(document, rows, 3 * len(whole) - 3)
    assert [path in whole for path in IMAGES] == [True] * 4
    assert [f'"{path}"' in part for path in IMAGES] == [True, False, False, False]
