"""The command ``imgcls``: the same runs as the plugin's, without pytest."""

import argparse
import io
import os
import sys
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, NoReturn, TextIO

from imgcls import documents, messages
from imgcls.cli import (
    bench_compare,
    cache,
    card,
    compare,
    destinations,
    history,
    labels,
    merge,
    output,
    parity,
    predict,
    profile,
    quantize,
    report,
    score,
    show,
    train,
)
from imgcls.errors import ImgclsError
from imgcls.messages import ESCAPED

BROKEN_PIPE = 141
"""What shells report of a program that SIGPIPE ended."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; its exit code. What a user can mend is one message, never a traceback."""
    _show_what_it_can(sys.stdout, sys.stderr)
    options = parser().parse_args(arguments)
    sys.path.insert(0, str(Path.cwd()))  # where python: factories are, as with python -m
    command: Callable[[argparse.Namespace], int] = options.command
    try:
        destinations.check(options)
        with output.lines_on_stderr(destinations.is_printed(options)):
            return command(options)
    except ImgclsError as error:
        output.error(f"imgcls: {error}")
        return error.exit_code
    except BrokenPipeError:  # `| head` has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is still to be flushed goes nowhere
        return BROKEN_PIPE
    except OSError as error:
        output.error(f"imgcls: {documents.failure(error)}")
        return 3
    except KeyboardInterrupt:
        output.error("imgcls: interrupted")
        return score.INTERRUPTED


def _show_what_it_can(*streams: TextIO) -> None:
    """Let terminals of few characters have escapes for others."""
    for stream in streams:
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=ESCAPED)


class _Parser(argparse.ArgumentParser):
    def __init__(self, *arguments: Any, **options: Any) -> None:
        """Options are written out: an abbreviation would be another option once there is a second of its kind."""
        super().__init__(*arguments, **{"allow_abbrev": False, **options})

    def error(self, message: str) -> NoReturn:
        super().error(messages.printable(message))


def parser() -> argparse.ArgumentParser:
    """The command line, whose ``command`` is the function that does it."""
    parser = _Parser("imgcls", description="Test image classifiers the way you test code.")
    parser.add_argument("--version", action="version", version=f"imgcls {metadata.version('imgcls')}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for add in (
        score.add_score,
        merge.add_merge,
        compare.add_compare,
        show.add_show,
        history.add_history,
        card.add_card,
        report.add_report,
        parity.add_parity,
        quantize.add_quantize,
        bench_compare.add_bench_compare,
        profile.add_profile,
        predict.add_predict,
        train.add_train,
        labels.add_labels,
        cache.add_cache,
    ):
        add(commands)
    return parser
