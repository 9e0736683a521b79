"""What a reader must know of a run besides its figures: files without a score, inputs used, and what was guessed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from imgcls import messages
from imgcls.records.report import DatasetFiles, Report, Result
from imgcls.reporting import class_lines
from imgcls.stats import certain, units

if TYPE_CHECKING:
    from imgcls.reporting.presentation import Presentation
    from imgcls.reporting.text_table import NamedTable


def files_table(report: Report) -> NamedTable | None:
    """A row per dataset with files that no model scored; None where every listed file was scored."""
    partly = _partly_scored(report)
    if not partly:
        return None
    from imgcls.reporting import text_table

    table = text_table.table("files", "listed", "scored", "rejected", "unscored", "ignored")
    for files in partly:
        unscored = files.listed - files.scored - files.rejected - files.ignored
        counts = (files.listed, files.scored, files.rejected, unscored, files.ignored)
        table.add_row(files.dataset, *map(str, counts))
    return table


def _partly_scored(report: Report) -> list[DatasetFiles]:
    return [files for files in report.datasets if files.listed != files.scored]


def ignored(report: Report) -> Iterator[str]:
    """A line per dataset with ignored files: how many of each suffix, the most frequent first."""
    for files in _partly_scored(report):
        by_count = sorted(files.ignored_suffixes.items(), key=lambda item: (-item[1], item[0]))
        parts = [f"{count} {suffix or 'without suffix'}" for suffix, count in by_count]
        if parts:
            yield f"{files.dataset}: {messages.counted(files.ignored, 'file')} ignored: {messages.named(parts)}"


def text(report: Report, how: Presentation) -> Iterator[str]:
    """The lines of every dataset and every model, wrapped; inputs as published only where all is to be known."""
    from imgcls.reporting import text_table

    for line in lines(report, all_inputs=how.verbosity > 0):
        yield from text_table.wrapped(messages.printable(line), how.width)


def lines(report: Report, *, all_inputs: bool = True) -> Iterator[str]:
    """What is to be known of each dataset's files, and how each model came by its weights and its input.

    Without ``all_inputs`` an input has a line only where a part of it was guessed.
    """
    for files in report.datasets:
        yield from (f"{files.dataset}: {line}" for line in _of_files(files, is_whole=not report.shard))
    yield from dict.fromkeys(f"{result.dataset}: {_what_counts(result)}" for result in report.results if result.units)
    yield from class_lines.dead(report)
    of_models: dict[str, list[Result]] = {}
    for result in report.results:
        if result.input is not None:
            of_models.setdefault(result.model, []).append(result)
    for model, results in of_models.items():
        of_all = [line for result in results for line in _of_model(result, always=all_inputs)]
        yield from dict.fromkeys(f"{model}: {line}" for line in of_all)


def _of_files(files: DatasetFiles, *, is_whole: bool) -> Iterator[str]:
    if files.empty_classes and is_whole:
        folders = "class folder" if len(files.empty_classes) == 1 else "class folders"
        yield f"no image was scored of the {folders} {messages.named(files.empty_classes)}"
    for remark, count in files.remarks.items():
        yield f"{messages.counted(count, 'image')}: {remark}"
    yield from files.notes


def _what_counts(result: Result) -> str:
    """Of what accuracies, intervals and verdicts are, where some scored images are no evidence of their own."""
    total = f"accuracies, intervals and verdicts count {units.total(result)} images"
    if units.kind(result) == "distinct image":
        return f"{total}, since a copy of an image is no further evidence"
    return (
        f"{total}: one image of each group, drawn by its bytes, votes for the group, "
        "so they are about the mean over groups and not over images"
    )


def is_certain(result: Result) -> bool:
    """Whether any network with this number of classes is right among its five best, so that top-5 states nothing."""
    return certain.is_certain(5, result.class_count, result.accepted)


def _of_model(result: Result, *, always: bool) -> Iterator[str]:
    if result.untrained:
        yield "untrained: its weights are random, and so are its predictions"
    yield from result.notes
    if is_certain(result):
        classes = messages.counted(result.class_count or 0, "class")
        yield f"top-5 is not shown: among {classes}, every network has the right one among its five best"
    if always or any(map(_is_guessed, result.input_sources.values())):
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
    return source if _is_guessed(source) else f"from {source}"


def _is_guessed(source: str) -> bool:
    return source.startswith("guessed")
