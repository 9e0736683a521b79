"""The folder of a report: written whole or not at all, and never over something else."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from imgcls import documents, messages
from imgcls.errors import ConfigError
from imgcls.records.config import DatasetSpec
from imgcls.records.data import ImageRef
from imgcls.reporting import result_document
from imgcls.reporting.lab import accuracy, charts, costs, document, origins, predictions, thumbnails, training
from imgcls.reporting.lab.contents import Contents

REPORT = "report.md"


def require_new(folder: Path) -> None:
    """Raise ConfigError where the folder cannot be made, or has something in it."""
    if folder.is_dir():
        if names := sorted(messages.path_text(path.relative_to(folder)) for path in folder.iterdir()):
            raise ConfigError(
                f"{folder} holds {messages.named(names, 3)} already, and a report overwrites nothing: "
                "name a folder that there is not yet with -o, or remove this one"
            )
    elif folder.exists() or not folder.absolute().parent.is_dir():
        raise ConfigError(f"{folder} cannot be made: name a folder within one that exists with -o")


def write(folder: Path, contents: Contents, images: Iterable[ImageRef], dataset: DatasetSpec) -> None:
    """Write the report and its images. Raises OSError and ConfigError; then there is no folder."""
    with documents.whole_folder(folder) as half:
        shown = _shown(contents)
        listed = list(images)
        paths = thumbnails.write(half, (image for image in listed if image.sha256 in shown), dataset)
        sources, unread = origins.read(listed)
        contents = replace(contents, thumbnails=paths, origins=sources, notes=[*contents.notes, *unread])
        for path, draw in _charts(contents).items():
            (half / path).parent.mkdir(exist_ok=True)
            (half / path).write_bytes(draw())
        result_document.save(half / document.RESULT, contents.report, iter(contents.predictions))
        documents.write_text(half / REPORT, document.markdown(contents))
        require_new(folder)  # somebody may have written into it in the meantime
        if folder.is_dir():
            folder.rmdir()


def _shown(contents: Contents) -> set[str]:
    """The images that have a table of their own, by sha256."""
    images = predictions.by_path(contents.predictions)
    return {next(iter(images[path].values())).image_sha256 for path in predictions.chosen(list(images))}


def _charts(contents: Contents) -> Mapping[str, Callable[[], bytes]]:
    """What draws each chart that there are figures for, by its path."""
    report = contents.report
    drawn = {
        accuracy.CHART: (contents.has_accuracy, partial(charts.accuracy, contents.results)),
        costs.LATENCY_CHART: (bool(report.latencies), partial(charts.latency, report.latencies)),
        costs.MEMORY_CHART: (bool(report.memories), partial(charts.memory, report.memories)),
        training.CHART: (bool(contents.runs), partial(charts.training, contents.runs)),
    }
    return {path: draw for path, (is_needed, draw) in drawn.items() if is_needed}
