"""What a run found, as tables and lines for a terminal. Renderers return strings."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import get_args

from rich.table import Table

from imgcls import compare, gates, layout, runtimes
from imgcls.records import Change, Comparison, Contrast, Lever, Pass, Report, Result, Verdict

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
REJECTED_SHOWN = 20
FLIPS_SHOWN = 10
CONTRASTS_SHOWN = 30
_LEVERS: Mapping[Lever, str] = {"precision": "{precision} against float32", "decode": "fast decoding against exact"}
QUIET = ("images", "rejected", "same pictures")


def text(report: Report, width: int) -> str:
    """The terminal's summary: the table, the overall five classes, the failures, the rejected files.

    The table keeps one line per model, however narrow the terminal.
    """
    unfolded, console = layout.console(), layout.console(width)
    if report.results:
        unfolded.print(_results_table(report))
    if any(len(walk.models) > 1 for walk in report.passes):
        console.print("seconds and images/s: of the pass that the models of a data set share")
    for line in _compiled(report):
        console.print(line, soft_wrap=True)
    if any(result.overall_top5 for result in report.results):
        console.print(_overall_table(report.results))
    for result in report.results:
        for line in _remarks(result):
            console.print(f"{result.model} on {result.dataset}: {line}", soft_wrap=True)
    if report.rejections:
        console.print(_rejections(report), soft_wrap=True)
    return layout.printed(unfolded) + layout.printed(console) + differences(report).removeprefix("\n")


def _compiled(report: Report) -> Iterator[str]:
    """Which models another runtime than PyTorch's own scored, and what it took once before its first picture."""
    for walk in report.passes:
        on_device = [r for r in report.results if r.device in {None, walk.device}]
        here = [r for r in on_device if r.dataset == walk.dataset and r.model in walk.models]
        of = {result.model: result.runtime for result in here if result.scored}
        for runtime in dict.fromkeys(name for name in of.values() if name not in {None, *runtimes.PLAIN}):
            models = [model for model, used in of.items() if used == runtime]
            seconds = sum(walk.compile_seconds[model] for model in models)
            once = (
                f"; {seconds:.1f} s to convert, compile and try it are not among the seconds" if seconds > 0.05 else ""
            )
            yield f"{walk.dataset}: {', '.join(models)} by {runtime}{once}"


def _remarks(result: Result) -> Iterator[str]:
    """Why there is no result, or what to know about it."""
    if result.failure:
        yield result.failure.message
    if result.runtime_note:
        yield result.runtime_note
    for lever, drift in result.drifts.items():
        yield (
            f"{_LEVERS[lever].format(precision=result.precision)}: of {drift.images} pictures, "
            f"top-1 differs on {drift.top1}, top-5 on {drift.top5}"
        )


def differences(report: Report) -> str:
    """Which models of the run differ, and what changed since the baseline."""
    console = layout.console()
    if report.contrasts:
        console.print(_contrasts_table(report.contrasts))
        if len(report.contrasts) > CONTRASTS_SHOWN:
            console.print(f"and {len(report.contrasts) - CONTRASTS_SHOWN} more pairs (all are in the JSON document)")
        console.print(*_together(report.contrasts), sep="\n")
    for comparison in report.comparisons:
        console.print(*_comparison(comparison), sep="\n")
        if comparison.flips:
            console.print(_flips_table(comparison))
    return layout.printed(console)


def _results_table(report: Report) -> Table:
    table = layout.table(*COLUMNS, left=2)
    for result in report.results:
        here = (p for p in report.passes if p.dataset == result.dataset and result.device in {None, p.device})
        walk = next((p for p in here if result.model in p.models), None)
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
    table = layout.table("overall five", "data set", "class", "name", "probability", left=2)
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
    console = layout.console(width)
    table = layout.table("class", "name", "probability", left=0)
    table.columns[1].justify = "left"
    for index, name, probability in top:
        table.add_row(str(index), name, f"{probability:.4f}")
    console.print(title, soft_wrap=True)
    console.print(table)
    return layout.printed(console)


# Differences.


def _contrasts_table(contrasts: Sequence[Contrast]) -> Table:
    table = layout.table(
        "differences in top-1", "A", "B", "B - A", "A alone", "B alone", "p (Holm)", "verdict", "images to tell", left=3
    )
    table.columns[7].justify = "left"
    for found in contrasts[:CONTRASTS_SHOWN]:
        better = found.second if found.difference > 0 else found.first
        table.add_row(
            found.dataset,
            found.first,
            found.second,
            f"{found.difference:+.4f}",
            str(found.first_only),
            str(found.second_only),
            f"{found.p_holm:.4f}",
            f"{better} is better" if found.real else "cannot be told apart",
            f"{found.images_needed:,}" if found.images_needed else "-",
        )
    return table


def _together(contrasts: Sequence[Contrast]) -> Iterator[str]:
    """The data sets on which no model can be told from another."""
    for dataset in dict.fromkeys(found.dataset for found in contrasts):
        pairs = [found for found in contrasts if found.dataset == dataset]
        if not any(found.real for found in pairs):
            models = dict.fromkeys(name for found in pairs for name in (found.first, found.second))
            needed, difference = min((found.images_needed, abs(found.difference)) for found in pairs)
            apart = f"the {difference:.4f} between two of them" if difference else f"a difference of {compare.POINT}"
            yield (
                f"{dataset}: {', '.join(models)} cannot be told apart on {pairs[0].images} pictures; "
                f"to show {apart} would take about {needed:,}"
            )


def _comparison(comparison: Comparison) -> Iterator[str]:
    yield _title(comparison)
    yield from (f"  cannot be compared: {refusal}" for refusal in comparison.refusals)
    yield from (f"  {gates.describe(difference)}" for difference in comparison.differences)
    if comparison.same:
        yield "  SAME: the predictions have the same key"
    sides = ((comparison.before_run, comparison.only_before), (comparison.after_run, comparison.only_after))
    yield from (f"  {len(paths)} pictures of {run} alone: {gates.named(paths)}" for run, paths in sides if paths)
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
    what = f"{comparison.after} on {comparison.dataset}"
    return f"{what}, {comparison.before_run} -> {comparison.after_run}{changed}"


def _flips_table(comparison: Comparison) -> Table:
    table = layout.table("flip", "picture", "label", "before", "p", "after", "p", left=4)
    table.columns[5].justify = "left"
    for flip in comparison.flips[:FLIPS_SHOWN]:
        table.add_row(flip.change, flip.path, str(flip.label), *_best(flip.before), *_best(flip.after))
    return table


def _best(answer: tuple[int, str, float]) -> tuple[str, str]:
    index, name, probability = answer
    return f"{index} {name}", f"{probability:.4f}"


def verdicts(found: Iterable[Verdict]) -> Iterator[str]:
    """A line per verdict, its first; pictures that are as they should be go without saying."""
    for verdict in found:
        if verdict.status != "pass" or not verdict.check.startswith(QUIET):
            said = verdict.message.partition("\n")[0]
            yield said if verdict.status == "inconclusive" else f"{verdict.status.upper()} {said}"
