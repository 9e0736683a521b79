"""What a reader must know of a run besides its figures: files without a score, inputs used, and what was guessed."""

import textwrap
from collections.abc import Iterator, Mapping

from rich.table import Table

from imgcls import messages
from imgcls.records.report import DatasetFiles, Report, Result
from imgcls.reporting import class_lines, text_table
from imgcls.stats import certain


def files_table(report: Report) -> Table | None:
    """A row per dataset with files that no model scored; None where every listed file was scored."""
    partly = [files for files in report.datasets if files.listed != files.scored]
    if not partly:
        return None
    table = text_table.table("files", "listed", "scored", "rejected", "unscored", "ignored")
    table.columns[5].justify = "left"
    for files in partly:
        unscored = files.listed - files.scored - files.rejected - files.ignored
        counts = (files.listed, files.scored, files.rejected, unscored)
        table.add_row(files.dataset, *map(str, counts), f"{files.ignored}{_by_suffix(files.ignored_suffixes)}")
    return table


def _by_suffix(counts: Mapping[str, int]) -> str:
    by_count = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    parts = [f"{suffix or 'no suffix'} {count}" for suffix, count in by_count]
    return f": {messages.named(parts)}" if parts else ""


def text(report: Report, width: int) -> str:
    """The lines of every dataset and every model, wrapped to ``width`` characters."""
    return "".join(f"{part}\n" for line in lines(report) for part in _wrapped(messages.printable(line), width))


def _wrapped(line: str, width: int) -> list[str]:
    return textwrap.wrap(line, width, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)


def lines(report: Report) -> Iterator[str]:
    """What is to be known of each dataset's files, and how each model came by its weights and its input."""
    for files in report.datasets:
        yield from (f"{files.dataset}: {line}" for line in _of_files(files))
    yield from class_lines.dead(report)
    of_models: dict[str, list[Result]] = {}
    for result in report.results:
        if result.input is not None:
            of_models.setdefault(result.model, []).append(result)
    for model, results in of_models.items():
        yield from dict.fromkeys(f"{model}: {line}" for result in results for line in _of_model(result))


def _of_files(files: DatasetFiles) -> Iterator[str]:
    if files.empty_classes:
        yield f"no image was scored of the class folders {messages.named(files.empty_classes)}"
    for remark, count in files.remarks.items():
        yield f"{count} image{'' if count == 1 else 's'}: {remark}"
    yield from files.notes


def is_certain(result: Result) -> bool:
    """Whether any network with this number of classes is right among its five best, so that top-5 states nothing."""
    return certain.is_certain(5, result.class_count, result.accepted)


def _of_model(result: Result) -> Iterator[str]:
    if result.untrained:
        yield "untrained: its weights are random, and so are its predictions"
    yield from result.notes
    if is_certain(result):
        yield f"any network with {result.class_count} classes is right among its five best: top-5 is not shown"
    yield f"input {result.input}{_sources(result.input_sources)}"


def _sources(sources: Mapping[str, str]) -> str:
    """Where each part of an input comes from: parts of one source together."""
    parts: dict[str, list[str]] = {}
    for part, source in sources.items():
        parts.setdefault(source, []).append(part)
    if len(parts) == 1:
        return f"; {_source(next(iter(parts)))}"
    return "".join(f"; {', '.join(names)} {_source(source)}" for source, names in parts.items())


def _source(source: str) -> str:
    return source if source.startswith("guessed") else f"from {source}"
