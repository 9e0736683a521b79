"""imgcls.reporting.overview: one table of quality, time and memory."""

import csv
import io
from dataclasses import replace
from typing import Any

import numpy as np

from builders import CONDITIONS, MACHINE, make_gpu_memory, make_latency, make_memory
from imgcls.records.config import InputSpec
from imgcls.records.evaluation import DatasetOutcome, ModelInfo, PairOutcome, Scores
from imgcls.records.performance import Latency
from imgcls.records.report import Report
from imgcls.reporting import overview, result_document
from imgcls.reporting.presentation import Presentation

WIDE = Presentation(400)

HALF = (0.5, 0.5, 0.5)
INPUT = InputSpec(256, (224, 224), "center", "bilinear", HALF, HALF)
INFO = ModelInfo("eager", "float32", "cpu", INPUT, "ab" * 32, "cd" * 32, 25_557_032, 0.875, 102_000_000)


def _pair(model: str, top1: int, **more: Any) -> PairOutcome:
    scores = Scores(model, "photos", listed=50, scored=50, distinct=50, top1_count=top1, top5_count=45)
    return PairOutcome(scores, **{"facts": INFO, "set_seconds": 5.0, **more})


def _report(*pairs: PairOutcome, **figures: Any) -> Report:
    built = result_document.build([DatasetOutcome("photos", "ignore", True, (), pairs, ())], {}, True)
    both = ("net", "other")
    given = {
        "latencies": tuple(make_latency(s, model=m) for m in both for s in ("SingleStream", "Offline")),
        "memories": tuple(map(make_memory, both)),
    }
    return replace(built, **{**given, **figures})


def _terminal(report: Report) -> str:
    return "\n".join(overview.terminal(report, WIDE))


def _table(text: str) -> dict[str, dict[str, str]]:
    """The rows of a Markdown table by model."""
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if "|" in line]
    header, _, *rows = lines
    return {row[0]: dict(zip(header, row, strict=True)) for row in rows}


def test_a_row_has_quality_time_and_memory() -> None:
    """Each figure is under its own heading, with units."""
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
    }


def _dominated(*pairs: PairOutcome, **figures: Any) -> list[str]:
    """What stands under "dominated by" in both rows; nothing, where the column is left out."""
    table = _table(overview.markdown(_report(*pairs, **figures)))
    return [table[name].get("dominated by", "") for name in ("net", "other")]


def _timed(net: float, other: float, noise: float = 0.02) -> tuple[Latency, ...]:
    """Both models one image at a time, in ms, with noise from round to round."""
    source = np.random.default_rng(1)
    all_rounds = [tuple(round(1e6 * ms * factor) for factor in source.lognormal(0, noise, 100)) for ms in (net, other)]
    return tuple(
        make_latency(model=name, rounds_ns=rounds, p50_ns=sorted(rounds)[50])
        for name, rounds in zip(("net", "other"), all_rounds, strict=True)
    )


def test_a_dominated_model_is_marked() -> None:
    """It is shown to be worse somewhere and is nowhere better; equals do not dominate each other."""
    assert _dominated(_pair("net", 45), _pair("other", 20)) == ["-", "net"]
    assert _dominated(_pair("net", 40), _pair("other", 40)) == ["", ""]
    smaller = (make_memory("net"), make_memory("other", inference=120_000_000))
    assert _dominated(_pair("net", 45), _pair("other", 20), memories=smaller) == ["", ""]


def test_noise_dominates_nothing() -> None:
    """Neither a few images, nor times that a busy machine scattered, nor bytes that Python allocates."""
    assert _dominated(_pair("net", 40), _pair("other", 37)) == ["", ""]
    scattered = _timed(290, 565, noise=1.5)
    assert scattered[1].p50_ns > 1.3 * scattered[0].p50_ns
    assert _dominated(_pair("net", 40), _pair("other", 40), latencies=scattered) == ["", ""]
    bytes_apart = (make_memory("net"), make_memory("other", inference=130_000_100))
    assert _dominated(_pair("net", 40), _pair("other", 40), memories=bytes_apart) == ["", ""]


