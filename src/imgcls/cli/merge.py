"""``imgcls merge``: the documents of several jobs become one run, which is held against all gates."""

import argparse
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from imgcls.cli import arguments, score
from imgcls.session import options as run_options
from imgcls.session import selection
from imgcls.session.merged import MergedResults
from imgcls.session.options import RunOptions
from imgcls.session.session import Session


def add_merge(commands: Any) -> None:
    parser = commands.add_parser(
        "merge",
        help="join the documents of several jobs, and hold the whole run against its gates",
        **arguments.examples(
            "imgcls merge part-1.json part-2.json --save main.json",
            "imgcls merge parts/*.json --baseline main.json --comment comment.md",
        ),
    )
    parser.add_argument("parts", nargs="+", type=Path, metavar="PART.json", help="documents of --json or --save")
    run_options.add_to_command(
        parser,
        *("config", "json", "json-summary", "csv", "markdown", "report", "comment"),
        *("code-quality", "columns", "save", "inconclusive"),
        *("baseline", "compare-fail", "compare-common"),
    )
    run_options.add_verbosity(parser)
    parser.set_defaults(command=merge)


def merge(namespace: argparse.Namespace) -> int:
    """Join the parts and hold them against the gates of the configuration; the exit code."""
    options = RunOptions.from_namespace(namespace)
    with closing(Session(options, selection.settings(options.config))) as session:
        results = MergedResults(session, namespace.parts)
        if results.run.without_predictions and not options.save:
            session.options = replace(options, json_summary=True)
        return score.concluded(results)
