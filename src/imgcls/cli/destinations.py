"""Where a command writes its documents: into a file each, or, for ``-``, on standard output.

Then lines go to standard error, so that another program can read the document.
"""

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path

from imgcls.cli import output
from imgcls.errors import ConfigError

STANDARD_OUTPUT = Path("-")

KINDS: Mapping[str, str] = {"json": "JSON", "csv": "CSV", "markdown": "GitHub's Markdown"}


def add(parser: argparse.ArgumentParser, *kinds: str) -> None:
    """Declare the options of these kinds of documents, by default of all :data:`KINDS`."""
    for kind in kinds or KINDS:
        parser.add_argument(
            f"--{kind}", type=Path, metavar="FILE", help=f"write it as {KINDS[kind]} to FILE, or - for standard output"
        )


def check(namespace: argparse.Namespace) -> None:
    """Check before the work that everything can be written. Raises ConfigError."""
    given = _given(namespace)
    printed = [f"--{kind} -" for kind, file in given.items() if file == STANDARD_OUTPUT]
    if len(printed) > 1:
        raise ConfigError(f"{' and '.join(printed)} would be printed as one text: name a file for all but one of them")
    for file in given.values():
        if file != STANDARD_OUTPUT:
            from imgcls import documents

            documents.check_writable(file)


def is_printed(namespace: argparse.Namespace) -> bool:
    """Whether a document goes to standard output, where then nothing else is printed."""
    return STANDARD_OUTPUT in _given(namespace).values()


def write(namespace: argparse.Namespace, rendered: Mapping[str, Callable[[], str]]) -> None:
    """Write what was requested, by kind; a terminal gets what it would obey as escapes. Raises OSError."""
    for kind, file in sorted(_given(namespace).items(), key=lambda item: item[1] == STANDARD_OUTPUT):
        if file == STANDARD_OUTPUT:
            output.document(rendered[kind]())
        else:
            from imgcls import documents

            documents.write_text(file, rendered[kind]())


def _given(namespace: argparse.Namespace) -> dict[str, Path]:
    return {kind: Path(file) for kind in KINDS if (file := getattr(namespace, kind, None)) is not None}
