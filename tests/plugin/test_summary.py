"""imgcls.plugin.summary: what is printed and written when the tests are over."""

from collections.abc import Callable

import pytest

from conftest import CONFIGURATION, Project

Command = Callable[..., pytest.RunResult]

STREAM = "import sys\n\n\ndef pytest_configure(config):\n    sys.stdout.reconfigure(encoding='{}')\n"


def _tables(run_pytest: Command, project: Project, encoding: str) -> list[str]:
    (project.folder / "conftest.py").write_text(STREAM.format(encoding))
    lines = run_pytest("--imgcls-store", "off", "-v", COLUMNS="80").outlines
    first = next(number for number, line in enumerate(lines) if line.strip("=") == " imgcls ")
    return lines[first : lines.index("gates: 1 of 1 evaluated")]


def test_a_stream_of_few_characters_shows_the_same_tables(run_pytest: Command, project: Project) -> None:
    """In cp1252 and in ASCII, with rules of hyphens and every line a line."""
    (project.folder / "names.txt").write_text("red → 1\ngreen\nblue\n", encoding="utf-8")
    (project.folder / "colours" / "red").rename(project.folder / "colours" / "red → 1")
    utf8, cp1252, ascii_ = (_tables(run_pytest, project, encoding) for encoding in ("utf-8", "cp1252", "ascii"))
    assert any("red → 1" in line for line in utf8)
    for lines in (cp1252, ascii_):
        assert any("red \\u2192 1" in line for line in lines)
        assert len(lines) == len(utf8)
        rules = [(wide, narrow) for wide, narrow in zip(utf8, lines, strict=True) if "─" in wide]
        assert len(rules) >= 2
        assert [narrow for wide, narrow in rules if narrow != wide.replace("─", "-")] == []


def test_a_warning_that_is_an_error_is_one_line(run_pytest: Command, project: Project) -> None:
    """Where filterwarnings makes errors of warnings, a gate that is allowed to be inconclusive is a failure."""
    text = CONFIGURATION.replace("top1 = 1.0, min_images = 12", "top1 = { min = 0.9, confidence = 0.95 }")
    project.configure(text)
    assert run_pytest("--imgcls-inconclusive=warn").ret == 0
    result = run_pytest("--imgcls-inconclusive=warn", "-W", "error")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*INCONCLUSIVE* (a warning, which filterwarnings makes an error)"])
    result.stdout.no_fnmatch_line("*Traceback*")


def test_the_last_attempt_of_a_test_is_its_result(run_pytest: Command, project: Project) -> None:
    """Of a test that is run again, what the attempts before it produced is forgotten."""
    project.configure(CONFIGURATION.replace('path = "colours"', 'path = "colours"\ngolden = true'))
    (project.folder / "conftest.py").write_text(
        "from _pytest.runner import runtestprotocol\n\n\n"
        "def pytest_runtest_protocol(item, nextitem):\n"
        "    runtestprotocol(item, nextitem=nextitem)\n    runtestprotocol(item, nextitem=nextitem)\n    return True\n"
    )
    result = run_pytest("--imgcls-update-golden")
    written = [line.partition(" golden/")[0] for line in result.outlines if "golden record" in line]
    assert written == ["golden record as it was:"]


@pytest.mark.usefixtures("project")
def test_quiet_and_verbose_mean_what_they_mean_to_pytest(run_pytest: Command) -> None:
    """-q leaves what does not pass and the gates, -v adds what documents the run."""
    quiet, usual, verbose = (run_pytest("-m", "accuracy", *options).outlines for options in (["-q"], [], ["-v"]))
    assert [line for line in quiet if line.startswith(("PASS ", " model", "= imgcls"))] == []
    assert "gates: 1 of 1 evaluated" in quiet
    verdict = next(number for number, line in enumerate(usual) if line.startswith("PASS colour on colours"))
    table = next(number for number, line in enumerate(usual) if line.startswith(" model "))
    assert usual[verdict - 1].strip("=") == " imgcls "
    assert verdict < table < usual.index("gates: 1 of 1 evaluated")
    assert not any(line.startswith(" overall five") for line in usual)
    assert any(line.startswith(" overall five") for line in verbose)


def test_what_failed_stands_last_with_the_next_step(run_pytest: Command, project: Project) -> None:
    """With the document of this run where there is one, and with columns that were picked."""
    project.configure(CONFIGURATION.replace("min_images = 12", "min_images = 13"))
    result = run_pytest("-m", "accuracy", "--imgcls-columns", "params")
    result.stdout.fnmatch_lines(
        [
            "FAIL colour on colours: 12 different images scored, wanted 13",
            " model   params",
            "what to do:",
            "  colour on colours, images >= 13: add images, or lower min_images",
            "gates: 1 of 1 evaluated",
        ]
    )


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(("option", "shown"), [("yes", True), ("no", False)])
def test_colours_are_those_of_pytest(run_pytest: Command, option: str, shown: bool) -> None:
    """Of the words of verdicts only."""
    lines = run_pytest("-m", "accuracy", f"--color={option}").outlines
    [verdict] = [line for line in lines if "colour on colours: top1" in line]
    assert ("\x1b[" in verdict) is shown
    assert "PASS" in verdict
    assert not any("\x1b[" in line for line in lines if line.startswith(" colour "))


@pytest.mark.usefixtures("project")
def test_a_document_does_not_go_between_the_lines_of_pytest(run_pytest: Command) -> None:
    """Nor is there a column of any name."""
    result = run_pytest("--imgcls-csv", "-")
    assert result.ret == 4
    result.stderr.fnmatch_lines(["*--imgcls-csv -: other lines are on standard output, so name a file"])
    result = run_pytest("--imgcls-columns", "top6")
    assert result.ret == 4
    result.stderr.fnmatch_lines(["*--imgcls-columns top6: no column of this name*"])
