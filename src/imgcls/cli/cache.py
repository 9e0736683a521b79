"""``imgcls cache info|verify|prune``: the upkeep of the store."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

from imgcls import messages
from imgcls.cli import arguments, output
from imgcls.errors import ConfigError
from imgcls.reporting import progress
from imgcls.session import options as run_options
from imgcls.session.options import RunOptions
from imgcls.store import schema

if TYPE_CHECKING:
    from imgcls.store.database import Store

UNUSED_DAYS = 30


def add_cache(commands: Any) -> None:
    cache = commands.add_parser("cache", help="the store of predictions: what it holds, check it, shrink it")
    commands = cache.add_subparsers(required=True, metavar="COMMAND")
    info = commands.add_parser(
        "info",
        help="where the store is, its size, and what it holds",
        **arguments.examples("imgcls cache info", "imgcls cache info --store ../other/.imgcls"),
    )
    verify = commands.add_parser(
        "verify",
        help="read the whole store and check it",
        **arguments.examples("imgcls cache verify", "imgcls cache verify --store ../other/.imgcls"),
    )
    prune = commands.add_parser(
        "prune",
        help="remove what no run has used for some time",
        **arguments.examples("imgcls cache prune", "imgcls cache prune --unused-for 90"),
    )
    prune.add_argument(
        "--unused-for", type=arguments.positive_int, default=UNUSED_DAYS, metavar="DAYS",
        help=f"remove what no run has used for this many days (default: {UNUSED_DAYS})",
    )  # fmt: skip
    for parser, command in ((info, print_info), (verify, verify_store), (prune, prune_store)):
        run_options.add_to_command(parser, "store")
        run_options.add_quiet(parser)
        parser.set_defaults(command=command)


def print_info(namespace: argparse.Namespace) -> int:
    """Print where the store is, its size, the rows of each table, and what runtimes compiled; the exit code."""
    with _existing_store(namespace) as store:
        info = store.info()
        output.line(f"store: {store.file}, {_megabytes(info.file_bytes)}")
        for table, rows in info.rows.items():
            output.line(f"  {table}: {messages.counted(rows, 'row')}")
        output.line(f"compiled models: {info.artefacts}, {_megabytes(info.artefact_bytes)}")
    return 0


def verify_store(namespace: argparse.Namespace) -> int:
    """Check every row of the store; the exit code. Raises StoreError, a line per damage."""
    with _existing_store(namespace) as store:
        with progress.working(sys.stderr, f"reading {store.file}"):
            predictions = store.verify()
        output.line(f"{messages.counted(predictions, 'prediction')} and all other rows checked, none is damaged")
    return 0


def prune_store(namespace: argparse.Namespace) -> int:
    """Remove what no run has used for ``--unused-for`` days, and print how much that was; the exit code."""
    with _existing_store(namespace) as store:
        pruned = store.prune(namespace.unused_for)
    output.line(
        f"not used for {messages.counted(namespace.unused_for, 'day')}, and removed: "
        f"{messages.counted(pruned.keys, 'key')} with {messages.counted(pruned.predictions, 'prediction')}, "
        f"{messages.counted(pruned.artefacts, 'compiled model')}; {_megabytes(pruned.freed_bytes)} freed"
    )
    return 0


@contextmanager
def _existing_store(namespace: argparse.Namespace) -> Iterator[Store]:
    """The store that the options name. Raises ConfigError where there is none: nothing is created."""
    from imgcls.store.database import Store

    folder = RunOptions.from_namespace(namespace).store
    if folder is None:
        raise ConfigError("with the store off there is nothing to look at: name its folder with --store DIR")
    if not (folder / schema.FILE).is_file():
        raise ConfigError(f"there is no store in {folder.absolute()}: name its folder with --store DIR")
    with closing(Store(folder.absolute(), lambda: progress.notices(sys.stderr))) as store:
        for sentence in store.damage.take():
            output.line(sentence)
        yield store


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
