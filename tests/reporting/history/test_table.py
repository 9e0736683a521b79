"""The table of a history."""

from dataclasses import replace

from builders import make_gpu_memory, make_memory
from imgcls.reporting import sheet
from imgcls.reporting.history import table
from run_rows import make_history, make_run


def test_a_row_has_both_comparisons() -> None:
    """With the run before and with the reference, by number of images and p-value."""
    [made] = table.sheets(make_history(make_run(0, 0), make_run(1, 30), make_run(2, 33)), [])
    assert set(made.rows[2]) == set(table.KEYS)
    last = made.rows[2]
    assert (last["number"], last["run"], last["since_before"], last["since_reference"]) == (
        3,
        "r2",
        "no change shown",
        "worse",
    )
    assert (last["before_losses"], last["before_gains"], last["reference_losses"]) == (3, 0, 33)
    assert last["reference_difference"] == -0.033
    assert made.title == "net on photos: 3 runs, reference r0"


def test_files_that_were_left_out_are_named_first() -> None:
    """Once, above the first table."""
    [made] = table.sheets(make_history(make_run(0, 0, images=3)), ["left out: x.json: not a run"])
    assert made.lines == ("left out: x.json: not a run",)


def test_the_table_fits_80_columns() -> None:
    """With the most important columns, and a mark next to a figure that changed."""
    runs = [make_run(n, 4 * n, memories=(make_memory(inference=130_000_000 + n * 5_000_000),)) for n in range(4)]
    made = table.sheets(make_history(*runs), [])
    text = sheet.terminal(made, 80)
    assert max(map(len, text.splitlines())) <= 80
    assert "drift" in text
    assert "135 larger" in sheet.terminal(made, 120)


def test_memory_on_a_gpu_is_the_gpus() -> None:
    """The figure is the one that its word is about."""
    runs = []
    for number, peak in enumerate((260_000_000, 300_000_000)):
        run = make_run(number, 0, images=3, memories=(make_gpu_memory(inference=peak),))
        results = tuple(replace(result, device="cuda") for result in run.report.results)
        runs.append(replace(run, report=replace(run.report, results=results)))
    assert "300 larger" in sheet.terminal(table.sheets(make_history(*runs), []), 120)


def test_without_runs_there_is_no_sheet() -> None:
    """The command then states why."""
    assert table.sheets(make_history(), ["left out: x"]) == []
