"""imgcls.reporting.lab.charts: PNG files."""

import io
from collections.abc import Callable
from dataclasses import replace

import matplotlib as mpl
import pytest
from PIL import Image

from builders import HOSTILE, make_latency, make_memory
from imgcls.reporting.lab import charts
from lab_parts import make_contents, make_run

DRAWN: dict[str, Callable[[], bytes]] = {
    "accuracy": lambda: charts.accuracy(make_contents().results),
    "latency": lambda: charts.latency(make_contents().report.latencies),
    "memory": lambda: charts.memory(make_contents().report.memories),
    "training": lambda: charts.training([make_run(), make_run("b")]),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", DRAWN)
def test_the_same_figures_give_the_same_bytes(name: str) -> None:
    """Whatever the process has set for its own charts, which stays as it is; without a date."""
    first = DRAWN[name]()
    with mpl.rc_context({"font.size": 30, "axes.facecolor": "red"}):
        assert DRAWN[name]() == first
        assert mpl.rcParams["font.size"] == 30
    with Image.open(io.BytesIO(first)) as image:
        assert (image.format, image.width) == ("PNG", 945)
        assert set(image.info) <= {"dpi"}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["$x^{$", "猫", "n" * 300, HOSTILE, "_"])
def test_any_name_can_be_drawn(name: str) -> None:
    """Nothing is taken for mathematics, and a letter that the font lacks is no error."""
    result = replace(make_contents().results[0], model=name, untrained=True)
    for content in (
        charts.accuracy([result]),
        charts.latency([make_latency(model=name)]),
        charts.memory([make_memory(name)]),
        charts.training([make_run(name)]),
    ):
        with Image.open(io.BytesIO(content)) as image:
            assert image.width == 945


def test_untrained_is_stated_in_the_charts_too() -> None:
    """Even where the name is too long to be shown whole."""
    assert charts._name("n" * 300, untrained=True).endswith(" (untrained)")
