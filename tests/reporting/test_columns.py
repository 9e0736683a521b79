"""imgcls.reporting.columns: which columns of the tables of models are picked."""

import re

import pytest

from imgcls.errors import ConfigError
from imgcls.reporting import columns


def test_columns_are_picked_in_the_order_of_their_names() -> None:
    """After the model; blanks, signs and case do not matter, and names of another table are for that one."""
    names = ["Peak RSS", "top1", "p50ms"]
    assert columns.picked(columns.RESULTS, names) == ["model", "peak RSS", "top-1 %"]
    assert columns.picked(columns.COSTS, names) == ["model", "top-1 %", "p50 ms"]


def test_a_table_of_which_no_column_is_picked_has_all() -> None:
    """The options are about the other one then."""
    assert columns.picked(columns.RESULTS, ["GMACs"]) == list(columns.RESULTS)


def test_an_unknown_name_has_the_nearest() -> None:
    """Before anything is scored."""
    with pytest.raises(
        ConfigError, match=re.escape("--columns image/s: no column of this name; did you mean 'images/s'?")
    ):
        columns.check(["model", "image/s"], "--columns")
    columns.check([*columns.RESULTS, *columns.COSTS], "--columns")


def test_every_column_has_an_importance() -> None:
    """None is left out because it was forgotten."""
    assert sorted(columns.RESULTS) == sorted(columns.RESULTS_IMPORTANCE)
    assert sorted(columns.COSTS) == sorted(columns.COSTS_IMPORTANCE)
