"""What the peak memory of a call is made of."""

import pytest

from drawn import SVG, attributes, description, parsed, texts, tick
from imgcls.reporting.html.charts import memory
from imgcls.reporting.html.charts.figures import MemoryBar

BAR = MemoryBar("net", 5_000_000, 12_000_000, 3_000_000, 100_000)


def test_the_parts_are_named() -> None:
    """The sum stands over the bar, the parts in words in the description and in the legend."""
    chart = memory.draw([BAR], "c")
    assert "net: 20.1 MB" in texts(chart)
    assert description(chart) == "net: weights 5.0 MB, activations 12.0 MB, workspace 3.0 MB, rest 0.1 MB"
    assert set(memory.PARTS) <= set(texts(chart))


def test_the_parts_differ_without_their_colours() -> None:
    """Two are hatched, each in its own way, one is filled and one is hollow."""
    root = parsed(memory.draw([BAR], "c"))
    hatchings = ["".join(pattern[-1].attrib["d"].split()) for pattern in root.iter(f"{SVG}pattern")]
    assert len(hatchings) == len(set(hatchings)) == 2


def test_the_parts_follow_each_other() -> None:
    """Each begins where the one before ends, and is as wide as it is large."""
    chart = memory.draw([BAR], "c")
    bars = [(float(of["x"]), float(of["width"])) for of in attributes(chart, "rect")[:4]]
    megabyte = (tick(chart, "20.0", "x") - tick(chart, "0.0", "x")) / 20
    assert bars[0][0] == tick(chart, "0.0", "x")
    assert [width / megabyte for _, width in bars] == pytest.approx([5, 12, 3, 0.1], abs=0.01)
    assert [x for x, _ in bars[1:]] == pytest.approx([x + width for x, width in bars[:-1]], abs=0.02)
