"""Where documents go: into files, or one of them to standard output."""

import argparse
from pathlib import Path

import pytest

from imgcls.cli import destinations
from imgcls.errors import ConfigError

RENDERED = {"json": lambda: "{}\n", "csv": lambda: "a\n", "markdown": lambda: "# a\n"}


def _parsed(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    destinations.add(parser)
    return parser.parse_args(arguments)


def test_files_are_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each what was requested; nothing is printed."""
    namespace = _parsed("--json", str(tmp_path / "a.json"), "--csv", str(tmp_path / "a.csv"))
    destinations.check(namespace)
    destinations.write(namespace, RENDERED)
    assert not destinations.is_printed(namespace)
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == {"a.json": "{}\n", "a.csv": "a\n"}
    assert capsys.readouterr().out == ""


def test_a_hyphen_is_standard_output(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Only the document goes there, and the others go into their files."""
    namespace = _parsed("--markdown", "-", "--csv", str(tmp_path / "a.csv"))
    destinations.check(namespace)
    destinations.write(namespace, RENDERED)
    assert destinations.is_printed(namespace)
    assert capsys.readouterr().out == "# a\n"
    assert (tmp_path / "a.csv").read_text() == "a\n"


def test_two_documents_are_not_one_text() -> None:
    """The message names both options."""
    with pytest.raises(ConfigError, match="--json - and --csv - would be printed as one text: name a file for all but"):
        destinations.check(_parsed("--json", "-", "--csv", "-"))


def test_a_file_without_a_folder_is_refused_before_the_work(tmp_path: Path) -> None:
    """As by every command that writes."""
    with pytest.raises(ConfigError, match="cannot be written: name a file in a folder that exists"):
        destinations.check(_parsed("--json", str(tmp_path / "none" / "a.json")))
