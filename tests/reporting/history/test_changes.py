"""Sentences on a series: drift first."""

import pytest

from builders import make_memory
from imgcls.reporting.history import table
from run_rows import make_history, make_run


def _lines(*peaks: int, lost: tuple[int, ...] = ()) -> tuple[str, ...]:
    lost = lost or (0,) * len(peaks)
    runs = [
        make_run(number, wrong, images=1000 if any(lost) else 20, memories=(make_memory(inference=peak),))
        for number, (wrong, peak) in enumerate(zip(lost, peaks, strict=True))
    ]
    return table.sheets(make_history(*runs), [])[0].lines


@pytest.mark.slow
def test_drift_is_named_once_with_what_it_is_made_of() -> None:
    """By the run that shows it."""
    [line] = _lines(*(130_000_000,) * 4, lost=(0, 4, 8, 12))
    assert line == (
        "DRIFT since r0, shown by run 4 (r3): no step is shown to lose more than 0.005, and all of them together are: "
        "against r0 top1 1.0000 -> 0.9880 on 1000 common images, 12 lost and 0 gained (exact McNemar p = 0.00049)"
    )


def test_a_loss_names_its_run() -> None:
    """And the margin that it is shown to exceed."""
    [line] = _lines(130_000_000, 130_000_000, lost=(0, 60))
    assert line.startswith("run 2 (r1) is worse than the one before by more than 0.005: against r0 top1 1.0000 -> 0.94")


def test_memory_drifts_too() -> None:
    """Steps within the noise of a measurement, which add up to more than it."""
    small = _lines(130_000_000, 130_100_000, 130_200_000)
    assert small == ("DRIFT of memory, shown by run 3 (r2): larger than r0, and no step is: now 130.2 MB",)
    assert _lines(130_000_000, 140_000_000) == ("run 2 (r1) is larger than the one before: 130.0 -> 140.0 MB",)
