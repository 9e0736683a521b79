"""imgcls.reporting.ci.annotations: an error at the line of each gate that fails, ten at most."""

import re

import pytest

from ci_runs import HOSTILE_NAMES, make_gate, make_run
from imgcls.reporting.ci import annotations

COMMAND = re.compile(r"::error (?:file=(?P<file>[^,:]*),line=(?P<line>\d+),)?title=(?P<title>[^,:]*)::(?P<message>.*)")
"""As GitHub's runner reads it: properties have no comma and no colon of their own."""


def _read(text: str) -> str:
    """A value as the runner understands it."""
    for escape, character in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
        text = text.replace(escape, character)
    return text


def test_a_gate_that_fails_is_at_its_line() -> None:
    """Gates that hold have no annotation."""
    assert list(annotations.lines(make_run(make_gate(), make_gate("fail")))) == [
        "::error file=models/imgcls.toml,line=14,title=net on photos%2C top1 >= 0.6::top1 0.6120"
    ]


def test_without_a_line_it_is_about_the_run() -> None:
    """As of a gate that no configuration has."""
    [line] = annotations.lines(make_run(make_gate("fail", place=None)))
    assert line.startswith("::error title=net on photos%2C")


def test_there_are_ten_at_most() -> None:
    """The last one has the number of the others, and their names."""
    exact = list(annotations.lines(make_run(*[make_gate("fail")] * 10)))
    more = list(annotations.lines(make_run(*[make_gate("fail")] * 14)))
    assert len(exact) == len(more) == 10
    assert exact[9] == exact[0]
    assert more[9].startswith("::error title=imgcls::5 more verdicts fail: net on photos, top1 >= 0.6, ")


def test_what_another_plugin_annotates_is_left_out() -> None:
    """That is what a failed test states; a gate that nothing evaluated has no test."""
    gates = [make_gate("fail", in_test=True), make_gate("error", message="not evaluated", in_test=False)]
    assert len(list(annotations.lines(make_run(*gates)))) == 2
    [line] = annotations.lines(make_run(*gates), annotated=True)
    assert line.endswith("::not evaluated")


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_a_hostile_name_is_one_command(name: str) -> None:
    """Whose parts are read back, and which is no other one."""
    [line] = annotations.lines(make_run(make_gate("fail", message=name, subject=name)))
    match = COMMAND.fullmatch(line)
    assert match
    assert "\n" not in line
    line.encode()
    assert match["file"] == "models/imgcls.toml"
    shown = make_gate("fail", message=name).seen
    assert _read(match["message"]) == shown
