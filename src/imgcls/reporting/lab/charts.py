"""The charts of a report as PNG: the same bytes for the same figures, without matplotlib's global state."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from imgcls.records.performance import Latency, Memory
from imgcls.records.report import Result
from imgcls.reporting import text_table
from imgcls.reporting.html.charts.canvas import COLOURS, name
from imgcls.reporting.lab import figures
from imgcls.reporting.lab.training_runs import TrainingRun

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH, ROW, MARGIN, DPI = 6.3, 0.45, 1.0, 150  # docs/decisions.md#a-report-to-hand-in
"""Inches: the width of a page's text, the height of a bar, and that of axes and legend; and pixels per inch."""

INK = "#333333"

_SETTINGS: Mapping[str, Any] = {
    "text.parse_math": False, "font.size": 9, "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True,
    "grid.alpha": 0.25, "axes.axisbelow": True, "axes.unicode_minus": False, "hatch.linewidth": 0.8,
}  # fmt: skip


@contextmanager
def _drawn(height: float) -> Iterator[tuple[Figure, io.BytesIO]]:
    """A figure to draw on, and where its PNG is afterwards."""
    from matplotlib import style
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    content = io.BytesIO()
    with style.context(dict(_SETTINGS), after_reset=True), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")  # a name may be in any script
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        FigureCanvasAgg(figure)
        yield figure, content
        figure.savefig(content, format="png", dpi=DPI, metadata={"Software": None})


def _rows(figure: Figure, texts: Sequence[str], label: str) -> Axes:
    """Axes with a row for each text, from above."""
    axes = figure.subplots()
    axes.set_yticks(range(len(texts)), texts)
    axes.set_ylim(len(texts) - 0.5, -0.5)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel(label)
    return axes


def accuracy(results: Sequence[Result]) -> bytes:
    """Top-1 and top-5 of each model with their 95 % intervals."""
    texts = [f"{_name(r.model, untrained=r.untrained)}\n{_per_cent(r)}" for r in results]
    with _drawn(MARGIN + ROW * len(results)) as (figure, content):
        axes = _rows(figure, texts, "accuracy in %, with its 95 % interval")
        for metric, place, colour, label in (("top1", -0.18, COLOURS[0], "top-1"), ("top5", 0.18, COLOURS[2], "top-5")):
            bars = [(row, of) for row, result in enumerate(results) if (of := figures.bounds(result, metric))]  # type: ignore[arg-type]  # one of both
            axes.barh([row + place for row, _ in bars], [of[0] for _, of in bars], 0.34, color=colour, label=label)
            for row, (_, low, high) in bars:
                axes.plot([low, high], [row + place] * 2, color=INK, marker="|", markersize=6, linewidth=1)
        axes.set_xlim(0, 100)
        _legend(figure, axes)
    return content.getvalue()


def latency(latencies: Iterable[Latency]) -> bytes:
    """The median and the 95th percentile of one image at a time."""
    single = [of for of in latencies if of.scenario == "SingleStream"]
    texts = [f"{_on_device(of)}\n{figures.ms(of.p50_ns)} ms" for of in single]
    with _drawn(MARGIN + ROW * len(single)) as (figure, content):
        axes = _rows(figure, texts, "ms for one image: median, and up to the 95th percentile")
        for row, of in enumerate(single):
            axes.barh(row, of.p50_ns / 1e6, 0.6, color=COLOURS[0])
            axes.plot([of.p50_ns / 1e6, of.p95_ns / 1e6], [row, row], color=INK, marker="|", markersize=8)
    return content.getvalue()


def _per_cent(result: Result) -> str:
    """The accuracies that state something."""
    known = {"top-1": figures.bounds(result, "top1"), "top-5": figures.bounds(result, "top5")}
    return ", ".join(f"{label} {figures.per_cent(of[0])}" for label, of in known.items() if of)


