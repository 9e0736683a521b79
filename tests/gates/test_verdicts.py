"""imgcls.gates.verdicts: a verdict carries data, and its condition is rendered from them."""

import pytest

from imgcls.gates.verdicts import verdict
from imgcls.records.evaluation import Verdict


@pytest.mark.parametrize(
    ("metric", "threshold", "check"),
    [
        ("top1", 0.612, "top1 >= 0.612"),
        ("top5", 1.0, "top5 >= 1"),
        ("macro_f1", 0.65, "macro_f1 >= 0.65"),
        ("images", 1_281_167, "images >= 1281167"),
        ("images", None, "images > 0"),
        ("rejected", 0.0, "rejected <= 0"),
        ("p95_ms", 40.5, "p95_ms <= 40.5"),
        ("images_per_second", 20.0, "images_per_second >= 20"),
        ("host_bytes", 400_000_000, "host <= 400 MB"),
        ("gpu_bytes", 1, "gpu <= 1e-06 MB"),
        ("growth", None, "no growth"),
        ("slowdown", 0.05, "not slower by 5 %"),
        ("golden", None, "golden"),
        ("comparable", None, "comparable"),
        ("same images", None, "same images"),
    ],
)
def test_the_condition_is_rendered_from_metric_and_threshold(metric: str, threshold: float | None, check: str) -> None:
    """Metric and threshold stay as they are, and the check states in which direction and unit they are compared."""
    assert verdict(metric, "pass", "message", threshold) == Verdict(metric, threshold, check, "pass", "message")


@pytest.mark.parametrize(
    ("metric", "check"), [("top1", "top1 >= 0.6 at 99.9 %"), ("not worse top5", "top5 not worse by 0.6 at 99.9 %")]
)
def test_a_confidence_is_part_of_the_condition(metric: str, check: str) -> None:
    """A threshold that must be shown names the confidence with which."""
    assert verdict(metric, "fail", "message", 0.6, 0.999).check == check


def test_a_message_is_seen() -> None:
    """It reaches reports of tests, where a terminal would obey what names hold."""
    assert verdict("top1", "fail", "lost most: \x1b[31mcat\u202e 5/5\n  more").message == (
        r"lost most: \x1b[31mcat\u202e 5/5" "\n  more"
    )
