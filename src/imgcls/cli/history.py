"""``imgcls history``: saved runs in a row as a table and a page, against the run before and a reference that stays."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imgcls import documents
from imgcls.cli import arguments, destinations, output
from imgcls.config import discovery
from imgcls.errors import ConfigError
from imgcls.records.thresholds import Margin
from imgcls.reporting import presentation
from imgcls.session import options as run_options
from imgcls.session import selection
from imgcls.session.options import RunOptions

if TYPE_CHECKING:
    from imgcls.comparison.parts import Part


def add_history(commands: Any) -> None:
    parser = commands.add_parser(
        "history",
        help="accuracy, time and memory over saved runs, and whether they drift",
        **arguments.examples(
            "imgcls history runs/ --reference main.json -o history.html",
            "imgcls history baselines/main.json --csv history.csv",
        ),
    )
    parser.add_argument(
        "runs", type=Path, metavar="RUNS/|RUN.json",
        help="a folder of saved runs, by their time; or one saved run, whose committed versions are read from git",
    )  # fmt: skip
    parser.add_argument(
        "--reference", type=Path, metavar="FILE", help="the saved run that all are held against (default: the first)"
    )
    parser.add_argument(
        "--margin", type=arguments.fraction, metavar="0.005",
        help="the loss of top-1 that matters, as a fraction (default: that of [compare] in reach, or 0.005)",
    )  # fmt: skip
    parser.add_argument("-o", "--output", type=Path, metavar="FILE.html", help="write the page with its charts to FILE")
    run_options.add_to_command(parser, "config")
    destinations.add(parser)
    parser.set_defaults(command=history)


def history(namespace: argparse.Namespace) -> int:
    """Print the table and what changed, write the page and the documents; 1 where the last run lost."""
    from imgcls.comparison.history import History
    from imgcls.comparison.run_sources import Runs
    from imgcls.reporting import sheet as sheets
    from imgcls.reporting.history import table

    if namespace.output:
        _check_page(namespace.output)
    runs = Runs(namespace.runs)
    of_runs = History(_margin(namespace), _reference(namespace.reference))
    for name, part in runs.read():
        of_runs.add(name, part)
    tables = table.sheets(of_runs, runs.left_out)
    if not tables:
        raise ConfigError(f"{namespace.runs}: no run in it scored a whole dataset")
    destinations.write(
        namespace,
        {
            "json": lambda: sheets.as_json({"format": 1, "show": "history", "margin": of_runs.margin.margin}, tables),
            "csv": lambda: sheets.as_csv(tables),
            "markdown": lambda: sheets.as_markdown(tables),
        },
    )
    if namespace.output:
        from imgcls.reporting.history import page

        documents.write_text(namespace.output, page.render(of_runs, tables))
    output.line(sheets.terminal(tables, presentation.terminal_width()), end="")
    return 1 if any(points[-1].lost for points in of_runs.points.values()) else 0


def _check_page(file: Path) -> None:
    """Raise ConfigError where no page can be written there."""
    if documents.is_standard_output(file):
        raise ConfigError("-o writes the page next to the printed table: name a file for it")
    documents.check_writable(file)


def _margin(namespace: argparse.Namespace) -> Margin:
    """That of the command line, or of the configuration in reach."""
    from imgcls.comparison.history import DEFAULT_MARGIN

    files = RunOptions.from_namespace(namespace).config
    in_reach = selection.settings(files).margins if files or discovery.find(Path.cwd()) else {}
    margin = in_reach.get("top1", DEFAULT_MARGIN)
    return margin if namespace.margin is None else Margin(namespace.margin, margin.confidence)


def _reference(file: Path | None) -> tuple[str, Part] | None:
    if file is None:
        return None
    from imgcls.comparison import parts

    [part] = parts.read([file])
    return file.stem, part
