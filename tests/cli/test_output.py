"""imgcls.cli.output: commands print lines in which every character is seen."""

import io
import sys

import pytest

from imgcls.cli import output


def test_a_line_is_printed_as_it_is_seen(capsys: pytest.CaptureFixture[str]) -> None:
    """On standard output or another stream; only the breaks between lines of ours break one."""
    output.line("a\x1b[31m\n  b\r")
    output.error("c\u202e")
    output.line("d", end="", stream=sys.stderr)
    assert capsys.readouterr() == ("a\\x1b[31m\n  b\\r\n", "c\\u202e\nd")


def test_fields_are_separated_by_tabulators_of_ours(capsys: pytest.CaptureFixture[str]) -> None:
    """A tabulator or a line break of a name is an escape, and is told from its letters."""
    output.fields(["1", "a\tb\n", r"a\tb"], indent="  ")
    assert capsys.readouterr().out == "  1\ta\\tb\\n\ta\\\\tb\n"


@pytest.mark.parametrize(("is_terminal", "printed"), [(False, "a\x1b,1\n"), (True, "a\\x1b,1\n")])
def test_a_document_keeps_its_bytes_in_a_pipe(monkeypatch: pytest.MonkeyPatch, is_terminal: bool, printed: str) -> None:
    """There a program reads it; on a terminal a person does."""
    stream = io.StringIO()
    stream.isatty = lambda: is_terminal  # type: ignore[method-assign]
    monkeypatch.setattr(sys, "stdout", stream)
    output.document("a\x1b,1\n")
    assert stream.getvalue() == printed


def test_lines_go_out_of_the_way_of_a_document(capsys: pytest.CaptureFixture[str]) -> None:
    """To standard error, until the document is written."""
    with output.lines_on_stderr(True):
        output.line("PASS net")
    output.line("b")
    assert capsys.readouterr() == ("b\n", "PASS net\n")
