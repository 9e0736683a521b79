"""imgcls.reporting.next_steps: what to do about each gate that does not hold."""

import pytest

from imgcls.gates.accuracy import BEST
from imgcls.gates.cost import PERCENTILES
from imgcls.gates.verdicts import verdict
from imgcls.records.evaluation import Status
from imgcls.records.thresholds import LatencyGate, MemoryGate
from imgcls.reporting import next_steps
from imgcls.reporting.next_steps import Places

PLACES = Places("--imgcls-", "run.json", "main.json")


def _line(metric: str, status: Status = "fail", places: Places = PLACES) -> str:
    [_, line] = next_steps.lines([("net on photos", "net", verdict(metric, status, "it fails", 0.5))], places)
    return line


@pytest.mark.parametrize(
    ("metric", "step"),
    [
        ("top1", "imgcls show run.json --mistakes"),
        ("worst_class", "imgcls show run.json --classes"),
        ("not worse top1", "imgcls show run.json --flips main.json"),
        ("same images", "--imgcls-compare-common"),
        ("p95_ms", "imgcls profile net"),
        ("host_bytes", "imgcls profile net --sort memory"),
        ("flips", "imgcls parity net --localize"),
    ],
)
def test_a_gate_that_failed_has_a_command(metric: str, step: str) -> None:
    """With the names of this run."""
    assert step in _line(metric)
    assert _line(metric).startswith("  net on photos, ")


def test_what_is_inconclusive_needs_a_look_images_or_leave() -> None:
    """Of six images that are all wrong, more are not what is missing. A time needs a quiet machine instead."""
    assert _line("top1", "inconclusive").endswith(
        "the wrong images: imgcls show run.json --mistakes; or add images, or let it pass with "
        "--imgcls-inconclusive warn"
    )
    assert "on a quiet machine" in _line("p95_ms", "inconclusive")


def test_a_document_that_was_not_written_is_named_with_the_way_to_it() -> None:
    """The command can be typed once it is there."""
    assert _line("top1", places=Places()).endswith(
        "imgcls show RUN.json --mistakes (a run with --json RUN.json writes it)"
    )


def test_every_metric_of_a_gate_has_a_step() -> None:
    """None has only the sentence of errors."""
    metrics = [*BEST, *PERCENTILES, "images", "rejected", "same images", "growth", "images_per_second", "golden"]
    metrics += [*MemoryGate.__dataclass_fields__, "flips", "logits", "not worse top1", "not worse top5"]
    assert {*LatencyGate.__dataclass_fields__} <= {*metrics}
    assert [metric for metric in metrics if metric not in next_steps.STEPS] == []


def test_what_cannot_be_compared_has_two_ways_out() -> None:
    """The change is undone, or the baseline is made anew."""
    assert "undo what its line above names; where it is intended, a run with --imgcls-save" in _line(
        "comparable", "error"
    )
    assert "mend what its line above names, and run again" in _line("top1", "error")


def test_many_are_counted() -> None:
    """Ten lines, and how many more."""
    failing = [("net on photos", "net", verdict("top1", "fail", "it fails", 0.5))] * 12
    lines = list(next_steps.lines(failing, Places()))
    assert (lines[0], len(lines), lines[-1]) == ("what to do:", 12, "  and for 2 more gates, all of which are above")
    assert list(next_steps.lines([], Places())) == []
