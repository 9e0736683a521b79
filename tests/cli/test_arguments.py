"""imgcls.cli.arguments: types of arguments, and the examples that end the help of every command."""

import argparse
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from imgcls.cli import arguments, main
from imgcls.cli.parsing import Parser

LEAVES = {leaf.prog: leaf for leaf in main.parser().leaves()}


def _examples(help_text: str) -> list[str]:
    return [line.strip() for line in help_text.partition("\nexamples:\n")[2].splitlines()]


@pytest.mark.parametrize("name", LEAVES)
def test_every_help_ends_with_two_examples(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Command lines of this command that the parser takes, none longer than a terminal of 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")
    examples = _examples(LEAVES[name].format_help())
    assert len(examples) >= 2
    for line in examples:
        assert line.startswith(f"{name} ") or line == name
        assert main.parser().parse_args(shlex.split(line)[1:]).command
    _usage, _, text = LEAVES[name].format_help().partition("\n\n")
    assert [line for line in text.splitlines() if len(line) > 80] == []


@pytest.mark.parametrize("name", LEAVES)
def test_every_help_begins_with_what_the_command_does(name: str) -> None:
    """The sentence of the list of commands, and every argument has a text."""
    leaf: Parser = LEAVES[name]
    assert leaf.description
    assert [argument.dest for argument in leaf.arguments if not argument.help] == []


def test_what_shows_progress_can_be_quiet() -> None:
    """Every command but those that only read a saved run, or print what they know at once."""
    loud = {name for name, leaf in LEAVES.items() if "--quiet" not in leaf.options}
    assert {name.partition(" ")[2] for name in loud if "weights" not in name} == {"card", "examples", "history", "show"}


def test_the_help_of_all_commands_ends_with_examples() -> None:
    """Two, which are the first that a newcomer types."""
    assert len(_examples(main.parser().format_help())) == 2


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (arguments.fraction, "0.05", ("0", "1", "5%", "nan", "")),
        (arguments.positive_int, "3", ("0", "-1", "1.5", "many", "")),
        (arguments.one_to_ten, "10", ("0", "11", "ten", "")),
    ],
)
def test_numbers(kind: Callable[[str], float], good: str, bad: tuple[str, ...]) -> None:
    """What is outside of the range, or not a number, is refused with the range."""
    assert kind(good) == float(good)
    for text in bad:
        with pytest.raises(argparse.ArgumentTypeError, match=r"is not a (fraction|whole number)"):
            kind(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("photos.tar", "photos.tar is not an image or folder of images on this machine: write its configuration"),
        ("https://me:secret@host/x.zip?sig=1", "https://host/x.zip is not an image or folder of images"),
        ("python:data:images", "python:data:images is not an image or folder of images"),
        ("a.tar.gz", "a.tar.gz is compressed as a whole"),
    ],
)
def test_only_images_of_this_machine_are_named_one_by_one(text: str, reason: str) -> None:
    """What is the path of a dataset only is refused at the door, without the secrets of its URL."""
    with pytest.raises(argparse.ArgumentTypeError, match=re.escape(reason)) as error:
        arguments.local_images(text)
    assert "secret" not in str(error.value)


def test_images_of_this_machine_are_paths(tmp_path: Path) -> None:
    """Also a folder that is called like an archive, and what is not there, which others report."""
    (tmp_path / "x.tar").mkdir()
    for path in (tmp_path / "x.tar", Path("cat.jpg"), Path("labels.csv")):
        assert arguments.local_images(str(path)) == path
