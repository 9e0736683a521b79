"""``imgcls collect``: images from the web into a folder, with where each came from."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

from imgcls.cli import arguments, output
from imgcls.collect.refusal import TRANSIENT
from imgcls.collect.request import ENGINES, IMAGES, MIN_SIDE, PER_SECOND, Outcome, Request
from imgcls.errors import INTERRUPTED, ConfigError, MachineError
from imgcls.messages import counted, named, spelled
from imgcls.reporting import progress
from imgcls.reporting.presentation import terminal_width
from imgcls.session import options as run_options

PACKAGE = "icrawler"


def add_collect(commands: Any) -> None:
    parser = commands.add_parser(
        "collect",
        help="gather images from the web, with where each came from",
        **arguments.examples(
            'imgcls collect "sorrel horse" --count 60 --out photos/sorrel --exclude train/',
            "imgcls collect --urls horses.txt --out photos/sorrel --contact me@example.org",
        ),
    )
    parser.add_argument("query", nargs="?", default="", metavar="QUERY", help="what to search for")
    parser.add_argument("--urls", type=Path, metavar="FILE", help="fetch this list of URLs, one per line or a CSV")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="the folder of the class, as photos/sorrel"
    )
    parser.add_argument(
        "--count", type=arguments.positive_int, metavar="N",
        help=f"how many images the folder should have (default: {IMAGES}, or all of a list)",
    )  # fmt: skip
    parser.add_argument("--engine", choices=ENGINES, default="bing", help="where to search (default: bing)")
    parser.add_argument(
        "--exclude", type=Path, action="append", default=[], metavar="DIR",
        help="leave out what is in this folder, or looks like it; may be given several times",
    )  # fmt: skip
    parser.add_argument(
        "--min-side", type=arguments.positive_int, default=MIN_SIDE, metavar="PIXELS",
        help=f"leave out images with a shorter side than this (default: {MIN_SIDE})",
    )  # fmt: skip
    parser.add_argument(
        "--per-second", type=_rate, default=PER_SECOND, metavar="N",
        help=f"requests to each host (default: {PER_SECOND:g})",
    )  # fmt: skip
    parser.add_argument("--contact", default="", metavar="TEXT", help="how sites reach you: goes into the User-Agent")
    run_options.add_quiet(parser)
    parser.set_defaults(command=collect)


def collect(namespace: argparse.Namespace) -> int:
    """Fill the folder, and print what was kept and what was not; the exit code, 1 where images are missing."""
    request = _request(namespace)
    _require_package()
    from imgcls.collect import run

    with progress.shown(sys.stderr) as shown:
        outcome = run.collect(request, shown)
    for line in _lines(request, outcome):
        output.line(line)
    if outcome.is_interrupted:
        return INTERRUPTED
    return 1 if outcome.missing else 0


def _request(namespace: argparse.Namespace) -> Request:
    """Raises ConfigError."""
    if bool(namespace.query.strip()) == (namespace.urls is not None):
        raise ConfigError(
            'give either a query, as in imgcls collect "sorrel horse", or a list of URLs with --urls FILE'
        )
    if namespace.out.exists() and not namespace.out.is_dir():
        raise ConfigError(f"--out {namespace.out}: it is not a folder")
    return Request(
        out=namespace.out,
        query=namespace.query.strip(),
        urls=namespace.urls,
        count=namespace.count or (None if namespace.urls else IMAGES),
        engine=namespace.engine,
        exclude=tuple(namespace.exclude),
        min_side=namespace.min_side,
        per_second=namespace.per_second,
        contact=_header_text(namespace.contact),
    )


def _header_text(contact: str) -> str:
    """Raises ConfigError for what cannot stand in a header."""
    if contact.isascii() and contact.isprintable():
        return contact
    raise ConfigError(f"--contact {contact}: write it in ASCII, as a mail address or a URL")


def _require_package() -> None:
    """Raises MachineError."""
    try:
        metadata.version(PACKAGE)
    except metadata.PackageNotFoundError:
        raise MachineError(
            f"imgcls collect needs {PACKAGE}, which is not installed: pip install 'imgcls[collect]'"
        ) from None


def _lines(request: Request, outcome: Outcome) -> Iterator[str]:
    folder = spelled(str(request.out))
    yield f"{counted(outcome.images, 'image')} collected in {folder}, {outcome.new_images} of them now"
    if outcome.refused:
        yield _table(outcome).rstrip("\n")
    for note in outcome.notes:
        yield from _wrapped(f"note: {note}")
    if outcome.is_interrupted:
        yield "interrupted: run the same command again to continue"
    elif outcome.missing:
        for sentence in _missing(request, outcome):
            yield from _wrapped(sentence)
    if outcome.manifest.exists():
        yield f"manifest: {spelled(str(outcome.manifest))}"
    if outcome.images:
        dataset = shlex.quote(spelled(str(request.out.parent)))
        yield f"next: imgcls data check {dataset}, then imgcls init --data {dataset}"


def _wrapped(sentence: str) -> list[str]:
    from imgcls.reporting import text_table

    return text_table.wrapped(sentence, terminal_width())


def _table(outcome: Outcome) -> str:
    from imgcls.reporting import text_table

    table = text_table.table(
        "refused", "URLs", "the first one", names=("the first one",), importance=("refused", "URLs", "the first one")
    )
    table.columns[-1].justify = "left"
    for reason, refusals in outcome.refused.items():
        table.add_row(reason, str(refusals.count), refusals.detail)
    return text_table.text(table, terminal_width())


def _missing(request: Request, outcome: Outcome) -> Iterator[str]:
    """How many images are missing, why, and what to do."""
    if request.count is None:
        yield f"{outcome.missing} of {counted(outcome.requested, 'URL')} gave no image that is kept"
    else:
        source = "the list has" if request.urls else "the search gave"
        yield f"{outcome.missing} of {counted(outcome.requested, 'image')} are missing: {source} no more"
    yield from dict.fromkeys(outcome.problems)
    if again := [reason for reason in outcome.refused if reason in TRANSIENT]:
        yield f"run the same command again to try those again that were refused for {named(again)}"
    elif not request.urls:
        yield "try other words, another --engine, or a list with --urls FILE; what is there stays"


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = 0.0
    if 0 < rate <= 100:
        return rate
    raise argparse.ArgumentTypeError(f"{text!r} is not a number of requests per second above 0, as in 2 or 0.5")
