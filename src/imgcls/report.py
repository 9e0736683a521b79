"""What a run found, as a JSON document and as tables. Renderers return strings; files belong to the caller."""

import io
import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import IO, Any

import msgspec
from rich import box
from rich.console import Console
from rich.table import Table

from imgcls import scoring, stats
from imgcls.records import DatasetOutcome, Facts, PairOutcome, Pass, Prediction, Report, Result, Verdict
from imgcls.store import Store

FORMAT = 1
DESCRIBED = (
    "runtime",
    "precision",
    "device",
    "input",
    "weights_file_sha256",
    "state_sha256",
    "param_count",
    "img_size",
    "crop_pct",
    "interpolation",
)
COLUMNS = (
    "model",
    "data set",
    "images",
    "top-1 %",
    "95 %",
    "top-5 %",
    "95 %",
    "seconds",
    "images/s",
    "load s",
    "peak RSS",
    "params",
)
LIBRARIES = ("imgcls", "torch", "torchvision", "timm", "pillow", "numpy")
REJECTED_SHOWN = 20
UNFOLDED = 1000


def build(
    outcomes: Sequence[DatasetOutcome], verdicts: Mapping[tuple[str, str], Sequence[Verdict]], complete: bool
) -> Report:
    """The report of a run: ``complete`` says that nothing selected is missing from ``outcomes``."""
    return Report(
        made_at=datetime.now(UTC).isoformat(timespec="seconds"),
        complete=complete and all(outcome.complete for outcome in outcomes),
        environment=_environment(),
        passes=tuple(p for outcome in outcomes for p in outcome.passes),
        results=tuple(_result(pair, outcome, verdicts) for outcome in outcomes for pair in outcome.pairs),
        rejections=tuple(rejection for outcome in outcomes for rejection in outcome.rejections),
    )


def _environment() -> dict[str, str]:
    versions = {name: metadata.version(name) for name in LIBRARIES}
    return {"python": platform.python_version(), "platform": platform.platform(), **versions}


def _result(
    pair: PairOutcome, outcome: DatasetOutcome, verdicts: Mapping[tuple[str, str], Sequence[Verdict]]
) -> Result:
    scores = pair.scores
    seconds = sum(p.seconds for p in outcome.passes if scores.model in p.models)
    computed = scores.scored - pair.from_store
    counts = ("listed", "scored", "rejected", "ignored", "unscored", "distinct", "top1_count", "top5_count")
    return Result(
        model=scores.model,
        dataset=scores.dataset,
        **(_described(pair.facts) if pair.facts else dict.fromkeys(DESCRIBED)),
        **{name: getattr(scores, name) for name in counts},
        **_accuracy("top1", scores.top1_count, scores.scored),
        **_accuracy("top5", scores.top5_count, scores.scored),
        overall_top5=tuple((g.index, g.name, g.probability) for g in pair.overall),
        images_per_second=computed / seconds if seconds and computed > 0 else None,
        from_store=pair.from_store,
        ids_ignored=pair.ids_ignored,
        prediction_key=pair.prediction_key,
        classes=scores.classes,
        failure=pair.failure,
        verdicts=tuple(verdicts.get((scores.model, scores.dataset), ())),
    )


def _described(facts: Facts) -> dict[str, Any]:
    """The columns that say what the model is; without a loaded model they are empty."""
    values = (
        facts.runtime,
        facts.precision,
        facts.device,
        str(facts.input),
        facts.weights_file_sha256,
        facts.state_sha256,
        round(facts.parameters / 1e6, 2),
        facts.input.crop[0],
        facts.crop_pct,
        facts.input.interpolation,
    )
    return dict(zip(DESCRIBED, values, strict=True))


def _accuracy(name: str, count: int, n: int) -> dict[str, Any]:
    """Per cent of the scored pictures with the 95 % Wilson interval, under timm's names."""
    keys = (name, f"{name}_err", f"{name}_low", f"{name}_high")
    if not n:
        return dict.fromkeys(keys)
    interval, value = stats.wilson(count, n), 100 * count / n
    return dict(zip(keys, (value, 100 - value, 100 * interval.low, 100 * interval.high), strict=True))


def predictions(store: Store, run: str, outcomes: Sequence[DatasetOutcome]) -> Iterator[Prediction]:
    """The five best on every picture by every model, read from the store part by part."""
    for outcome in outcomes:
        pairs = [(p, store.names(p.labels)) for p in outcome.pairs if p.labels is not None and p.failure is None]
        for part in store.listing(run, outcome.dataset):
            images = [image for _, image, _ in part]
            answers = [store.answers(str(pair.prediction_key), images) for pair, _ in pairs]
            for path, image, label in part:
                for (pair, names), known in zip(pairs, answers, strict=True):
                    if image in known:
                        top = tuple((g.index, g.name, g.probability) for g in scoring.guesses(known[image], names))
                        yield Prediction(pair.scores.model, outcome.dataset, path, image, label, top)


