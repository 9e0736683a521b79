"""imgcls.doctor.rendering: the gravest first, remedies that can be copied, and one document."""

import json

from imgcls.doctor import rendering
from imgcls.doctor.findings import Finding

COMMAND = "pip install --force-reinstall 'torch==2.9.0' 'torchvision==0.24.*' --index-url https://example.com"
FINDINGS = [
    Finding("ok", "torch 2.14.1", check="versions"),
    Finding("note", "none in /work or above", "imgcls init", "configuration"),
    Finding(
        "broken",
        "torch 2.9.0 needs torchvision 0.24.*, and 0.25.0 is installed: its operators will be missing",
        COMMAND,
        "pairs",
    ),
]


def test_lines() -> None:
    """What is broken is first; texts are wrapped, commands are not, and the last line counts."""
    assert list(rendering.lines(FINDINGS, 80)) == [
        "broken   pairs          torch 2.9.0 needs torchvision 0.24.*, and 0.25.0 is",
        "                        installed: its operators will be missing",
        f"                        -> {COMMAND}",
        "note     configuration  none in /work or above",
        "                        -> imgcls init",
        "ok       versions       torch 2.14.1",
        "imgcls doctor: 1 broken, 1 note",
    ]


def test_names_are_printable() -> None:
    """What a terminal would obey is an escape."""
    assert "\\x1b[2J" in next(rendering.lines([Finding("ok", "\x1b[2J", check="a")], 80))


def test_nothing_is_broken() -> None:
    """The summary says so, with what there is."""
    assert rendering.summary(FINDINGS[:1]) == "imgcls doctor: nothing is broken"
    assert rendering.summary([Finding("warning", "a"), Finding("warning", "b")]) == (
        "imgcls doctor: nothing is broken, 2 warnings"
    )


def test_the_document() -> None:
    """Everything, in the order of the checks."""
    document = json.loads(rendering.document(FINDINGS))
    assert (document["format"], document["broken"]) == (1, 1)
    assert [one["check"] for one in document["findings"]] == ["versions", "configuration", "pairs"]
    assert document["findings"][1] == {
        "check": "configuration", "level": "note", "text": "none in /work or above", "remedy": "imgcls init",
    }  # fmt: skip
