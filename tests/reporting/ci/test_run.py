"""imgcls.reporting.ci.run: what a run comes to in one line."""

import pytest

from builders import make_report
from ci_runs import make_comparison, make_gate, make_run
from imgcls.records.evaluation import Status
from imgcls.reporting.ci.run import CiRun


def test_the_headline_counts_gates_and_flips() -> None:
    """In numbers of one and of many."""
    good, bad, flipped = make_gate(), make_gate("fail"), make_comparison(["a.jpg"])
    assert make_run().headline() == "no gates"
    assert make_run(good).headline() == "none of 1 verdict fails"
    assert make_run(good, good, comparisons=[flipped]).headline() == "none of 2 verdicts fails, 1 image flipped"
    assert make_run(bad, good).headline() == "1 of 2 verdicts fails"
    assert make_run(bad, bad, comparisons=[flipped, flipped]).headline() == "2 of 2 verdicts fail, 2 images flipped"


@pytest.mark.parametrize(("before", "changed"), [(None, False), ("pass", False), ("fail", True)])
def test_a_gate_has_changed_where_it_was_another(before: Status | None, changed: bool) -> None:
    """One that the baseline does not have has not."""
    assert make_gate(before=before).has_changed is changed


def test_a_run_of_nothing_is_empty() -> None:
    """A gate that was not evaluated is something."""
    assert CiRun(report=make_report(), gates=()).is_empty
    assert not CiRun(report=make_report(), gates=(make_gate("error"),)).is_empty
    assert not make_run().is_empty
