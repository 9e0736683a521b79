"""The table of what scoring takes, and the figures that pytest-benchmark keeps."""

import platform
import statistics
from collections.abc import Iterable, Iterator, Sequence
from importlib import metadata
from importlib.util import find_spec
from typing import Any, NamedTuple

from rich import box
from rich.console import Console
from rich.table import Table

from imgcls.system import machine
from scoring_rounds import LOOPS, TUTORIAL, Round, Scene, Scored

COLUMNS = (
    "models", "what", "images/s", "x the loop", "compile s", "x the loop, compiling counted", "load s", "all s",
    "% of the floor", "peak RSS MB", "top-1", "top-5",
)  # fmt: skip


class Row(NamedTuple):
    """A line of the table, one field for each of :data:`COLUMNS`."""

    models: str
    what: str
    rate: str
    ratio: str = ""
    compile: str = ""
    ratio_compiled: str = ""
    load: str = ""
    all: str = ""
    fraction: str = ""
    peak: str = ""
    top1: str = ""
    top5: str = ""


def figures(rounds: Sequence[Round]) -> dict[str, Any]:
    """What pytest-benchmark keeps with the time of the whole of ours."""
    return {
        "images": rounds[0].cold.images,
        "runtimes": rounds[0].cold.counted("runtime"),
        "seconds": [one.cold.seconds for one in rounds],
        "compile_seconds": [one.cold.spent("compile") for one in rounds],
        "load_seconds": [one.cold.spent("load") for one in rounds],
        "stored_seconds": [one.stored.all_seconds for one in rounds],
        "decode_seconds": [one.cold.decode_seconds for one in rounds],
        "model_seconds": [one.cold.spent("model") for one in rounds],
        "floor_seconds": [one.floor_seconds for one in rounds],
        "floor": [one.floor for one in rounds],
        "peak_rss_mb": [one.cold.peak_rss_mb for one in rounds],
        "loop_seconds": {kind: [one.loop_seconds(kind) for one in rounds] for kind in LOOPS},
    }


def rows(models: Sequence[str], rounds: Sequence[Round]) -> Iterator[Row]:
    title, loops = ", ".join(models), [one.loop_seconds(TUTORIAL) for one in rounds]
    cold, stored = [one.cold for one in rounds], [one.stored for one in rounds]
    yield from _loop_rows(title, rounds)
    ours = _our_row(title, f"imgcls, empty store: {_joined(cold[0].counted('runtime').values())}", loops, cold)
    fraction = statistics.median(one.floor_seconds / one.cold.seconds for one in rounds)
    yield ours._replace(fraction=f"{100 * fraction:.0f}")
    yield _our_row(title, "imgcls, from the store", loops, stored)
    decoding = 1e3 * statistics.median(one.floor["decode_core_seconds"] for one in rounds)
    networks = 1e3 * statistics.median(one.network_seconds for one in rounds)
    what = f"the floor: decoding {decoding:.2f} ms of a core, networks {networks:.2f} ms of all"
    yield Row(title, what, _rate(rounds[0].cold.images, [one.floor_seconds for one in rounds]))


def _loop_rows(title: str, rounds: Sequence[Round]) -> Iterator[Row]:
    for kind, (batch, workers) in LOOPS.items():
        seconds = [one.loop_seconds(kind) for one in rounds]
        outcomes = [outcome for (other, _), outcome in rounds[-1].loops.items() if other == kind]
        if outcomes:
            yield Row(
                title,
                f"{kind}: batches of {batch}, {workers} workers",
                _rate(rounds[0].cold.images, seconds),
                ratio=_ratio([one.loop_seconds(TUTORIAL) for one in rounds], seconds),
                top1=_joined(one["top1_count"] for one in outcomes),
                top5=_joined(one["top5_count"] for one in outcomes),
            )


def _our_row(title: str, what: str, loops: Sequence[float], scored: Sequence[Scored]) -> Row:
    return Row(
        title,
        what,
        _rate(scored[0].images, [one.seconds for one in scored]),
        ratio=_ratio(loops, [one.seconds for one in scored]),
        compile=_median(one.spent("compile") for one in scored),
        ratio_compiled=_ratio(loops, [one.seconds + one.spent("compile") for one in scored]),
        load=_median(one.spent("load") for one in scored),
        all=_median(one.all_seconds for one in scored),
        peak=f"{statistics.median(one.peak_rss_mb for one in scored):.0f}",
        top1=_joined(scored[-1].counted("top1_count").values()),
        top5=_joined(scored[-1].counted("top5_count").values()),
    )


def _rate(images: int, seconds: Sequence[float]) -> str:
    return f"{images / statistics.median(seconds):.1f}"


def _ratio(loops: Sequence[float], seconds: Sequence[float]) -> str:
    """The median over the rounds, with the lowest and the highest."""
    ratios = sorted(loop / ours for loop, ours in zip(loops, seconds, strict=True))
    spread = f" ({ratios[0]:.2f} to {ratios[-1]:.2f})" if len(ratios) > 1 else ""
    return f"{statistics.median(ratios):.2f}{spread}"


def _median(seconds: Iterable[float]) -> str:
    return f"{statistics.median(seconds):.2f}"


def _joined(values: Iterable[object]) -> str:
    return " / ".join(dict.fromkeys(map(str, values)))


def show(scene: Scene, others: float) -> None:
    """The table, as Markdown, with the machine and the versions above it.

    ``others``: the share of other processes in the CPU time of the measurement; threads that wait for each other
    suffer most.
    """
    cpu = machine.describe(scene.device)
    packages = ["torch", "torchvision", "timm", "pillow", *(["openvino"] if find_spec("openvino") else [])]
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in packages)
    table = Table(*COLUMNS, box=box.MARKDOWN)
    for row in scene.rows:
        table.add_row(*row)
    request = scene.request
    console = Console(width=300, markup=False, highlight=False)
    console.print(
        f"\n{scene.images}, rounds: {request.rounds}; {scene.device}, {request.precision}, {request.decode} decoding; "
        f"{cpu.cpu}, {cpu.cores} cores{f', {cpu.gpu}' if cpu.gpu else ''}; "
        f"{versions}, Python {platform.python_version()}; {100 * others:.0f} % of the CPU time was other processes'"
    )
    console.print(table)
