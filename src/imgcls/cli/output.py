"""What the commands print: in lines in which every character is seen, whatever names of files and classes hold."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TextIO

from imgcls import messages
from imgcls.reporting import colours
from imgcls.reporting.ci import runner_log

_lines_on_stderr = False


@contextmanager
def lines_on_stderr(wanted: bool) -> Iterator[None]:
    """While it is open, lines go to standard error, where a document goes to standard output."""
    global _lines_on_stderr  # noqa: PLW0603 - where this process prints
    _lines_on_stderr = wanted
    try:
        yield
    finally:
        _lines_on_stderr = False


def line(text: str, *, end: str = "\n", stream: TextIO | None = None) -> None:
    """Print a text, which may have several lines, on standard output or another stream; verdicts in colours."""
    stream = stream or (sys.stderr if _lines_on_stderr else sys.stdout)
    shown = runner_log.inert_lines(messages.printable_lines(text))
    print(colours.coloured(shown) if colours.has_colours(stream) else shown, end=end, file=stream, flush=True)


def command(text: str) -> None:
    """Print a command to the runner of GitHub Actions on standard error, since a document may be on standard output."""
    print(text, file=sys.stderr, flush=True)


def fields(values: Iterable[str], indent: str = "") -> None:
    """Print a line of fields that are separated by tabulators."""
    print(runner_log.inert(indent + "\t".join(map(messages.spelled, values))))


def error(text: str) -> None:
    """Print a text, which may have several lines, on standard error."""
    line(text, stream=sys.stderr)


def document(text: str) -> None:
    """Print the content of a file: as it is into a pipe or a file, to be read on a terminal."""
    print(messages.printable_lines(text) if sys.stdout.isatty() else text, end="")
