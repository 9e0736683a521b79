"""The reference of the command line, from the parser itself."""

import argparse
import textwrap
from collections.abc import Iterator

from imgcls.cli import main
from reference_text import code, markdown, required, table

HEAD = """\
# Commands and options

Every command with all of its options, as `imgcls COMMAND --help` has them. What they are for, with examples, is in
[the command line](../command-line.md).
"""


def text() -> str:
    """The page. Raises MissingText for a command or an option without help."""
    return "\n".join([HEAD, *sections(main.parser(), 2)])


def sections(parser: argparse.ArgumentParser, depth: int) -> Iterator[str]:
    """A section per command, those below it after it."""
    for action in parser._actions:  # noqa: SLF001 - argparse has no other door to what a parser takes
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - nor a name for this type
            helps = {choice.dest: choice.help for choice in action._choices_actions}  # noqa: SLF001 - nor to its help
            for name, command in action.choices.items():
                yield _section(command, required(helps.get(name), command.prog), depth)
                yield from sections(command, depth + 1)


def _section(parser: argparse.ArgumentParser, summary: str, depth: int) -> str:
    actions = [action for action in parser._actions if not _is_structure(action)]  # noqa: SLF001 - as above
    rows = [(spelled(action), default(action), meaning(action, parser.prog)) for action in actions]
    options = f"\n{table(('argument', 'default', 'meaning'), rows)}" if rows else ""
    examples = f"\n{_examples(parser.epilog)}" if parser.epilog else ""
    sentence = f"{summary[0].upper()}{summary[1:]}{'' if summary.endswith('?') else '.'}"
    return f"{'#' * depth} {parser.prog}\n\n{sentence}\n{options}{examples}"


def _examples(epilog: str) -> str:
    """The command lines at the end of a help."""
    return f"```sh\n{textwrap.dedent(epilog.removeprefix('examples:')).strip()}\n```\n"


def _is_structure(action: argparse.Action) -> bool:
    return isinstance(action, argparse._HelpAction | argparse._SubParsersAction)  # noqa: SLF001 - they have no public name


def spelled(action: argparse.Action) -> str:
    """How an option or an argument is written, with its value."""
    value = f" {_value(action)}" if action.nargs != 0 else ""
    return ", ".join(code(f"{option}{value}") for option in action.option_strings) or code(_value(action))


def _value(action: argparse.Action) -> str:
    choices = "|".join(map(str, action.choices)) if action.choices else ""
    name = choices or action.metavar or action.dest.upper()
    shown = name if isinstance(name, str) else " ".join(name)
    return f"{shown} ..." if action.nargs in {"+", "*"} else shown


def default(action: argparse.Action) -> str:
    """The value of an option that is not given; empty where that is none."""
    is_none = action.default in (None, False, argparse.SUPPRESS) or action.default == []
    return "" if is_none or action.nargs == 0 else code(str(action.default))


def meaning(action: argparse.Action, prog: str) -> str:
    """The help of an option as it is printed. Raises MissingText where it has none."""
    what = f"{prog} {spelled(action)}"
    return markdown(required(action.help, what) % {**vars(action), "prog": prog})
