"""The results of a run as tables and lines for a terminal."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from imgcls import messages
from imgcls.models.runtimes import base as runtimes
from imgcls.records.config import Accuracy
from imgcls.records.data import Rejection
from imgcls.records.evaluation import Pass, Verdict
from imgcls.records.report import Report, Result
from imgcls.records.runtime import Screened, SpeedOption
from imgcls.reporting import columns, notes, text_table
from imgcls.reporting.text_table import NamedTable
from imgcls.stats import units

REJECTED_SHOWN = 20  # docs/decisions.md#names-in-a-message

SPEED_OPTIONS: Mapping[SpeedOption, str] = {
    "precision": "{precision} against float32",
    "decode": "fast decoding against exact",
}

UNREMARKABLE = ("images", "rejected", "same images")
"""Metrics whose verdicts have no line where they pass."""


def shared(report: Report) -> Iterator[str]:
    """Whose the times of the results are, where several models have one."""
    if any(len(walk.models) > 1 for walk in report.passes):
        yield "seconds and images/s: of the pass that the models of a dataset share"


def compiled(report: Report) -> Iterator[str]:
    """Which models were scored by a runtime that compiles, and the seconds that compiling took."""
    for walk in report.passes:
        on_device = [r for r in report.results if r.device in {None, walk.device}]
        of_pass = [r for r in on_device if r.dataset == walk.dataset and r.model in walk.models]
        by_model = {result.model: result.runtime for result in of_pass if result.scored}
        for runtime in dict.fromkeys(name for name in by_model.values() if name not in {None, *runtimes.UNCOMPILED}):
            models = [model for model, used in by_model.items() if used == runtime]
            seconds = sum(walk.compile_seconds[model] for model in models)
            once = (
                f"; {seconds:.1f} s to convert, compile and try it are not among the seconds" if seconds > 0.05 else ""
            )
            yield f"{walk.dataset}: {', '.join(models)} by {runtime}{once}"


def failures(results: Sequence[Result], reported: Sequence[str]) -> Iterator[str]:
    """Why pairs have no result, one line for all that fail for the same reason."""
    models: dict[tuple[str, str], list[str]] = {}
    for result in results:
        if result.failure:
            models.setdefault((result.dataset, result.failure.message), []).append(result.model)
    for (dataset, message), names in models.items():
        why = "not scored, see the failed tests" if any(message in text for text in reported) else message
        yield f"ERROR {', '.join(dict.fromkeys(names))} on {dataset}: {why}"


def remarks(result: Result) -> Iterator[str]:
    """What to know about a pair's result."""
    if result.runtime_note:
        yield result.runtime_note
    for option, change in result.drifts.items():
        yield (
            f"{SPEED_OPTIONS[option].format(precision=result.precision)}: "
            f"of {messages.counted(change.images, 'image')}, top-1 differs on {change.top1}, top-5 on {change.top5}"
        )
    if result.screened:
        yield _screened(result.screened)


def _screened(screened: Screened) -> str:
    """What was scored twice, and what that says of the images that were not."""
    audit = ""
    if screened.most_changed is not None:
        most = 100 * screened.most_changed
        audit = (
            f", {screened.audited} of these as an audit: {messages.counted(screened.changed, 'count')} changed, so "
            f"that at most {f'{most:.2g}' if most < 10 else f'{most:.0f}'} % of the others have another count (95 %)"
        )
    return (
        f"{screened.reduced} of {messages.counted(screened.reduced + screened.again, 'image')} in "
        f"{screened.precision}, {screened.again} again in float32{audit}; other places of the five best, and "
        "probabilities, are those of the precision"
    )


def results_table(report: Report, picks: Sequence[str] = ()) -> NamedTable:
    """A row per model and dataset; ``picks``: the names of its columns that were picked, all by default."""
    shown = columns.picked(columns.RESULTS, picks)
    importance = shown if picks else columns.RESULTS_IMPORTANCE
    table = text_table.table(*shown, names=("model", "dataset"), importance=importance)
    for column in table.columns:
        column.justify = "left" if column.header in ("model", "dataset") else "right"
    for result in report.results:
        row = _row(report, result)
        table.add_row(*(row[column] for column in shown))
    return table