MEMORY: Mapping[str, tuple[Callable[[Memory], int], Mapping[str, Any]]] = {
    "libraries": (lambda of: of.libraries_rss_bytes, {"color": "#d0d0d0"}),
    "weights": (lambda of: of.inference.heap_weights_bytes, {"color": COLOURS[0]}),
    "activations": (lambda of: of.inference.activations_bytes, {"color": COLOURS[1]}),
    "workspace": (lambda of: of.inference.workspace_bytes, {"color": COLOURS[2]}),
    "rest": (lambda of: of.inference.rest_bytes, {"color": COLOURS[3]}),
}


def memory(memories: Sequence[Memory]) -> bytes:
    """What the libraries take, and on top of it what the peak of a call is made of."""
    texts = [f"{_on_device(of)}\n{figures.mb(of.libraries_rss_bytes + of.inference.heap_bytes)} MB" for of in memories]
    with _drawn(MARGIN + ROW * len(memories)) as (figure, content):
        axes = _rows(figure, texts, "MB")
        ends = [0.0] * len(memories)
        for part, (size, style) in MEMORY.items():
            sizes = [size(of) / 1e6 for of in memories]
            axes.barh(range(len(memories)), sizes, 0.6, left=ends, label=part, **style)
            ends = [end + size for end, size in zip(ends, sizes, strict=True)]
        _legend(figure, axes)
    return content.getvalue()


PANELS: Mapping[str, Callable[[TrainingRun], Sequence[Sequence[float]]]] = {
    "loss": lambda run: [[e.train.loss for e in run.epochs], [e.validation.loss for e in run.epochs]],
    "top-1 in %": lambda run: [[100 * e.train.top1 for e in run.epochs], [100 * e.validation.top1 for e in run.epochs]],
    "macro F1 in %": lambda run: [
        [100 * e.train.macro_f1 for e in run.epochs],
        [100 * e.validation.macro_f1 for e in run.epochs],
    ],
    "seconds per epoch": lambda run: [[], run.seconds()],
}


def training(runs: Sequence[TrainingRun]) -> bytes:
    """Loss, top-1, F1 and seconds over the epochs: a colour for each run, broken lines for training."""
    with _drawn(5.2) as (figure, content):
        for axes, (label, values) in zip(figure.subplots(2, 2).flat, PANELS.items(), strict=True):
            for run, colour, width in zip(runs, _colours(), _widths(len(runs)), strict=False):
                for line, style in zip(values(run), ("--", "-"), strict=True):
                    axes.plot([e.number for e in run.epochs][: len(line)], line, style, color=colour, linewidth=width)
            axes.set(xlabel="epoch", ylabel=label)
            if "%" in label or "seconds" in label:
                axes.set_ylim(bottom=0)
            axes.xaxis.get_major_locator().set_params(integer=True)
        _legend_of_runs(figure, runs)
    return content.getvalue()


def _colours() -> Iterator[str]:
    while True:
        yield from COLOURS


def _widths(count: int) -> Iterator[float]:
    """Lines that become thinner, so that those of equal runs are seen through each other."""
    return (1.2 + 1.8 * (count - 1 - number) / max(1, count - 1) for number in range(count))


def _legend_of_runs(figure: Figure, runs: Sequence[TrainingRun]) -> None:
    from matplotlib.lines import Line2D

    widths = _widths(len(runs))
    lines = [Line2D([], [], color=c, linewidth=width) for c, width in zip(_colours(), widths, strict=False)]
    lines += [Line2D([], [], color=INK, linestyle=style) for style in ("--", "-")]
    texts = [*(name(run.name) for run in runs), "training images", "validation images"]
    figure.legend(lines, texts, loc="outside upper center", ncols=4, frameon=False)


def _legend(figure: Figure, axes: Axes) -> None:
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels), frameon=False)


def _name(model: str, *, untrained: bool) -> str:
    return text_table.model_name(name(model, 28), untrained=untrained)


def _on_device(of: Latency | Memory) -> str:
    conditions = of.conditions
    return f"{_name(conditions.model, untrained=conditions.untrained)}, {conditions.device}"
