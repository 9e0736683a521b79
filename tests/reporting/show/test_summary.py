"""A run in short: what failed before what passed, then one row per pair."""

from dataclasses import replace
from typing import Any

import run_parts
from builders import make_gpu_memory, make_latency, make_memory, make_parity
from imgcls.records.evaluation import Failure, Status, Verdict
from imgcls.records.parity import ContractCheck
from imgcls.records.report import JudgedLimit, Result
from imgcls.reporting import sheet
from imgcls.reporting.show import selected, summary

PART = run_parts.make_part("run.json", {"cat/1.jpg": 0, "cat/2.jpg": 1})
[RESULT] = PART.report.results


def _summary(*, result: Result = RESULT, **of_report: Any) -> sheet.Sheet:
    """Of a run with this result; keywords are values of its report."""
    part = replace(PART, report=replace(PART.report, results=(result,), **of_report))
    return summary.sheet(part, selected.pairs(part, None, None))


def test_what_failed_comes_first() -> None:
    """Verdicts are above the table, and a run without gates says so."""
    statuses: tuple[Status, ...] = ("pass", "fail")
    verdicts = tuple(Verdict("top1", 0.5, "top1 >= 0.5", status, f"net: {status}") for status in statuses)
    assert _summary(result=replace(RESULT, verdicts=verdicts)).lines == ("FAIL net: fail", "PASS net: pass")
    assert _summary().lines == ("no gates",)


def test_every_kind_of_verdict_is_there() -> None:
    """On limits, exports and contracts of the models that are shown, and of no other."""
    limit = Verdict("p50_ms", 1.0, "p50_ms <= 1", "fail", "latency of net")
    of_export = (Verdict("flips", 0.0, "flips <= 0", "fail", "net/onnx on photos: 2 flips"),)
    lines = _summary(
        limits=(JudgedLimit("net", limit), JudgedLimit("other", replace(limit, message="latency of other"))),
        parities=(make_parity(verdicts=of_export), make_parity(model="other", verdicts=of_export)),
        contracts=(ContractCheck("net", "batch size", "pass", "the same"),),
    ).lines
    assert lines == (
        "FAIL latency of net", "FAIL net/onnx on photos: 2 flips", "PASS contract batch size of net: the same",
    )  # fmt: skip


def test_images_are_counted_as_intervals_count_them() -> None:
    """With the word for what is counted, and of how many images."""
    scores = replace(RESULT, listed=12, scored=12, distinct=12, units=replace(RESULT.counted, scored=4))
    assert "4 groups of 12" in sheet.terminal([_summary(result=scores)], 100)
    copies = replace(scores, distinct=4)
    assert "4 distinct of 12" in sheet.terminal([_summary(result=copies)], 100)
    assert "counted" not in summary.KEYS


def test_time_and_memory_are_there_where_they_were_measured() -> None:
    """Of one image at a time, and the peak of a call."""
    text = sheet.terminal([_summary(latencies=(make_latency(),), memories=(make_memory(),))], 100)
    assert "50.0" in text
    assert "130" in text
    assert "p50 ms" not in sheet.terminal([_summary()], 100)


def test_memory_on_a_gpu_is_the_gpus() -> None:
    """As in all tables that compare models; the values of the row have both."""
    made = _summary(result=replace(RESULT, device="cuda"), memories=(make_gpu_memory(),))
    assert "260" in sheet.terminal([made], 100)
    assert (made.rows[0]["inference_peak_bytes"], made.rows[0]["cuda_allocated_bytes"]) == (130_000_000, 260_000_000)


def test_a_failure_has_its_reason() -> None:
    """In words above the table, and as a value of the row."""
    failed = _summary(result=replace(RESULT, failure=Failure(3, "no weights")))
    assert failed.lines[0] == "ERROR net on photos: no weights"
    assert failed.rows[0]["failure"] == "no weights"
    assert failed.title.startswith("run.json: run of 20")
