"""The command ``imgcls``: the same runs as the plugin's, without pytest."""

import argparse
import io
import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, TextIO

from imgcls.cli import arguments, completion, destinations, garbage, output
from imgcls.cli.parsing import Parser
from imgcls.errors import INTERRUPTED, ImgclsError
from imgcls.messages import ESCAPED
from imgcls.reporting import progress

BROKEN_PIPE = 141
"""What shells report of a program that SIGPIPE ended."""

COMMANDS = (
    "init",
    "predict",
    "score",
    "compare",
    "show",
    "report",
    "history",
    "card",
    "profile",
    "bench-compare",
    "parity",
    "quantize",
    "train",
    "labels",
    "data",
    "collect",
    "weights",
    "examples",
    "doctor",
    "plan",
    "merge",
    "store",
    "cache",
)
"""In the order of the help, what one begins with first.

``add_NAME`` of the module ``NAME`` in this folder adds the command, dashes as ``_``.

Only the module of the command that is run is imported.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; its exit code. What a user can mend is one message, never a traceback."""
    _show_what_it_can(sys.stdout, sys.stderr)
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        options = parser(*given[:1]).parse_args(given)
        sys.path.insert(0, str(Path.cwd()))  # where python: factories are, as with python -m
        command: Callable[[argparse.Namespace], int] = options.command
        destinations.check(options)
        is_quiet = (getattr(options, "verbosity", None) or 0) < 0
        lines = output.lines_on_stderr(destinations.is_printed(options))
        with garbage.collected_rarely(), lines, progress.hidden(is_quiet):
            return command(options)
    except ImgclsError as error:
        output.error(f"imgcls: {error}")
        return error.exit_code
    except BrokenPipeError:  # `| head` has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is still to be flushed goes nowhere
        return BROKEN_PIPE
    except OSError as error:
        from imgcls import documents

        output.error(f"imgcls: {documents.failure(error)}")
        return 3
    except KeyboardInterrupt:
        output.error("imgcls: interrupted")
        return INTERRUPTED


def _show_what_it_can(*streams: TextIO) -> None:
    """Let terminals of few characters have escapes for others."""
    for stream in streams:
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=ESCAPED)


def parser(command: str = "") -> Parser:
    """The command line, whose ``command`` is the function that does it; with a command's name, of it only."""
    root = Parser(
        "imgcls",
        description="Test image classifiers the way you test code.",
        whole=parser,
        **arguments.examples(
            "imgcls predict cat.jpg --models resnet50", "imgcls init --data photos/ --models resnet50"
        ),
    )
    root.add_argument("--version", action=_Version, help="show program's version number and exit")
    completion.add(root)
    commands = root.add_subparsers(required=True, metavar="COMMAND")
    for name in [command] if command in COMMANDS else COMMANDS:
        module = name.replace("-", "_")
        getattr(import_module(f"imgcls.cli.{module}"), f"add_{module}")(commands)
    return root


class _Version(argparse.Action):
    """Prints the version, which takes longer to look up than most commands to be added."""

    def __init__(self, option_strings: Sequence[str], dest: str, **settings: Any) -> None:
        super().__init__(option_strings, dest, nargs=0, default=argparse.SUPPRESS, **settings)

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib import metadata

        parser.exit(message=f"imgcls {metadata.version('imgcls')}\n")