def _row(report: Report, result: Result) -> dict[str, str]:
    """The cell of every column."""
    on_device = (p for p in report.passes if p.dataset == result.dataset and result.device in {None, p.device})
    walk = next((p for p in on_device if result.model in p.models), None)
    return {
        "model": text_table.model_name(result.model, untrained=result.untrained),
        "dataset": result.dataset,
        "images": units.total(result),
        "top-1 %": accuracy(result, "top1") or "-",
        "top-5 %": accuracy(result, "top5") or "-",
        **_costs(result, walk),
    }


def accuracy(result: Result, metric: Accuracy) -> str | None:
    """Per cent of what counts, with its 95 % interval; None where there is none, or where no network can miss it."""
    value, low, high = result.unit_accuracy(metric), *(getattr(result, f"{metric}_{end}") for end in ("low", "high"))
    if value is None or low is None or high is None or (metric == "top5" and notes.is_certain(result)):
        return None
    return f"{two_sided(value)} ({two_sided(low)}-{two_sided(high)})"


def two_sided(per_cent: float) -> str:
    """One decimal; 100.0 and 0.0 only where they are exact."""
    if 0 < per_cent < 100:
        return f"{min(max(per_cent, 0.1), 99.9):.1f}"
    return f"{per_cent:.1f}"


def _costs(result: Result, walk: Pass | None) -> dict[str, str]:
    return {
        "seconds": f"{walk.seconds:.1f}" if walk else "-",
        "images/s": f"{result.images_per_second:.1f}" if result.images_per_second else "-",
        "load s": f"{walk.load_seconds[result.model]:.1f}" if walk else "-",
        "peak RSS": f"{walk.peak_rss_bytes / 1e6:.0f} MB" if walk else "-",
        "params": f"{result.param_count:.2f} M" if result.param_count is not None else "-",
    }


def overall_table(results: Sequence[Result]) -> NamedTable:
    table = text_table.table(
        "overall five", "dataset", "class", "name", "probability", left=2, names=("overall five", "dataset", "name"),
        importance=("overall five", "class", "name", "probability", "dataset"),
    )  # fmt: skip
    table.columns[3].justify = "left"
    for result in results:
        for place, (index, name, probability) in enumerate(result.overall_top5):
            model = text_table.model_name(result.model, untrained=result.untrained)
            first = (model, result.dataset) if place == 0 else ("", "")
            table.add_row(*first, str(index), name, f"{probability:.4f}")
    return table


def rejections(report: Report) -> Iterator[str]:
    """The rejected files, each with its reason, up to :data:`REJECTED_SHOWN`; nothing where there are none."""
    if report.rejections:
        yield f"rejected: {messages.counted(len(report.rejections), 'file')}"
    for rejection in report.rejections[:REJECTED_SHOWN]:
        detail = messages.printable(rejection.detail.strip().partition("\n")[0])
        path, models = f"{rejection.dataset}/{messages.spelled(rejection.path)}", _some_models(rejection, report)
        yield f"  {path}{models}: {rejection.reason}: {detail}"
    if len(report.rejections) > REJECTED_SHOWN:
        yield f"  and {len(report.rejections) - REJECTED_SHOWN} more (all are in the JSON document)"


def _some_models(rejection: Rejection, report: Report) -> str:
    """Which models have no pixels of a file, where others have."""
    scored = {r.model for r in report.results if r.dataset == rejection.dataset and r.scored}
    return f" (for {messages.named(rejection.models)})" if rejection.models and scored - {*rejection.models} else ""


def best_classes(top: Sequence[tuple[int, str, float]]) -> NamedTable:
    """The best classes of one image or of a whole folder: class number, name, probability."""
    table = text_table.table("class", "name", "probability", left=0, names=("name",))
    table.columns[1].justify = "left"
    for index, name, probability in top:
        table.add_row(str(index), name, f"{probability:.4f}")
    return table


def verdicts_of(results: Iterable[Result]) -> Iterator[str]:
    """The lines of the verdicts on every pair, without those that only repeat why a pair has no result."""
    for result in results:
        failure = result.failure
        yield from verdicts(v for v in result.verdicts if failure is None or failure.message not in v.message)


def verdicts(of_gates: Iterable[Verdict]) -> Iterator[str]:
    """A line per verdict, the first of its message; none where an :data:`UNREMARKABLE` metric passes."""
    for verdict in of_gates:
        if verdict.status != "pass" or verdict.metric not in UNREMARKABLE:
            line = verdict.message.partition("\n")[0]
            yield line if verdict.status == "inconclusive" else f"{verdict.status.upper()} {line}"
