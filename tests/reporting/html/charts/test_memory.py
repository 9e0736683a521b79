"""What the peak memory of a call is made of."""

from drawn import SVG, description, parsed, texts
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
