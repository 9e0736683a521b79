"""``imgcls report MODEL… -o DIR/``: models on a set of images, as one Markdown file with its images to hand in."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from imgcls.cli import output
from imgcls.cli.lab_collection import Collected, Subject
from imgcls.config import datasets, discovery
from imgcls.config import loader as configuration
from imgcls.data import manifest_table
from imgcls.data.places import forms, urls
from imgcls.data.suffixes import is_hidden
from imgcls.errors import ConfigError
from imgcls.messages import spelled
from imgcls.models.runtimes import base as runtimes
from imgcls.records.config import BUILTIN_DIGITS, DatasetSpec, ModelSpec
from imgcls.reporting import progress
from imgcls.session import selection
from imgcls.session import session as sessions
from imgcls.session.options import RunOptions

if TYPE_CHECKING:
    from imgcls.reporting.lab.training_runs import TrainingRun

NO_LABELS = "none"


def write(namespace: argparse.Namespace, names: Sequence[str], folder: Path) -> int:
    """Score and measure the models of these names, and write the report into the folder; the exit code."""
    from imgcls.reporting.lab import folder as folders
    from imgcls.reporting.lab import training_runs

    folders.require_new(folder)
    options = replace(RunOptions.from_namespace(namespace), json=None, baseline=None)
    runs = training_runs.read(namespace.runs)
    subject = _subject(namespace, options, trained=bool(runs) and not names)
    _require_images(subject)
    models = _models(namespace, runs, options, subject.dataset)
    collected = Collected(subject, models)
    for device, here in runtimes.by_device(models, options.device):
        collected.measure(replace(options, device=device, datasets=None, models=None), here)
    if not collected.scored:
        output.error(f"imgcls: no model was scored, so {folder} was not written{_without_labels(collected)}")
        return sessions.worst_exit_code(collected.codes or {1})
    from imgcls.reporting.lab.contents import Contents

    title = f"{'Image classifiers' if len(models) > 1 else next(iter(models))} on {subject.title}"
    contents = Contents(title, collected.report, collected.predictions, models, runs, notes=collected.notes)
    with progress.working(sys.stderr, "making thumbnails, drawing charts"):
        folders.write(folder, contents, subject.images(), subject.dataset)
    output.line(f"the report is {folder / folders.REPORT}; hand in the whole folder")
    return sessions.worst_exit_code(collected.codes)


def _models(
    namespace: argparse.Namespace, runs: Sequence[TrainingRun], options: RunOptions, dataset: DatasetSpec
) -> dict[str, ModelSpec]:
    """The named models; where none is named the networks of the trainings, or else all that are configured.

    A configured model that is not for the configured dataset is left out. Raises ConfigError.
    """
    from imgcls.reporting.lab import training_runs

    if runs and not namespace.of:
        return training_runs.networks(namespace.runs, runs)
    takes_all = bool(namespace.of or namespace.data)
    specs = selection.runnable_models(options, namespace.of or None)
    return {spec.name: spec for spec in specs if takes_all or spec.datasets is None or dataset.name in spec.datasets}


def _without_labels(collected: Collected) -> str:
    """What to do where the folders may be no classes at all."""
    results = [result for document in collected.documents for result in document.results]
    if not results or any(result.failure is None or result.failure.stage != "labels" for result in results):
        return ""
    return f"; where the folders are not classes, leave accuracies out with --labels {NO_LABELS}"


def _subject(namespace: argparse.Namespace, options: RunOptions, *, trained: bool) -> Subject:
    """The images of ``--data``, those that trainings were validated on, or the one configured dataset.

    ``trained``: whether the networks of trainings are reported. Raises ConfigError.
    """
    from imgcls.reporting.lab import training_runs

    if namespace.data is None:
        is_validation = trained and not options.datasets
        dataset = training_runs.validation(namespace.runs) if is_validation else _configured(options)
        if namespace.labels not in {"auto", NO_LABELS}:
            raise ConfigError(
                f"--labels {spelled(namespace.labels)} is for the images of --data; the dataset {dataset.name} states "
                "itself how its folders are named, by its key labels"
            )
        return Subject(dataset, has_labels=namespace.labels != NO_LABELS and not _is_flat(Path(dataset.path)))
    if options.datasets:
        raise ConfigError("--data names the images, and --datasets does too: give one of them")
    has_labels = namespace.labels != NO_LABELS and not _is_flat(Path(namespace.data))
    labels = namespace.labels if has_labels else "auto"
    return Subject(datasets.dataset("command line", namespace.data, labels), has_labels)


def _configured(options: RunOptions) -> DatasetSpec:
    """The dataset of ``--datasets``, or the only one that is configured. Raises ConfigError."""
    in_reach = options.config or options.datasets or discovery.find(Path.cwd())
    settings = selection.settings(options.config) if in_reach else None
    if settings is None or not (options.datasets or settings.datasets):
        raise ConfigError(
            "a report of models is about one set of images: name a folder with --data DIR, "
            "or a dataset of the configuration with --datasets NAME"
        )
    chosen = list(configuration.select(settings, None, options.datasets).datasets.values())
    if len(chosen) != 1:
        names = ", ".join(spec.name for spec in chosen)
        whose = "--datasets names" if options.datasets else "the configuration has"
        raise ConfigError(
            f"a report of models is about one dataset, and {whose} {len(chosen)}, {names}: name one with --datasets"
        )
    return chosen[0]


def _require_images(subject: Subject) -> None:
    """Raise ConfigError, once for all models, where no images lie yet, or a folder is needed and another form named."""
    address = subject.dataset.path
    if address == BUILTIN_DIGITS:
        return
    if forms.form_of(str(address)):
        if not subject.has_labels:
            raise ConfigError(
                f"--labels {NO_LABELS} takes the images of a folder, and {spelled(urls.shown(str(address)))} is not "
                f"one: unpack it into a folder, or leave --labels {NO_LABELS} out"
            )
        return
    path = Path(address)
    if not subject.has_labels and path.is_file() and path.suffix.lower() in manifest_table.SUFFIXES:
        raise ConfigError(
            f"--labels {NO_LABELS} takes the images of a folder, and {spelled(str(path))} is a manifest: leave "
            f"--labels {NO_LABELS} out, or name the folder of its images with --data DIR"
        )
    if path.is_file() or _visible(path):
        return
    what = "is empty" if path.is_dir() else "is not there"
    raise ConfigError(f"{spelled(str(path))} {what}: put the images there, or name another folder with --data DIR")


def _visible(path: Path) -> list[Path]:
    """What is in a folder and not hidden; nothing where there is no folder."""
    return [child for child in path.iterdir() if not is_hidden(Path(child.name))] if path.is_dir() else []


def _is_flat(path: Path) -> bool:
    """Whether a folder has no folder in it that could be a class."""
    return path.is_dir() and not any(child.is_dir() for child in _visible(path))
