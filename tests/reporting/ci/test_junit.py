"""imgcls.reporting.ci.junit: every figure under one stable name."""

import pytest

from builders import make_latency, make_memory, make_parity, make_scores
from ci_runs import make_comparison
from imgcls.gates.verdicts import verdict
from imgcls.records.evaluation import Units
from imgcls.records.parity import ContractCheck, ExportCost, ServingCheck, ServingImage
from imgcls.reporting.ci import junit


def test_figures_become_text() -> None:
    """Flat names, whole numbers as they are, others to six digits; what was not measured is left out."""
    figures = {"a": 3, "b": 61.2, "c": 1 / 3, "d": None, "e": True, "f": "x\ny", "g": 104857600, "h": 1e-9}
    assert junit.properties(figures) == [
        ("imgcls.a", "3"),
        ("imgcls.b", "61.2"),
        ("imgcls.c", "0.333333"),
        ("imgcls.e", "true"),
        ("imgcls.f", "x\\ny"),
        ("imgcls.g", "104857600"),
        ("imgcls.h", "1e-09"),
    ]


def test_accuracies_are_those_of_the_result_document() -> None:
    """In per cent, with the 95 % interval of the units."""
    figures = dict(junit.properties(junit.of_scores(make_scores(units=Units(998, 611, 831)))))
    assert figures["imgcls.top1"] == "61.2"
    assert (float(figures["imgcls.top1_low"]), float(figures["imgcls.top1_high"])) == pytest.approx(
        (58.162, 64.197), abs=0.001
    )
    assert {name: figures[f"imgcls.{name}"] for name in ("model", "dataset", "scored", "units", "rejected")} == {
        "model": "net",
        "dataset": "photos",
        "scored": "1000",
        "units": "998",
        "rejected": "0",
    }


def test_without_a_scored_image_there_is_no_accuracy() -> None:
    """No NaN is written."""
    figures = junit.of_scores(make_scores(scored=0, top1_count=0, top5_count=0))
    assert figures["top1"] is figures["top5_high"] is None


def test_verdicts_have_status_and_threshold() -> None:
    """By the metric; one without a number has no threshold."""
    verdicts = [verdict("not worse top1", "fail", "x", 0.01), verdict("golden", "pass", "x")]
    assert junit.of_verdicts(verdicts) == {
        "verdict.not_worse_top1": "fail",
        "threshold.not_worse_top1": 0.01,
        "verdict.golden": "pass",
        "threshold.golden": None,
    }


def test_flips_are_counted_by_kind() -> None:
    """With the exact test."""
    figures = junit.of_comparison(make_comparison(["a.jpg", "b.jpg"]))
    assert (figures["flips"], figures["flips_right_to_wrong"], figures["flips_wrong_to_right"]) == (2, 2, 0)
    assert (figures["compared_losses"], figures["compared_p_value"]) == (2, 0.0625)
    assert figures["baseline"] == "main.json"


def test_what_could_not_be_compared_has_no_flips() -> None:
    """None of them is not the same as none that was seen."""
    refused = make_comparison([], refusals=("input spec",), differences=())
    assert junit.of_comparison(refused) == {"baseline": "main.json"}


def test_times_are_in_milliseconds() -> None:
    """With device, scenario and batch."""
    figures = junit.of_latency(make_latency())
    assert (figures["p50_ms"], figures["p95_ms"], figures["preprocess_ms"]) == (50.0, 95.0, 2.0)
    assert (figures["scenario"], figures["device"], figures["batch"]) == ("SingleStream", "cpu", 1)


def test_sizes_are_in_bytes() -> None:
    """Peaks, and the parts of that of inference."""
    figures = junit.of_memory(make_memory())
    assert (figures["load_peak_bytes"], figures["inference_peak_bytes"]) == (110_000_000, 130_000_000)
    assert (figures["weights_bytes"], figures["activations_bytes"]) == (102_000_000, 25_000_000)


def test_an_export_has_flips_and_costs() -> None:
    """And the verdicts of its gate."""
    parity = make_parity(cost=ExportCost(4_000_000, None, 9_000_000), verdicts=(verdict("flips", "fail", "x", 0.0),))
    figures = junit.of_parity(parity)
    assert (figures["export"], figures["flips"], figures["agreement"]) == ("onnx", 2, "different")
    assert (figures["file_bytes"], figures["p50_ms"], figures["p95_ms"]) == (4_000_000, None, 9.0)
    assert figures["verdict.flips"] == "fail"


def test_an_export_that_failed_has_no_flips() -> None:
    """Where no image has both predictions."""
    assert "flips" not in junit.of_parity(make_parity(images=0, same_top1=0, comparison=None, logits=None))


def test_serving_and_contracts_have_their_status() -> None:
    """With the images that were tried, and the name of the contract."""
    images = (ServingImage("a", "ordinary", 0.1, False), ServingImage("b", "grey", 0.0, True))
    serving = junit.of_serving(ServingCheck("net", "function", "fail", "other", images=images))
    assert (serving["images"], serving["flips"], serving["verdict.serving"]) == (2, 1, "fail")
    contract = junit.of_contract(ContractCheck("net", "batch", "pass", "same"))
    assert (contract["contract"], contract["verdict.contract"]) == ("batch", "pass")
