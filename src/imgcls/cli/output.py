"""What the commands print: in lines in which every character is seen, whatever names of files and classes hold."""

import sys
from collections.abc import Iterable
from typing import TextIO

from imgcls import messages


def line(text: str, *, end: str = "\n", stream: TextIO | None = None) -> None:
    """Print a text, which may have several lines, on standard output or another stream."""
    print(messages.printable_lines(text), end=end, file=stream or sys.stdout, flush=True)


def fields(values: Iterable[str], indent: str = "") -> None:
    """Print a line of fields that are separated by tabulators."""
    print(indent + "\t".join(map(messages.spelled, values)))


def error(text: str) -> None:
    """Print a text, which may have several lines, on standard error."""
    line(text, stream=sys.stderr)


def document(text: str) -> None:
    """Print the content of a file: as it is into a pipe or a file, to be read on a terminal."""
    print(messages.printable_lines(text) if sys.stdout.isatty() else text, end="")
