"""imgcls.reporting.overview: one table of quality, time and memory."""

import csv
import io
from dataclasses import replace
from typing import Any

from builders import CONDITIONS, MACHINE, make_latency, make_memory
from imgcls.records.config import InputSpec
from imgcls.records.evaluation import DatasetOutcome, ModelInfo, PairOutcome, Pass, Scores
from imgcls.records.report import Report
from imgcls.reporting import overview, result_document

HALF = (0.5, 0.5, 0.5)
INPUT = InputSpec(256, (224, 224), "center", "bilinear", HALF, HALF)
INFO = ModelInfo("eager", "float32", "cpu", INPUT, "ab" * 32, "cd" * 32, 25_557_032, 0.875, 102_000_000)


def _pair(model: str, top1: int, **more: Any) -> PairOutcome:
    scores = Scores(model, "photos", listed=50, scored=50, distinct=50, top1_count=top1, top5_count=45)
    return PairOutcome(scores, INFO, **more)


def _walk() -> Pass:
    return Pass("photos", ("net", "other"), 10.0, 3.0, {"net": 2.0, "other": 5.0}, {}, {}, 500_000_000)


def _report(*pairs: PairOutcome, **figures: Any) -> Report:
    built = result_document.build([DatasetOutcome("photos", "ignore", True, (_walk(),), pairs, ())], {}, True)
    both = ("net", "other")
    given = {
        "latencies": tuple(make_latency(s, model=m) for m in both for s in ("SingleStream", "Offline")),
        "memories": tuple(map(make_memory, both)),
    }
    return replace(built, **{**given, **figures})


def _table(text: str) -> dict[str, dict[str, str]]:
    """The rows of a Markdown table by model."""
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if "|" in line]
    header, _, *rows = lines
    return {row[0]: dict(zip(header, row, strict=True)) for row in rows}


def test_a_row_has_quality_time_and_memory() -> None:
    """Each figure is under its own heading, with units, and seconds are without those of the other model."""
    row = _table(overview.markdown(_report(_pair("net", 40), _pair("other", 30))))["net"]
    assert row == {
        "model": "net",
        "device": "cpu",
        "top-1 %": "80.0 (67.0-88.8)",
        "top-5 %": "90.0 (78.6-95.7)",
        "p50 ms": "50.0",
        "p95 ms": "95.0",
        "images/s": "20.0",
        "s / set": "5.0",
        "peak MB": "130",
        "weights": "102",
        "activations": "25",
        "load MB": "110",
        "RSS MB": "450",
        "params M": "25.56",
        "GMACs": "4.089",
        "dominated by": "-",
    }


def test_a_dominated_model_is_marked() -> None:
    """It is nowhere better and somewhere worse than another; equals do not dominate each other."""
    table = _table(overview.markdown(_report(_pair("net", 40), _pair("other", 30))))
    assert [table[name]["dominated by"] for name in ("net", "other")] == ["-", "net"]
    equal = _table(overview.markdown(_report(_pair("net", 40), _pair("other", 40))))
    assert "dominated by" not in equal["net"]
    smaller = (make_memory("net"), make_memory("other", inference=120_000_000))
    assert (
        "dominated by"
        not in _table(overview.markdown(_report(_pair("net", 40), _pair("other", 30), memories=smaller)))["net"]
    )


def test_figures_that_were_not_measured_are_absent() -> None:
    """Columns without any figure are left out, single ones are a dash, and nothing from the store has a time."""
    stored = _table(overview.markdown(_report(_pair("net", 40, from_store=50), _pair("other", 30))))
    assert [stored[name]["s / set"] for name in ("net", "other")] == ["-", "8.0"]
    without = _table(overview.markdown(_report(_pair("net", 40), _pair("other", 30), latencies=())))
    assert "p50 ms" not in without["net"]
    assert "images/s" not in without["net"]
    assert "dominated by" not in without["other"]


def test_without_scores_there_is_still_a_table() -> None:
    """A run that only timed shows its times, and the machine."""
    timed = replace(result_document.build([], {}, True), latencies=(make_latency(),))
    text = overview.terminal(timed)
    assert text.startswith("measured (A fine CPU, 2 cores, 2 threads, torch 2.14.0)")
    assert "top-1" not in text
    assert " 50.0 " in text


def test_each_device_has_a_row() -> None:
    """A GPU's figures are below the CPU's; the accuracy is that of the device where it was scored."""
    gpu = replace(CONDITIONS, device="cuda", machine=replace(MACHINE, gpu="A GPU"))
    latencies = (make_latency(), make_latency(conditions=gpu, p50_ns=1_000_000))
    rows = overview.rows(_report(_pair("net", 40), latencies=latencies, memories=()), "photos")
    assert [(row.model, row.device, row.single and row.single.p50_ns) for row in rows] == [
        ("net", "cpu", 50_000_000),
        ("net", "cuda", 1_000_000),
    ]
    assert [row.seconds for row in rows] == [5.0, None]
    assert "A GPU" in overview.terminal(_report(_pair("net", 40), latencies=latencies, memories=()))


def test_each_devices_pass_has_its_own_seconds() -> None:
    """Of two passes over one dataset with the same models, neither row has the time of the other."""
    on_gpu = replace(_walk(), seconds=7.0, device="cuda")
    pairs = (_pair("net", 40), PairOutcome(_pair("net", 40).scores, replace(INFO, device="cuda")))
    report = _report(*pairs, latencies=(), memories=())
    rows = overview.rows(replace(report, passes=(_walk(), on_gpu)), "photos")
    assert [(row.device, row.seconds) for row in rows] == [("cpu", 5.0), ("cuda", 2.0)]


def test_csv_has_timms_columns() -> None:
    """Columns have the names of timm's own tables, so that they can be joined by model."""
    [line, _] = csv.DictReader(io.StringIO(overview.as_csv(_report(_pair("net", 40), _pair("other", 30)))))
    timms = {
        "model": "net",
        "top1": "80.0",
        "top1_err": "20.0",
        "top5": "90.0",
        "top5_err": "10.0",
        "param_count": "25.56",
        "img_size": "224",
        "crop_pct": "0.875",
        "interpolation": "bilinear",
        "infer_samples_per_sec": "20.0",
        "infer_step_time": "50.0",
        "infer_batch_size": "8",
        "infer_img_size": "224",
        "infer_gmacs": "4.089",
    }
    assert timms.items() <= line.items()
    ours = {"dataset": "photos", "set_seconds": "5.0", "inference_peak_bytes": "130000000", "p95_ms": "95.0"}
    assert ours.items() <= line.items()


def test_terminal_and_markdown_are_the_same_table() -> None:
    """Both have the same cells in the same order."""
    report = _report(_pair("net", 40), _pair("other", 30))
    [row] = [line.split() for line in overview.terminal(report).splitlines() if line.split()[:1] == ["net"]]
    assert " ".join(row) == " ".join(_table(overview.markdown(report))["net"].values())
