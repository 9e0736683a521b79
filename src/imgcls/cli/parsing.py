"""The parser of every command: a mistyped command, option or choice is met with the nearest one, in one line."""

from __future__ import annotations

import argparse
import itertools
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NoReturn

from imgcls import extensions, messages

CUTOFF = 0.6  # docs/decisions.md#words-that-resemble-each-other
"""How much a command or an option must resemble a word to be proposed in its place."""

OTHER_WORDS: Mapping[str, str] = {
    "benchmark": "profile, bench-compare, or pytest -m latency",
    "classify": "predict",
    "eval": "score",
    "evaluate": "score",
    "export": "quantize makes an int8 file, parity compares exports",
    "help": "imgcls --help, or imgcls COMMAND --help",
    "infer": "predict",
    "run": "score",
    "shard": "score --shard 1/8",
    "test": "score, or pytest",
    "version": "imgcls --version",
}
"""What commands of other tools are called here."""

DEVICES: Mapping[str, str] = {"gpu": "cuda", "0": "cuda", "cuda:0": "cuda", "metal": "mps", "mac": "mps"}
"""What devices are called elsewhere."""


class Parser(argparse.ArgumentParser):
    """Options are written out: an abbreviation would be another option once there is a second of its kind.

    ``whole``: returns the parser of all commands, which a message about a word that this one does not know needs.
    """

    def __init__(self, *arguments: Any, whole: Callable[[], Parser], **options: Any) -> None:
        super().__init__(*arguments, **{"allow_abbrev": False, **options})
        self.whole = whole
        self.commands: Mapping[str, Parser] = {}

    def add_subparsers(self, **options: Any) -> Any:
        """What commands are added to, each with its help as its description."""
        action = super().add_subparsers(**options)
        self.commands = action.choices
        return _Commands(action, self.whole)

    @property
    def options(self) -> list[str]:
        """As they are written, short ones too."""
        return list(self._option_string_actions)

    @property
    def arguments(self) -> list[argparse.Action]:
        """Its options and positional arguments."""
        return list(self._actions)

    def leaves(self) -> Iterator[Parser]:
        """Itself, or the commands that have no further ones."""
        if not self.commands:
            yield self
        for command in self.commands.values():
            yield from command.leaves()

    def parse_known_args(self, args: Sequence[str] | None = None, namespace: Any = None) -> Any:  # type: ignore[override]
        """As argparse has it, but every unknown word is an error of the command that does not know it."""
        given = list(sys.argv[1:] if args is None else args)
        if unknown := next((option for option in self._named_options(given) if not self._has(option)), None):
            self.error(f"unknown option {unknown}{self._about_option(unknown)}")
        parsed, unexpected = super().parse_known_args(given, namespace)
        if unexpected:
            self.error(f"unexpected argument '{unexpected[0]}'{self._about_argument(unexpected[0])}")
        return parsed, unexpected

    def error(self, message: str) -> NoReturn:
        """One line without the usage, which would be longer than what it is about; the help where no command is."""
        if self.commands and "required" in message:
            self.print_help(sys.stderr)
            self.exit(2)
        text = message.removeprefix("argument ")
        more = f"; {self.prog} --help has examples" if re.search("are required|: expected", text) else ""
        self.exit(2, messages.printable(f"{self.prog}: {text}{more}") + "\n")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is None or value in action.choices:
            return
        if action.choices is self.commands:
            self.error(f"unknown command '{value}'{self._about_command(value)}")
        raise argparse.ArgumentError(action, _about_choice(value, list(action.choices)))

    # What is unknown.

    def _named_options(self, given: Sequence[str]) -> Iterator[str]:
        """The options among these arguments; where there are commands, only those in front of the command."""
        before_end = itertools.takewhile(lambda argument: argument != "--", given)
        own = itertools.takewhile(_is_option, before_end) if self.commands else filter(_is_option, before_end)
        return (argument.partition("=")[0] for argument in own)

    def _has(self, option: str) -> bool:
        is_short = not option.startswith("--")
        return option in self.options or (is_short and option[:2] in self.options)

    def _about_option(self, option: str) -> str:
        """The option that it resembles, or else the commands that have it."""
        by_name = {known.lstrip("-"): known for known in self.options if known.startswith("--")}
        if near := messages.similar(option.lstrip("-"), by_name, count=1, cutoff=CUTOFF):
            return f"; did you mean {by_name[near[0]]}?"
        others = [leaf.prog.partition(" ")[2] for leaf in self.whole().leaves() if option in leaf.options]
        behind = ", and stands behind the command" if self.commands else ""
        return f"; it is an option of {messages.named(others)}{behind}" if others else f"; {self.prog} --help lists all"

    def _about_argument(self, word: str) -> str:
        if "--models" in self.options and word.partition(":")[0] in extensions.SOURCES:
            return f"; models are named with --models {word}"
        has_data = "--data" in self.options
        return "; images are named with --data DIR" if has_data else f"; {self.prog} --help has examples"

    def _about_command(self, word: str) -> str:
        """Where it is a command of another one, what it is called here, or the command that it resembles."""
        commands = self.whole().commands
        inner = [f"imgcls {name} {word}" for name, parser in commands.items() if word in parser.commands]
        is_first = " " not in self.prog
        if inner and is_first:
            return f"; did you mean {' or '.join(inner)}?"
        if word in OTHER_WORDS and is_first:
            return f"; here it is {OTHER_WORDS[word]}"
        near = messages.similar(word, self.commands, count=1, cutoff=CUTOFF)
        return f"; did you mean '{near[0]}'?" if near else f"; {self.prog} --help lists all"


class _Commands:
    def __init__(self, action: Any, whole: Callable[[], Parser]) -> None:
        self.action, self.whole = action, whole

    def add_parser(self, name: str, *, help: str, **keywords: Any) -> Parser:  # noqa: A002 - argparse's word
        """A command, whose help begins with what the list of commands has of it."""
        parser: Parser = self.action.add_parser(name, help=help, description=help, whole=self.whole, **keywords)
        return parser


def _is_option(argument: str) -> bool:
    """As argparse sees it: a lone dash, a negative number and a sentence are values."""
    return bool(re.match(r"-[^\d.]", argument)) and " " not in argument


def _about_choice(value: Any, known: Sequence[Any]) -> str:
    names = list(map(str, known))
    other = DEVICES.get(str(value).lower())
    near = [other] if other in names else messages.similar(str(value), names, count=1, cutoff=CUTOFF)
    meant = f"; did you mean '{near[0]}'?" if near else ""
    return f"'{value}' is not one of {', '.join(names)}{meant}"