def test_noise_saves_no_model() -> None:
    """Less by noise is no advantage: a model that is shown to be less accurate is dominated all the same."""
    hardly_slower, bytes_more = _timed(50.1, 50), (make_memory("net", inference=130_000_100), make_memory("other"))
    pairs = _pair("net", 45), _pair("other", 20)
    assert _dominated(*pairs, latencies=hardly_slower, memories=bytes_more) == ["-", "net"]


def test_a_faster_model_dominates() -> None:
    """A tenth less time is shown, where images and memory are the same."""
    assert _dominated(_pair("net", 40), _pair("other", 40), latencies=_timed(50, 55)) == ["-", "net"]
    assert _dominated(_pair("net", 39), _pair("other", 40), latencies=_timed(50, 55)) == ["", ""]


def test_figures_that_were_not_measured_are_absent() -> None:
    """Columns without any figure are left out, and single ones are a dash."""
    stored = _table(overview.markdown(_report(_pair("net", 40, set_seconds=None), _pair("other", 30))))
    assert [stored[name]["s / set"] for name in ("net", "other")] == ["-", "5.0"]
    without = _table(overview.markdown(_report(_pair("net", 40), _pair("other", 30), latencies=())))
    assert "p50 ms" not in without["net"]
    assert "images/s" not in without["net"]
    assert "dominated by" not in without["other"]


def test_a_timing_that_ran_out_of_time_is_marked() -> None:
    """Its figures are of few rounds, with or without a limit that would say so."""
    cut = tuple(make_latency(scenario, rounds=7, cut_short=True) for scenario in ("SingleStream", "Offline"))
    row = _table(overview.markdown(_report(_pair("net", 40), latencies=cut)))["net"]
    assert (row["p50 ms"], row["images/s"]) == ("50.0 (few rounds)", "20.0 (few rounds)")


def test_without_scores_there_is_still_a_table() -> None:
    """A run that only timed shows its times, and the machine."""
    timed = replace(result_document.build([], {}, True), latencies=(make_latency(),))
    text = _terminal(timed)
    assert text.startswith("measured (A fine CPU, 2 cores, 2 threads, torch 2.14.0)")
    assert "top-1" not in text
    assert " 50.0 " in text


def test_a_quota_stands_next_to_the_cores() -> None:
    """Times of a container are not those of all its machine's cores."""
    limited = replace(CONDITIONS, threads=1, machine=replace(MACHINE, quota=0.5))
    timed = replace(result_document.build([], {}, True), latencies=(make_latency(conditions=limited),))
    assert _terminal(timed).startswith("measured (A fine CPU, 2 cores, a quota of 0.5 CPUs, 1 thread, torch")


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
    assert "A GPU" in _terminal(_report(_pair("net", 40), latencies=latencies, memories=()))


def test_each_device_has_its_own_seconds() -> None:
    """Of two runs over one dataset with the same model, neither row has the time of the other."""
    pairs = (_pair("net", 40), _pair("net", 40, facts=replace(INFO, device="cuda"), set_seconds=2.0))
    rows = overview.rows(_report(*pairs, latencies=(), memories=()), "photos")
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
    [row] = [line.split() for line in _terminal(report).splitlines() if line.split()[:1] == ["net"]]
    assert " ".join(row) == " ".join(_table(overview.markdown(report))["net"].values())


def test_a_name_is_one_cell_of_markdown() -> None:
    """Its bars are no borders, and its line breaks end no row."""
    report = _report(_pair("n|e\nt", 40), latencies=(), memories=())
    assert r"| n\|e\\nt | cpu |" in overview.markdown(report)


def test_memory_on_a_gpu_is_the_gpus() -> None:
    """The peaks are what torch allocated there, of which weights are a part and activations are not told apart."""
    pair = _pair("net", 40, facts=replace(INFO, device="cuda"))
    row = _table(overview.markdown(_report(pair, latencies=(), memories=(make_gpu_memory(),))))["net"]
    assert (row["peak MB"], row["weights"], row["load MB"]) == ("260", "102", "140")
    assert "activations" not in row
