"""Accuracy against latency or memory."""

import pytest

from drawn import SVG, attributes, centres, description, markers, parsed, points, texts, tick
from imgcls.reporting.html.charts import pareto
from imgcls.reporting.html.charts.canvas import COLOURS
from imgcls.reporting.html.charts.figures import Pareto, ParetoPoint

BEST = ParetoPoint("best", 80.1, 77.5, 82.4, 42_000_000)
FAST = ParetoPoint("fast", 61.2, 58.1, 64.2, 12_000_000)
POOR = ParetoPoint("poor", 60.9, 57.8, 63.9, 22_000_000, "fast")
UNCLEAR = ParetoPoint("unclear", 60.8, 57.7, 63.8, 13_000_000)


def test_the_front_goes_from_the_cheapest_to_the_best() -> None:
    """A model that a cheaper one matches is not on it, even if that is not shown to be more than noise."""
    assert pareto.front((BEST, POOR, UNCLEAR, FAST)) == (FAST, BEST)


def test_of_equal_costs_the_more_accurate_is_on_the_front() -> None:
    """The order in which the models are given does not matter."""
    equal = ParetoPoint("equal", 70.0, 67.0, 73.0, FAST.cost)
    assert pareto.front((FAST, equal)) == pareto.front((equal, FAST)) == (equal,)


def test_dominated_models_are_hollow_and_named() -> None:
    """The legend has the number of the model that dominates, the description its name."""
    chart = pareto.draw(Pareto("photos", "latency", (BEST, FAST, POOR)), "c")
    assert "3: poor: 60.9 %, 22.0 ms, dominated by 2" in texts(chart)
    assert "poor: 60.9 %, 22.0 ms, dominated by fast" in description(chart)
    assert markers(chart, COLOURS[0]) == 2
    assert {"median latency in ms", "top-1 in %"} <= set(texts(chart))


def test_memory_is_in_megabytes() -> None:
    """A cost in bytes is written in MB."""
    chart = pareto.draw(Pareto("photos", "memory", (BEST,)), "c")
    assert "1: best: 80.1 %, 42.0 MB" in texts(chart)
    assert "peak memory in MB" in texts(chart)


def test_numbers_of_points_at_one_place_do_not_cover_each_other() -> None:
    """Two models of the same costs and accuracy have their numbers on two sides."""
    twin = ParetoPoint("twin", 80.1, 77.5, 82.4, 42_000_000)
    root = parsed(pareto.draw(Pareto("photos", "latency", (BEST, twin, FAST)), "c"))
    bold = [text for text in root.iter(f"{SVG}text") if text.get("font-weight") == "700"]
    at = {text.text: complex(float(text.get("x", 0)), float(text.get("y", 0))) for text in bold}
    points = [complex(float(of.get("cx", 0)), float(of.get("cy", 0))) for of in root.iter(f"{SVG}circle")]
    assert at.keys() == {"1", "2", "3"}
    assert abs(at["1"] - at["2"]) > 10
    assert all(min(abs(number - point) for point in points) < 25 for number in at.values())


def test_the_line_goes_along_the_front_and_then_up() -> None:
    """Whoever pays less than the next model on the front has the accuracy of the one before it."""
    chart = pareto.draw(Pareto("photos", "latency", (FAST, POOR, BEST)), "c")
    (fast, best), [line] = centres(chart, COLOURS[0]), attributes(chart, "path", stroke=COLOURS[0])
    assert points(line) == [fast, (best[0], fast[1]), best]


def test_a_point_has_its_cost_and_its_accuracy() -> None:
    """With its interval above and below it."""
    chart = pareto.draw(Pareto("photos", "latency", (BEST, FAST)), "c")
    best, fast = centres(chart, COLOURS[0])
    millisecond = (tick(chart, "40", "x") - tick(chart, "20", "x")) / 20
    per_cent = (tick(chart, "80", "y") - tick(chart, "60", "y")) / 20
    assert (best[0] - fast[0], best[1] - fast[1]) == pytest.approx((30 * millisecond, 18.9 * per_cent), abs=0.05)
    low, high = points(attributes(chart, "path", **{"stroke-width": "1", "opacity": "0.6"})[0])
    assert low == pytest.approx((best[0], best[1] - 2.6 * per_cent), abs=0.05)
    assert high == pytest.approx((best[0], best[1] + 2.3 * per_cent), abs=0.05)
