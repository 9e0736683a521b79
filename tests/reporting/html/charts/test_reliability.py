"""Whether a model is as often right as it is confident."""

import pytest

from drawn import BINS, attributes, centres, description, texts, tick
from imgcls.reporting.html.charts import reliability
from imgcls.reporting.html.charts.canvas import COLOURS, WRONG
from imgcls.reporting.html.charts.figures import ConfidenceBin, Confidences

FIGURE = Confidences("net", "photos", BINS)


def test_a_bin_has_its_upper_edge() -> None:
    """0.5 is in the bin that ends there, 0 in the first, 1 in the last: every image is counted once."""
    assert reliability.bins([0.0, 0.5, 0.75, 1.0], [False, True, True, True], count=2) == (
        ConfidenceBin(0.0, 0.5, 2, 1, 0.25),
        ConfidenceBin(0.5, 1.0, 2, 2, 0.875),
    )


def test_every_confidence_is_in_one_of_ten_bins() -> None:
    """Also those at the edges."""
    confidences = [number / 1000 for number in range(1001)]
    assert sum(part.count for part in reliability.bins(confidences, [True] * 1001)) == 1001


def test_an_empty_bin_has_its_middle() -> None:
    """No image has a mean confidence there."""
    assert reliability.bins([], [], count=1) == (ConfidenceBin(0.0, 1.0, 0, 0, 0.5),)


def test_the_calibration_error_weighs_bins_by_their_images() -> None:
    """10 images with 0.2 right of 0.3, and 40 with 0.9 of 0.9, are a fifth of 0.1."""
    assert reliability.calibration_error(BINS) == pytest.approx(0.02)
    assert reliability.calibration_error(()) == 0.0


def test_the_diagram_has_counts_and_the_error() -> None:
    """The number of images stands over each bin that has some, the figures in the description."""
    chart = reliability.diagram(FIGURE, "c")
    assert "expected calibration error 0.020; dashed: as right as confident" in texts(chart)
    assert {"10", "40"} <= set(texts(chart))
    assert description(chart).endswith("; 50 to 100 %: 36 of 40 right, mean confidence 90.0%")


def test_the_histogram_has_right_and_wrong() -> None:
    """Both with their sums; no count is negative, though wrong ones point downwards."""
    chart = reliability.histogram(FIGURE, "c")
    assert {"right (up): 38", "wrong (down): 12"} <= set(texts(chart))
    assert not [text for text in texts(chart) if text.startswith("-")]
    assert description(chart) == "38 right, 12 wrong; 0 to 50 %: 2 right, 8 wrong; 50 to 100 %: 36 right, 4 wrong"


def test_a_point_has_its_confidence_and_its_accuracy() -> None:
    """2 of 10 right with a mean confidence of 0.3, and 36 of 40 with 0.9."""
    chart = reliability.diagram(FIGURE, "c")
    right = tick(chart, "100", "x") - tick(chart, "0", "x")
    up = tick(chart, "100", "y") - tick(chart, "0", "y")
    low, high = centres(chart, COLOURS[0])
    assert (high[0] - low[0], high[1] - low[1]) == pytest.approx((0.6 * right, 0.7 * up), abs=0.05)


def test_bars_are_as_high_as_their_counts() -> None:
    """Right ones stand on the line, wrong ones hang below it."""
    chart = reliability.histogram(FIGURE, "c")
    image = (tick(chart, "0", "y") - tick(chart, "30", "y")) / 30
    right = attributes(chart, "rect", fill=COLOURS[0])[:2]
    wrong = attributes(chart, "rect", stroke=WRONG)[:2]
    assert [float(of["height"]) / image for of in right] == pytest.approx([2, 36], abs=0.05)
    assert [float(of["height"]) / image for of in wrong] == pytest.approx([8, 4], abs=0.05)
    assert {round(float(of["y"]), 1) for of in wrong} == {
        round(float(of["y"]) + float(of["height"]), 1) for of in right
    }
