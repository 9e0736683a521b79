"""The results of a run as tables and lines for a terminal."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import get_args

from rich.table import Table

from imgcls import messages
from imgcls.comparison import compare
from imgcls.gates import regression
from imgcls.models.runtimes import base as runtimes
from imgcls.records.comparison import Change, Comparison, PairwiseTest
from imgcls.records.evaluation import Pass, SpeedOption, Verdict
from imgcls.records.report import Report, Result
from imgcls.reporting import class_lines, notes, text_table

COLUMNS = (
    "model",
    "dataset",
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


REJECTED_SHOWN, FLIPS_SHOWN, CONTRASTS_SHOWN = 20, 10, 30  # docs/decisions.md#names-in-a-message

SPEED_OPTIONS: Mapping[SpeedOption, str] = {
    "precision": "{precision} against float32",
    "decode": "fast decoding against exact",
}

UNREMARKABLE = ("images", "rejected", "same images")
"""Metrics whose verdicts have no line where they pass."""


def text(report: Report, width: int, reported: Sequence[str] = ()) -> str:
    """The terminal's summary: the table, the overall five classes, the failures, the rejected files, the differences.

    ``width``: of the terminal, in characters; the table keeps one line per model, however narrow it is. ``reported``:
    texts that a reader already has; what fails for a reason in one of them is only named.
    """
    unfolded, console = text_table.console(), text_table.console(width)
    if report.results:
        unfolded.print(results_table(report))
    for line in shared(report):
        console.print(line)
    for line in compiled(report):
        console.print(line, soft_wrap=True)
    if any(result.overall_top5 for result in report.results):
        console.print(overall_table(report.results))
    for line in failures(report.results, reported):
        console.print(line, soft_wrap=True)
    for result in report.results:
        for line in remarks(result):
            console.print(f"{result.model} on {result.dataset}: {line}", soft_wrap=True)
    if files := notes.files_table(report):
        console.print(files)
    if report.rejections:
        console.print(rejections(report), soft_wrap=True)
    scored = text_table.printed(unfolded) + text_table.printed(console)
    noted, different = notes.text(report, width), differences(report)
    return scored + noted + (different if noted else different.removeprefix("\n"))


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
            f"{SPEED_OPTIONS[option].format(precision=result.precision)}: of {change.images} images, "
            f"top-1 differs on {change.top1}, top-5 on {change.top5}"
        )


def differences(report: Report) -> str:
    """The tables of which models of the run differ, and of what changed since the baseline."""
    console = text_table.console()
    untrained = {result.model for result in report.results if result.untrained}
    if report.contrasts:
        console.print(contrasts_table(report.contrasts, untrained))
        if len(report.contrasts) > CONTRASTS_SHOWN:
            console.print(f"and {len(report.contrasts) - CONTRASTS_SHOWN} more pairs (all are in the JSON document)")
        console.print(*indistinguishable(report.contrasts), sep="\n")
    for comparison in report.comparisons:
        console.print(*comparison_lines(comparison), sep="\n")
        if comparison.flips:
            console.print(flips_table(comparison))
    return text_table.printed(console)


def results_table(report: Report) -> Table:
    table = text_table.table(*COLUMNS, left=2)
    for result in report.results:
        on_device = (p for p in report.passes if p.dataset == result.dataset and result.device in {None, p.device})
        walk = next((p for p in on_device if result.model in p.models), None)
        table.add_row(
            text_table.model_name(result.model, untrained=result.untrained),
            result.dataset,
            str(result.scored),
            *_per_cent(result.top1, result.top1_low, result.top1_high),
            *(("-", "-") if notes.is_certain(result) else _per_cent(result.top5, result.top5_low, result.top5_high)),
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


def overall_table(results: Sequence[Result]) -> Table:
    table = text_table.table("overall five", "dataset", "class", "name", "probability", left=2)
    table.columns[3].justify = "left"
    for result in results:
        for place, (index, name, probability) in enumerate(result.overall_top5):
            model = text_table.model_name(result.model, untrained=result.untrained)
            first = (model, result.dataset) if place == 0 else ("", "")
            table.add_row(*first, str(index), name, f"{probability:.4f}")
    return table


def rejections(report: Report) -> str:
    lines = [f"rejected: {len(report.rejections)} files"]
    for rejection in report.rejections[:REJECTED_SHOWN]:
        detail = messages.printable(rejection.detail.strip().partition("\n")[0])
        lines.append(f"  {rejection.dataset}/{messages.spelled(rejection.path)}: {rejection.reason}: {detail}")
    if len(report.rejections) > REJECTED_SHOWN:
        lines.append(f"  and {len(report.rejections) - REJECTED_SHOWN} more (all are in the JSON document)")
    return "\n".join(lines)


def five_best(title: str, top: Sequence[tuple[int, str, float]], width: int) -> str:
    """A table of the five best classes of one image or of a whole folder: class number, name, probability."""
    console = text_table.console(width)
    table = text_table.table("class", "name", "probability", left=0)
    table.columns[1].justify = "left"
    for index, name, probability in top:
        table.add_row(str(index), name, f"{probability:.4f}")
    console.print(title, soft_wrap=True)
    console.print(table)
    return text_table.printed(console)


def contrasts_table(contrasts: Sequence[PairwiseTest], untrained: Collection[str]) -> Table:
    table = text_table.table(
        "differences in top-1", "A", "B", "B - A", "A only", "B only", "p (Holm)", "verdict", "images to tell", left=3
    )
    table.columns[7].justify = "left"
    for test in contrasts[:CONTRASTS_SHOWN]:
        better = test.second if test.difference > 0 else test.first
        table.add_row(
            test.dataset,
            *(text_table.model_name(name, untrained=name in untrained) for name in (test.first, test.second)),
            f"{test.difference:+.4f}",
            str(test.first_only),
            str(test.second_only),
            f"{test.p_holm:.4f}",
            f"{better} is better" if test.real else "cannot be told apart",
            f"{test.images_needed:,}" if test.images_needed else "-",
        )
    return table


def indistinguishable(contrasts: Sequence[PairwiseTest]) -> Iterator[str]:
    """A line per dataset on which no model can be told from another."""
    for dataset in dict.fromkeys(test.dataset for test in contrasts):
        pairs = [test for test in contrasts if test.dataset == dataset]
        if not any(test.real for test in pairs):
            models = dict.fromkeys(name for test in pairs for name in (test.first, test.second))
            needed, difference = min((test.images_needed, abs(test.difference)) for test in pairs)
            apart = f"the {difference:.4f} between two of them" if difference else f"a difference of {compare.POINT}"
            yield (
                f"{dataset}: {', '.join(models)} cannot be told apart on {pairs[0].images} images; "
                f"to show {apart} would take about {needed:,}"
            )


def comparison_lines(comparison: Comparison) -> Iterator[str]:
    yield _title(comparison)
    yield from (f"  cannot be compared: {refusal}" for refusal in comparison.refusals)
    yield from (f"  {regression.describe(difference)}" for difference in comparison.differences)
    yield from (f"  {line}" for line in class_lines.lost(comparison))
    if comparison.same:
        yield "  SAME: the predictions have the same key"
    sides = ((comparison.before_run, comparison.only_before), (comparison.after_run, comparison.only_after))
    yield from (f"  {len(paths)} images only in {run}: {messages.named(paths)}" for run, paths in sides if paths)
    counts = [(change, sum(flip.change == change for flip in comparison.flips)) for change in get_args(Change)]
    if not comparison.refusals:
        more = (
            f" (the first {FLIPS_SHOWN}; all are in the JSON document)" if len(comparison.flips) > FLIPS_SHOWN else ""
        )
        yield f"  flips: {', '.join(f'{count} {change}' for change, count in counts)}{more}"


def _title(comparison: Comparison) -> str:
    changed = f" ({', '.join(comparison.changed)})" if comparison.changed else ""
    if comparison.before_run == comparison.after_run:
        return f"{comparison.before} -> {comparison.after} on {comparison.dataset}{changed}"
    pair = f"{comparison.after} on {comparison.dataset}"
    return f"{pair}, {comparison.before_run} -> {comparison.after_run}{changed}"


def flips_table(comparison: Comparison) -> Table:
    table = text_table.table("flip", "image", "label", "before", "p", "after", "p", left=4)
    table.columns[5].justify = "left"
    for flip in comparison.flips[:FLIPS_SHOWN]:
        table.add_row(flip.change, flip.path, str(flip.label), *_best(flip.before), *_best(flip.after))
    return table


def _best(prediction: tuple[int, str, float]) -> tuple[str, str]:
    index, name, probability = prediction
    return f"{index} {name}", f"{probability:.4f}"


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
