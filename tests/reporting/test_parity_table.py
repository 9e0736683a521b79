"""Exports in a table, and why they differ in words."""

import pytest

from builders import make_parity
from imgcls.records.evaluation import Failure
from imgcls.records.parity import ExportCost, Fault, StepError
from imgcls.reporting import parity_table, text_table
from imgcls.reporting.text_table import NamedTable

COST = ExportCost(14_000_000, 20_000_000, 24_500_000, 180_000_000)


def _text(table: NamedTable) -> str:
    return text_table.text(table, 80)


def test_an_export_stands_next_to_its_reference() -> None:
    """Every figure is in the row of what it was measured on; in 80 columns all but the logits."""
    of_parity = parity_table.table([make_parity(cost=COST, reference_cost=ExportCost(p95_ns=40_000_000))])
    table = text_table.text(of_parity, 100)
    reference, export = table.splitlines()[3:5]
    assert reference.split() == ["reference", "-", "-", "80.0", "-", "40.0", "-", "-", "-"]
    assert export.split() == ["onnx", "(onnx)", "50", "2", "78.0", "0.4", "24.5", "180", "14.0", "different"]
    assert text_table.fitted(of_parity, 80)[1] == ["logits"]


def test_columns_without_a_figure_are_left_out() -> None:
    """Costs that nobody measured have no column of hyphens."""
    assert "ms" not in _text(parity_table.table([make_parity()]))


def test_exports_of_one_model_and_dataset_share_a_table() -> None:
    """Each pair of model and dataset has a table of its own, in one order whatever tests ran first."""
    parities = [make_parity("b"), make_parity(dataset="other"), make_parity("a")]
    assert [[p.export for p in group] for group in parity_table.by_table(parities)] == [["onnx"], ["b", "a"]]


def test_lines_say_why_an_export_differs() -> None:
    """The stage, the fault, its share, its price; then what is known of the loss."""
    fault = Fault("preprocessing", "channel order", "red and blue are exchanged", 0.98, 12)
    lines = list(parity_table.lines(make_parity(faults=(fault,))))
    assert lines[0] == (
        "net/onnx on photos: preprocessing: channel order: red and blue are exchanged "
        "(explains 98 % of the difference; 12 more images are wrong because of it)"
    )
    assert lines[1].startswith("net/onnx on photos: top1 0.8000 -> 0.7800 on 50 common images")


def test_what_exports_share_is_stated_once() -> None:
    """One line for all exports of a table that have the same note."""
    run_by, own = "run by onnxruntime 1.32.0, CPUExecutionProvider", "its output is probabilities"
    parities = [make_parity("a", notes=(run_by,)), make_parity("b", notes=(run_by, own))]
    assert list(parity_table.notes(parities)) == [f"net/a, b on photos: {run_by}", f"net/b on photos: {own}"]


def test_a_failed_export_has_its_reason() -> None:
    """An export that could not be run has no figures, and an error."""
    failed = make_parity(images=0, comparison=None, logits=None, agreement=None, failure=Failure(2, "no such file"))
    assert list(parity_table.lines(failed)) == ["ERROR net/onnx on photos: no such file"]
    assert _text(parity_table.table([failed])).splitlines()[4].split() == ["onnx", "(onnx)", "failed"]


@pytest.mark.parametrize(
    ("share", "text"), [(1.0, "100 %"), (0.999, "99 %"), (0.5, "50 %"), (0.001, "1 %"), (0.0, "0 %"), (-0.02, "-2 %")]
)
def test_shares_are_exact_where_they_say_all_or_nothing(share: float, text: str) -> None:
    """Only everything is 100 %, and only nothing 0 %."""
    assert parity_table.per_cent(share) == text


def test_steps_are_named_with_their_share() -> None:
    """The first steps are shown, one a line."""
    steps = tuple(StepError(f"features.{number}", "Conv2d", 0.25, 0.5) for number in range(7))
    table = _text(parity_table.steps(make_parity(steps=steps)))
    assert "features.4  Conv2d         0.25          50 %" in table
    assert "features.5" not in table
