"""``imgcls report``: a saved run as one HTML page, or models on a set of images as a folder to hand in."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imgcls import documents
from imgcls.cli import arguments, output, pages
from imgcls.errors import ConfigError
from imgcls.messages import nearest, spelled
from imgcls.reporting import progress
from imgcls.session import options as run_options
from imgcls.session.options import RunOptions

if TYPE_CHECKING:
    from imgcls.records.comparison import Comparison, SavedRun

PAGES = (".html", ".htm", ".md")
"""How files end that are no folder to hand in."""


def add_report(commands: Any) -> None:
    parser = commands.add_parser(
        "report",
        help="a saved run as one HTML page, or models on a set of images as a folder to hand in",
        **arguments.examples(
            "imgcls report run.json -o report.html",
            "imgcls report run.json --baseline main.json -o report.html",
            "imgcls report resnet50 alexnet --data photos/ -o report/",
            "imgcls report --config imgcls.toml -o report/",
        ),
    )
    parser.add_argument(
        "of", nargs="*", metavar="RUN.json|MODEL",
        help="a document of --json or --save; or models of the configuration, or architectures (default: the networks "
        "of --runs, or else all models of the configuration)",
    )  # fmt: skip
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE|DIR", help="the page, or the folder")
    parser.add_argument(
        "--data", action="append", default=[], metavar="NAME=DIR|DIR",
        help="of a run: where the images of a dataset are, may be given several times; of models: their images",
    )  # fmt: skip
    parser.add_argument(
        "--baseline", type=Path, metavar="OTHER.json", help="of a run: show what changed since this one"
    )
    run_options.add_to_command(parser, "config")
    _add_of_models(parser)
    run_options.add_quiet(parser)
    parser.set_defaults(command=report)


def _add_of_models(parser: argparse.ArgumentParser) -> None:
    """What a report of models takes in addition to their names and the folder of the report."""
    group = parser.add_argument_group("a report of models to hand in (-o DIR)")
    group.add_argument(
        "--labels", default="auto", metavar="HOW|FILE.csv",
        help="how the folders of --data are named: auto (default), wnid, name, index, a map file; or none: no labels",
    )  # fmt: skip
    group.add_argument("--runs", nargs="+", type=Path, default=[], metavar="DIR", help="folders of `imgcls train`")
    run_options.add_to_command(group, "datasets", "device", "offline", "store", "trust-mtime")  # type: ignore[arg-type]  # a group has what a parser has


def report(namespace: argparse.Namespace) -> int:
    """Write the report of a run, or of models; the exit code."""
    files = [name for name in namespace.of if name.endswith(".json") or Path(name).is_file()]
    if not files:
        return _of_models(namespace)
    if len(namespace.of) > 1:
        raise ConfigError("a report is about one saved run: name one, another one with --baseline, or only models")
    return _of_run(namespace, Path(files[0]))


def _of_models(namespace: argparse.Namespace) -> int:
    if namespace.baseline:
        raise ConfigError("--baseline goes with a report of a saved run, not of models")
    if len(namespace.data) > 1:
        raise ConfigError("a report of models is about one set of images: give --data once")
    if namespace.output.suffix.lower() in PAGES:
        raise ConfigError(
            f"-o {spelled(str(namespace.output))} names a page, and a report of models is a folder: name one with "
            "-o report/, or name the RUN.json that the page is about"
        )
    from imgcls.cli import lab_report

    namespace.data = namespace.data[0] if namespace.data else None
    return lab_report.write(namespace, namespace.of, namespace.output)


def _of_run(namespace: argparse.Namespace, file: Path) -> int:
    from imgcls.reporting.html import document, thumbnails

    documents.check_writable(namespace.output)
    run = document.read(file)
    names = list(dict.fromkeys(result.dataset for result in run.report.results))
    folders = _folders(namespace.data, names)
    configured = pages.in_reach(RunOptions.from_namespace(namespace).config)
    if namespace.baseline:
        run = document.compared(run, _comparisons(namespace.baseline, file))
    images = thumbnails.Images(thumbnails.specs(configured.datasets, folders), names)
    with progress.working(sys.stderr, "making thumbnails, drawing charts"):
        pages.write(namespace.output, run, images, configured.models)
    output.line(f"the report is {spelled(str(namespace.output))}")
    return 0


def _folders(given: Sequence[str], names: Sequence[str]) -> dict[str, Path]:
    """The folders of the datasets by name. Raises ConfigError for another word, or a dataset that the run lacks."""
    folders: dict[str, Path] = {}
    for text in given:
        name, equals, folder = text.partition("=")
        if not equals and len(names) == 1:
            name, folder = names[0], text
        if not folder:
            raise ConfigError(f"--data {spelled(text)}: expected NAME=DIR, with one of the datasets {', '.join(names)}")
        if name not in names:
            raise ConfigError(f"--data {spelled(text)}: no dataset '{spelled(name)}' in the run{nearest(name, names)}")
        folders[name] = Path(folder)
    return folders


def _comparisons(before: Path, after: Path) -> list[Comparison]:
    """Every pair that both runs have. Raises ConfigError where a run is not whole, or they share none."""
    from imgcls.comparison import compare, saved_run

    one, other = saved_run.read(before), saved_run.read(after)
    shared = [pair for pair in other.scored if pair in one.scored]
    if not shared:
        raise ConfigError(
            f"{before} and {after} have no model on a dataset in common: {_scored(one)}; {_scored(other)}"
        )
    return [compare.pair(one, other, *pair) for pair in shared]


def _scored(run: SavedRun) -> str:
    pairs = ", ".join(" on ".join(pair) for pair in run.scored) or "nothing"
    return f"{run.name} has {pairs}"
