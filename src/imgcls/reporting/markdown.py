"""The summary of a run in GitHub's Markdown: the tables and the lines of the terminal."""

from collections.abc import Iterator, Sequence

from imgcls.records.evaluation import Verdict
from imgcls.records.report import Report
from imgcls.reporting import deployment, differences, markdown_text, notes, overview, tables


def text(
    report: Report, limit_verdicts: Sequence[Verdict] = (), closing: Sequence[str] = (), reported: Sequence[str] = ()
) -> str:
    """What the terminal has, under headings, verdicts first.

    ``limit_verdicts``: those on time and memory, ``closing``: lines after all verdicts. ``reported``: as in
    :class:`imgcls.reporting.presentation.Presentation`.
    """
    verdicts = [
        *tables.verdicts_of(report.results),
        *tables.verdicts(limit_verdicts),
        *tables.failures(report.results, reported),
    ]
    sections = {
        "Verdicts": iter([markdown_text.items([*verdicts, *closing])]),
        "Results": _results(report),
        "Files": _files(report),
        "Differences": _differences(report),
        "Time and memory": iter([overview.markdown(report)] if report.latencies or report.memories else []),
        "Deployment": deployment.markdown(report),
        "Notes": iter([markdown_text.items(notes.lines(report))]),
    }
    written = {title: "\n".join(block for block in blocks if block) for title, blocks in sections.items()}
    return "## imgcls\n" + "".join(f"\n### {title}\n\n{block}" for title, block in written.items() if block)


def _results(report: Report) -> Iterator[str]:
    if report.results:
        yield markdown_text.table(tables.results_table(report))
    yield markdown_text.items(
        [
            *tables.shared(report),
            *tables.compiled(report),
            *(f"{r.model} on {r.dataset}: {line}" for r in report.results for line in tables.remarks(r)),
        ]
    )
    if any(result.overall_top5 for result in report.results):
        yield markdown_text.table(tables.overall_table(report.results))


def _files(report: Report) -> Iterator[str]:
    if files := notes.files_table(report):
        yield markdown_text.table(files)
    yield markdown_text.items([*notes.ignored(report), *tables.rejections(report)])


def _differences(report: Report) -> Iterator[str]:
    untrained = {result.model for result in report.results if result.untrained}
    if report.contrasts:
        yield f"{differences.CONTRASTS_TITLE}\n"
        yield markdown_text.table(differences.contrasts_table(report.contrasts, untrained))
        yield markdown_text.items(differences.more_contrasts(report.contrasts))
        yield markdown_text.items(differences.indistinguishable(report.contrasts))
    for comparison in report.comparisons:
        yield markdown_text.items(differences.comparison_lines(comparison))
        if comparison.flips:
            yield markdown_text.table(differences.flips_table(comparison))
