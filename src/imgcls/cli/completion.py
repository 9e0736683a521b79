"""``imgcls --print-completion SHELL``: what a shell reads to complete commands, options and files."""

import argparse
from collections.abc import Sequence
from typing import Any

from imgcls.cli import output
from imgcls.cli.parsing import Parser
from imgcls.errors import MachineError

SHELLS = ("bash", "zsh", "tcsh", "fish")

FOLDER_WORDS, FILE_WORDS = ("DIR", "RUNS/"), ("FILE", "IMAGE", "DATA", "MANIFEST", ".json", "WEIGHTS")
"""What stands in the placeholder of an argument that is a folder, or a file or folder."""


def add(parser: Parser) -> None:
    """Declare the option."""
    parser.add_argument(
        "--print-completion", choices=SHELLS, action=_Print, metavar="|".join(SHELLS),
        help="print what this shell reads to complete commands, options and files, and exit",
    )  # fmt: skip


def script(parser: Parser, shell: str) -> str:
    """The text for a shell. Raises MachineError where shtab is not installed."""
    try:
        import shtab
    except ModuleNotFoundError as error:
        raise MachineError("--print-completion needs shtab: pip install 'imgcls[completion]'") from error
    for command in parser.leaves():
        for argument in command.arguments:
            if (kind := _kind(argument)) and argument.choices is None:
                argument.complete = getattr(shtab, kind)  # type: ignore[attr-defined]  # what shtab looks for
    return shtab.complete(parser, shell)


class _Print(argparse.Action):
    def __call__(
        self, parser: Any, namespace: argparse.Namespace, values: str | Sequence[Any] | None, option: str | None = None
    ) -> None:
        del namespace, option
        output.document(script(parser, str(values)))
        parser.exit()


def _kind(argument: argparse.Action) -> str | None:
    """Shtab's word for what an argument is: a file, a folder, or neither."""
    placeholder = argument.metavar if isinstance(argument.metavar, str) else ""
    if any(word in placeholder for word in FILE_WORDS):
        return "FILE"
    return "DIRECTORY" if any(word in placeholder for word in FOLDER_WORDS) else None
