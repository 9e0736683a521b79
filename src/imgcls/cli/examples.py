"""``imgcls examples``: the examples that come with the package, copied to where they can be changed."""

import argparse
import shlex
from pathlib import Path
from typing import Any

from imgcls.cli import arguments, output
from imgcls.messages import counted, spelled


def add_examples(commands: Any) -> None:
    parser = commands.add_parser(
        "examples",
        help="copy the examples that come with imgcls into a folder",
        **arguments.examples("imgcls examples try/", "imgcls examples ."),
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="where to; files that are there stay as they are")
    parser.set_defaults(command=copy_examples)


def copy_examples(namespace: argparse.Namespace) -> int:
    """Copy them, print what is there and how to run the first one; the exit code. Raises OSError."""
    from imgcls.scaffold import examples

    copied = examples.copy(namespace.folder)
    folder = spelled(str(namespace.folder))
    output.line(f"{counted(len(copied.written), 'file')} copied into {folder}")
    for name, about in examples.ABOUT.items():
        output.line(f"  {name:<11} {about}")
    for file in copied.existing:
        output.error(f"left as it is, and not what the example has: {spelled(str(file))}")
    output.line(f"next: cd {shlex.quote(str(namespace.folder / 'digits'))} && pytest -m accuracy")
    return 0
