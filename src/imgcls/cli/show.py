"""``imgcls show``: mistakes, confusions, classes and flips of a saved run, in a terminal or as documents."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imgcls import messages
from imgcls.cli import arguments, destinations, output
from imgcls.errors import ConfigError
from imgcls.reporting import presentation
from imgcls.session import options as run_options
from imgcls.session import selection
from imgcls.session.options import RunOptions

if TYPE_CHECKING:
    from imgcls.reporting.sheet import Sheet
    from imgcls.reporting.show.selected import Pair

QUESTIONS: Mapping[str, str] = {
    "mistakes": "the images that are wrong, the most confident mistakes first",
    "confusion": "which classes are taken for which",
    "classes": "the accuracy of each class, the lowest first",
    "overall": "the five classes with the largest mean probability",
}
"""What there is to show of one model on one dataset."""


def add_show(commands: Any) -> None:
    parser = commands.add_parser(
        "show",
        help="mistakes, confusions, classes and flips of a saved run",
        **arguments.examples(
            "imgcls show run.json --mistakes --model resnet50 --links wrong/",
            "imgcls show run.json --flips main.json --csv flips.csv",
        ),
    )
    parser.add_argument("run", type=Path, metavar="RUN.json", help="a document of --json or --save")
    questions = parser.add_mutually_exclusive_group()
    for name, text in QUESTIONS.items():
        questions.add_argument(f"--{name}", dest="question", action="store_const", const=name, help=text)
    questions.add_argument("--flips", type=Path, metavar="OTHER.json", help="what changed since another saved run")
    parser.add_argument("--model", metavar="NAME", help="only this model")
    parser.add_argument("--dataset", metavar="NAME", help="only this dataset")
    parser.add_argument(
        "--links", type=Path, metavar="DIR", help="with --mistakes: a new folder of links to the images"
    )
    parser.add_argument("--data", type=Path, metavar="DIR", help="the folder of the images, for --links")
    run_options.add_to_command(parser, "config")
    destinations.add(parser)
    parser.set_defaults(command=show)


def show(namespace: argparse.Namespace) -> int:
    """Print the tables, and write them; the exit code."""
    from imgcls.reporting import sheet as sheets

    if (namespace.links or namespace.data) and namespace.question != "mistakes":
        raise ConfigError("--links and --data are about single mistakes: add --mistakes")
    tables = _flips(namespace) if namespace.flips else _of_run(namespace)
    of = {"format": 1, "run": namespace.run.name, "show": "flips" if namespace.flips else namespace.question or "run"}
    destinations.write(
        namespace,
        {
            "json": lambda: sheets.as_json(of, tables),
            "csv": lambda: sheets.as_csv(tables),
            "markdown": lambda: sheets.as_markdown(tables),
        },
    )
    output.line(sheets.terminal(tables, presentation.terminal_width()), end="")
    return 0


def _flips(namespace: argparse.Namespace) -> Sequence[Sheet]:
    from imgcls.comparison import parts, saved_run
    from imgcls.reporting.show import flips, selected

    before, after = saved_run.read(namespace.flips), saved_run.read(namespace.run)
    selected.pairs(parts.read([namespace.run])[0], namespace.model, namespace.dataset)
    return flips.sheets(before, after, namespace.model, namespace.dataset)


def _of_run(namespace: argparse.Namespace) -> Sequence[Sheet]:
    from imgcls.comparison import parts
    from imgcls.reporting.show import selected, summary

    [part] = parts.read([namespace.run])
    pairs = selected.pairs(part, namespace.model, namespace.dataset)
    if namespace.question is None:
        return [summary.sheet(part, pairs)]
    scored = [pair for pair in pairs if pair.result.scored]
    if not scored:
        raise ConfigError(
            f"{namespace.run}: no image was scored by what is selected; imgcls show {namespace.run} is why"
        )
    if namespace.links:
        _link(namespace, scored)
    return [_sheet_of(namespace.question)(pair) for pair in scored]


def _sheet_of(question: str) -> Callable[[Pair], Sheet]:
    """What makes the table of one of :data:`QUESTIONS`."""
    from imgcls.reporting.show import classes, confusion, mistakes, overall

    modules = {"mistakes": mistakes, "confusion": confusion, "classes": classes, "overall": overall}
    of_pair: Callable[[Pair], Sheet] = modules[question].sheet
    return of_pair


def _link(namespace: argparse.Namespace, pairs: Sequence[Pair]) -> None:
    from imgcls.reporting.show import links

    written = links.write(namespace.links, pairs, _roots(namespace, pairs))
    kind = "copies of" if written.copies else "links to"
    output.error(f"{kind} {messages.counted(written.links, 'image')} in {messages.spelled(str(namespace.links))}")
    if written.missing:
        output.error(
            f"left out, because no file has the bytes that were scored: {messages.named(written.missing)}; "
            f"{links.INDEX} has no link for them"
        )


def _roots(namespace: argparse.Namespace, pairs: Sequence[Pair]) -> dict[str, Path]:
    """Where the paths of each dataset begin. Raises ConfigError where that is not known."""
    from imgcls.reporting.show import originals

    datasets = dict.fromkeys(pair.result.dataset for pair in pairs)
    if namespace.data:
        if len(datasets) > 1:
            names = messages.named([*datasets])
            raise ConfigError(f"--data is the folder of one dataset: add --dataset with one of {names}")
        return dict.fromkeys(datasets, originals.root_of(namespace.data))
    known = selection.settings(RunOptions.from_namespace(namespace).config).datasets
    for dataset in datasets:
        if dataset not in known:
            raise ConfigError(
                f"no dataset '{dataset}' in the configuration{messages.nearest(dataset, known)}; "
                "name the folder of its images with --data DIR"
            )
    return {dataset: originals.root_of(known[dataset].path) for dataset in datasets}
