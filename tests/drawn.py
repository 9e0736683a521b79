"""Every chart of the report, drawn, and what stands in a chart."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Literal
from xml.etree import ElementTree as ET

from imgcls.reporting.html.charts import accuracy_bars, curves, latencies, memory, pareto, reliability
from imgcls.reporting.html.charts.figures import (
    AccuracyBar,
    ConfidenceBin,
    Confidences,
    Curve,
    CurvePoint,
    LatencyRow,
    MemoryBar,
    Pareto,
    ParetoPoint,
)  # fmt: skip

SVG = "{http://www.w3.org/2000/svg}"

BINS = (ConfidenceBin(0.0, 0.5, 10, 2, 0.3), ConfidenceBin(0.5, 1.0, 40, 36, 0.9))


def make_latency_row(model: str, *times_ms: float) -> LatencyRow:
    """A model with these times, the last of which is its 95th and its 99th percentile."""
    times = [round(1e6 * time) for time in times_ms]
    return LatencyRow(model, tuple(times), times[len(times) // 2], times[-1], times[-1])


def make_curve(name: str, epochs: int = 3, seconds: float | None = 2.0) -> Curve:
    """A run that becomes better in every epoch."""
    return Curve(
        name, tuple(CurvePoint(at, 1 / at, 1.5 / at, 50 + at, 40 + at, seconds) for at in range(1, epochs + 1))
    )


CHARTS: Mapping[str, Callable[[str, str], str]] = {
    "bars": lambda name, ident: accuracy_bars.draw([AccuracyBar(name, 61.2, 58.1, 64.2, 1000)], ident),
    "memory": lambda name, ident: memory.draw([MemoryBar(name, 5_000_000, 12_000_000, 3_000_000, 100_000)], ident),
    "latencies": lambda name, ident: latencies.draw([make_latency_row(name, 10, 11, 12)], ident),
    "pareto": lambda name, ident: pareto.draw(
        Pareto(name, "memory", (ParetoPoint(name, 61.2, 58.1, 64.2, 20_000_000, name),)), ident
    ),
    "diagram": lambda name, ident: reliability.diagram(Confidences(name, name, BINS), ident),
    "histogram": lambda name, ident: reliability.histogram(Confidences(name, name, BINS), ident),
    "curves": lambda name, ident: curves.draw([make_curve(name)], ident),
}
"""Each chart by its word: drawn with a name of a model, a dataset or a run, and with an identifier."""


@cache
def chart(word: str, name: str = "net", ident: str = "c") -> str:
    """One of the charts, drawn once in a run."""
    return CHARTS[word](name, ident)


def parsed(markup: str) -> ET.Element:
    """The root of a chart."""
    return ET.fromstring(markup)  # noqa: S314  # our own


def texts(markup: str) -> list[str]:
    """The texts that are seen, in the order of the drawing."""
    return [element.text or "" for element in parsed(markup).iter(f"{SVG}text")]


def title(markup: str) -> str:
    """The title."""
    return parsed(markup).findtext(f"{SVG}title", "")


def description(markup: str) -> str:
    """The figures in words."""
    return parsed(markup).findtext(f"{SVG}desc", "")


def markers(markup: str, fill: str) -> int:
    """How many round markers are drawn with this fill."""
    groups = (group for group in parsed(markup).iter(f"{SVG}g") if group.get("fill") == fill)
    return sum(len(group.findall(f"{SVG}circle")) for group in groups)


def attributes(markup: str, tag: str, **wanted: str) -> list[dict[str, str]]:
    """Those of every element of this name that has the wanted ones, in the order of the drawing."""
    elements = (element.attrib for element in parsed(markup).iter(f"{SVG}{tag}"))
    return [of for of in elements if wanted.items() <= of.items()]


def centres(markup: str, fill: str) -> list[tuple[float, float]]:
    """The places of round markers with this fill."""
    groups = (group for group in parsed(markup).iter(f"{SVG}g") if group.get("fill") == fill)
    circles = (circle for group in groups for circle in group.iter(f"{SVG}circle"))
    return [(float(circle.attrib["cx"]), float(circle.attrib["cy"])) for circle in circles]


def points(path: Mapping[str, str]) -> list[tuple[float, float]]:
    """The corners of a path."""
    corners = path["d"].replace("M", "L").strip("Lz").split("L")
    return [(float(x), float(y)) for x, y in (corner.split() for corner in corners)]


def tick(markup: str, text: str, along: Literal["x", "y"]) -> float:
    """Where a tick of this text stands on the lower or the left axis, the first one; of the latter, its base line."""
    anchor = {"x": "middle", "y": "end"}[along]
    elements = parsed(markup).iter(f"{SVG}text")
    return next(float(of.attrib[along]) for of in elements if of.text == text and of.get("text-anchor") == anchor)
