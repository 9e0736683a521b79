"""The summary of a run in GitHub's Markdown: the tables and the lines of the terminal."""

from collections.abc import Iterator, Sequence

from imgcls.records.evaluation import Verdict
from imgcls.records.report import Report
from imgcls.reporting import markdown_text, notes, overview, tables


def text(
    report: Report, limit_verdicts: Sequence[Verdict] = (), closing: Sequence[str] = (), reported: Sequence[str] = ()
) -> str:
    """What the terminal has, under headings.

    ``limit_verdicts``: those on time and memory, ``closing``: lines after all verdicts. ``reported``: as in
    :func:`imgcls.reporting.tables.text`.
    """
    verdicts = [
        *tables.verdicts_of(report.results),
        *(f"{verdict.status.upper()} {verdict.message}" for verdict in limit_verdicts),
    ]
    sections = {
        "Results": _results(report, reported),
        "Files": _files(report),
        "Differences": _differences(report),
        "Time and memory": iter([overview.markdown(report)] if report.latencies or report.memories else []),
        "Notes": iter([markdown_text.items(notes.lines(report))]),
        "Verdicts": iter([markdown_text.items([*verdicts, *closing])]),
    }
    written = {title: "\n".join(block for block in blocks if block) for title, blocks in sections.items()}
    return "## imgcls\n" + "".join(f"\n### {title}\n\n{block}" for title, block in written.items() if block)


def _results(report: Report, reported: Sequence[str]) -> Iterator[str]:
    if report.results:
        yield markdown_text.table(tables.results_table(report))
    yield markdown_text.items(
        [
            *tables.shared(report),
            *tables.compiled(report),
            *tables.failures(report.results, reported),
            *(f"{r.model} on {r.dataset}: {line}" for r in report.results for line in tables.remarks(r)),
        ]
    )
    if any(result.overall_top5 for result in report.results):
        yield markdown_text.table(tables.overall_table(report.results))


def _files(report: Report) -> Iterator[str]:
    if files := notes.files_table(report):
        yield markdown_text.table(files)
    if report.rejections:
        yield markdown_text.items(tables.rejections(report).split("\n"))


def _differences(report: Report) -> Iterator[str]:
    untrained = {result.model for result in report.results if result.untrained}
    if report.contrasts:
        yield markdown_text.table(tables.contrasts_table(report.contrasts, untrained))
        yield markdown_text.items(tables.indistinguishable(report.contrasts))
    for comparison in report.comparisons:
        yield markdown_text.items(tables.comparison_lines(comparison))
        if comparison.flips:
            yield markdown_text.table(tables.flips_table(comparison))
