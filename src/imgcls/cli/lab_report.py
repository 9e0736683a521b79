"""``imgcls report MODEL… -o DIR/``: models on a set of images, as one Markdown file with its images to hand in."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from imgcls.cli import output
from imgcls.cli.lab_collection import Collected, Subject
from imgcls.config import datasets
from imgcls.config import loader as configuration
from imgcls.data.suffixes import is_hidden
from imgcls.errors import ConfigError
from imgcls.models.runtimes import base as runtimes
from imgcls.records.config import DatasetSpec
from imgcls.session import options as run_options
from imgcls.session import selection
from imgcls.session import session as sessions
from imgcls.session.options import RunOptions
from imgcls.system import machine

NO_LABELS = "none"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What a report of models takes in addition to their names and the folder of the report."""
    group = parser.add_argument_group("a report of models to hand in (-o DIR)")
    group.add_argument(
        "--labels", default="auto", metavar="HOW|FILE.csv",
        help="how the folders of --data are named: auto (default), wnid, name, index, a map file; or none: no labels",
    )  # fmt: skip
    group.add_argument("--runs", nargs="+", type=Path, default=[], metavar="DIR", help="folders of `imgcls train`")
    run_options.add_to_command(group, "datasets", "device", "store", "trust-mtime")  # type: ignore[arg-type]  # a group has what a parser has


def write(namespace: argparse.Namespace, names: Sequence[str], folder: Path) -> int:
    """Score and measure the models of these names, and write the report into the folder; the exit code."""
    from imgcls.reporting.lab import folder as folders
    from imgcls.reporting.lab import training_runs

    folders.require_new(folder)
    options = replace(RunOptions.from_namespace(namespace), json=None, baseline=None)
    runs = training_runs.read(namespace.runs)
    models = {spec.name: spec for spec in selection.requested_models(options.config, names)}
    subject = _subject(namespace, options)
    collected = Collected(subject, models)
    for device in machine.devices(options.device):
        here = {name: spec for name, spec in models.items() if options.device or runtimes.runs_on(spec, device)}
        if here:
            collected.measure(replace(options, device=device, datasets=None, models=None), here)
    if not collected.scored:
        output.error(f"imgcls: no model was scored, so {folder} was not written{_without_labels(collected)}")
        return sessions.worst_exit_code(collected.codes or {1})
    from imgcls.reporting.lab.contents import Contents

    title = f"{'Image classifiers' if len(models) > 1 else next(iter(models))} on {subject.title}"
    contents = Contents(title, collected.report, collected.predictions, models, runs, notes=collected.notes)
    folders.write(folder, contents, subject.images(), subject.dataset)
    output.line(f"the report is {folder / folders.REPORT}; hand in the whole folder")
    return sessions.worst_exit_code(collected.codes)


def _without_labels(collected: Collected) -> str:
    """What to do where the folders may be no classes at all."""
    results = [result for document in collected.documents for result in document.results]
    if any(result.failure is None or result.failure.stage != "labels" for result in results):
        return ""
    return f"; where the folders are not classes, leave accuracies out with --labels {NO_LABELS}"


def _subject(namespace: argparse.Namespace, options: RunOptions) -> Subject:
    """The images of ``--data``, or the one configured dataset. Raises ConfigError."""
    if namespace.data is None:
        return Subject(_configured(options), has_labels=True)
    if options.datasets:
        raise ConfigError("--data names the images, and --datasets does too: give one of them")
    has_labels = namespace.labels != NO_LABELS and not _is_flat(Path(namespace.data))
    labels = namespace.labels if has_labels else "auto"
    return Subject(datasets.dataset("command line", namespace.data, labels), has_labels)


def _configured(options: RunOptions) -> DatasetSpec:
    settings = selection.settings(options.config) if options.datasets else None
    if settings is None:
        raise ConfigError(
            "a report of models is about one set of images: name a folder with --data DIR, "
            "or a dataset of the configuration with --datasets NAME"
        )
    chosen = list(configuration.select(settings, None, options.datasets).datasets.values())
    if len(chosen) != 1:
        raise ConfigError(f"a report of models is about one dataset; --datasets names {len(chosen)}: name one of them")
    return chosen[0]


def _is_flat(path: Path) -> bool:
    """Whether a folder has no folder in it that could be a class."""
    return path.is_dir() and not any(child.is_dir() and not is_hidden(Path(child.name)) for child in path.iterdir())