def write_json(stream: IO[bytes], report: Report, of_images: Iterator[Prediction] | None) -> None:
    """The result document (format 1), one prediction a line; ``None`` leaves the predictions out."""
    stream.write(b'{"format":%d,' % FORMAT + msgspec.json.encode(report)[1:-1])
    if of_images is not None:
        stream.write(b',"predictions":[')
        for number, prediction in enumerate(of_images):
            stream.write((b",\n" if number else b"\n") + msgspec.json.encode(prediction))
        stream.write(b"\n]")
    stream.write(b"}\n")


def save(path: Path, report: Report, of_images: Iterator[Prediction] | None) -> None:
    """:func:`write_json` into a file that is whole or, after any failure, what it was before. Raises OSError."""
    half = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with half.open("wb") as stream:
            write_json(stream, report, of_images)
        half.replace(path)
    finally:
        half.unlink(missing_ok=True)


def text(report: Report, width: int) -> str:
    """The terminal's summary: the table, the overall five classes, the failures, the rejected files.

    The table keeps one line per model, however narrow the terminal.
    """
    unfolded, console = _console(UNFOLDED), _console(width)
    unfolded.print(_results_table(report))
    if any(len(walk.models) > 1 for walk in report.passes):
        console.print("seconds and images/s: of the pass that the models of a data set share")
    if any(result.overall_top5 for result in report.results):
        console.print(_overall_table(report.results))
    for result in report.results:
        if result.failure:
            console.print(f"{result.model} on {result.dataset}: {result.failure.message}", soft_wrap=True)
    if report.rejections:
        console.print(_rejections(report), soft_wrap=True)
    return _printed(unfolded) + _printed(console)


def _table(*columns: str, left: int) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for number, column in enumerate(columns):
        first = number < left
        table.add_column(column, justify="left" if first else "right", overflow="fold", no_wrap=first)
    return table


def _results_table(report: Report) -> Table:
    table = _table(*COLUMNS, left=2)
    for result in report.results:
        walk = next((p for p in report.passes if p.dataset == result.dataset and result.model in p.models), None)
        table.add_row(
            result.model,
            result.dataset,
            str(result.scored),
            *_per_cent(result.top1, result.top1_low, result.top1_high),
            *_per_cent(result.top5, result.top5_low, result.top5_high),
            *_costs(result, walk),
        )
    return table


def _per_cent(value: float | None, low: float | None, high: float | None) -> tuple[str, str]:
    if value is None or low is None or high is None:
        return "-", "-"
    return two_sided(value), f"{two_sided(low)}-{two_sided(high)}"


def two_sided(per_cent: float) -> str:
    """One decimal; 100.0 and 0.0 only where they are exact."""
    if 0 < per_cent < 100:
        return f"{min(max(per_cent, 0.1), 99.9):.1f}"
    return f"{per_cent:.1f}"


def _costs(result: Result, walk: Pass | None) -> Iterator[str]:
    yield f"{walk.seconds:.1f}" if walk else "-"
    yield f"{result.images_per_second:.1f}" if result.images_per_second else "-"
    yield f"{walk.load_seconds[result.model]:.1f}" if walk else "-"
    yield f"{walk.peak_rss_bytes / 1e6:.0f} MB" if walk else "-"
    yield f"{result.param_count:.2f} M" if result.param_count is not None else "-"


def _overall_table(results: Sequence[Result]) -> Table:
    table = _table("overall five", "data set", "class", "name", "probability", left=2)
    table.columns[3].justify = "left"
    for result in results:
        for place, (index, name, probability) in enumerate(result.overall_top5):
            first = (result.model, result.dataset) if place == 0 else ("", "")
            table.add_row(*first, str(index), name, f"{probability:.4f}")
    return table


def _rejections(report: Report) -> str:
    lines = [f"rejected: {len(report.rejections)} files"]
    for rejection in report.rejections[:REJECTED_SHOWN]:
        detail = rejection.detail.strip().partition("\n")[0]
        lines.append(f"  {rejection.dataset}/{rejection.path}: {rejection.reason}: {detail}")
    if len(report.rejections) > REJECTED_SHOWN:
        lines.append(f"  and {len(report.rejections) - REJECTED_SHOWN} more (all are in the JSON document)")
    return "\n".join(lines)


def five_best(title: str, top: Sequence[tuple[int, str, float]], width: int) -> str:
    """The five best of one picture or of a whole folder: class number, name, probability."""
    console = _console(width)
    table = _table("class", "name", "probability", left=0)
    table.columns[1].justify = "left"
    for index, name, probability in top:
        table.add_row(str(index), name, f"{probability:.4f}")
    console.print(title, soft_wrap=True)
    console.print(table)
    return _printed(console)


def _console(width: int) -> Console:
    return Console(file=io.StringIO(), width=width, markup=False, highlight=False, emoji=False)


def _printed(console: Console) -> str:
    lines: list[str] = console.file.getvalue().splitlines()  # type: ignore[attr-defined]  # the StringIO of _console
    return "".join(f"{line.rstrip()}\n" for line in lines)
