"""imgcls.cli.main: what all commands share."""

import subprocess
import sys

import pytest

from conftest import Command, Project


def test_a_command_line_that_is_wrong_is_exit_code_2(project: Project, imgcls: Command) -> None:
    """As argparse has it, and without a configuration in reach as well."""
    (project.folder / "imgcls.toml").unlink()
    assert imgcls("score", "--nonsense").ret == 2
    result = imgcls("score")
    assert result.ret == 2
    result.stderr.fnmatch_lines(["imgcls: there is no imgcls.toml or [[]tool.imgcls[]] from *--config FILE"])


def test_nothing_selected_is_exit_code_2(project: Project, imgcls: Command) -> None:
    """A selection without a single model on a dataset is not a success."""
    project.also('[datasets.more]\npath = "colours"\n')
    text = (project.folder / "imgcls.toml").read_text()
    project.configure(text.replace('labels = "names.txt"', 'labels = "names.txt"\ndatasets = ["colours"]'))
    result = imgcls("score", "--datasets", "more")
    assert result.ret == 2
    result.stderr.fnmatch_lines(["*no model is scored on any dataset"])
    (project.folder / "empty").mkdir()
    result = imgcls("predict", "empty", "--models", "colour")
    assert result.ret == 2
    result.stderr.fnmatch_lines(["imgcls: there is no image in what was given"])


@pytest.mark.usefixtures("project")
@pytest.mark.slow
def test_a_terminal_of_few_characters_shows_what_it_can(imgcls_process: Command) -> None:
    """Lines of the table that ASCII lacks are replaced, not a traceback."""
    assert imgcls_process("score", PYTHONIOENCODING="ascii").ret == 0


@pytest.mark.slow
def test_a_reader_that_has_enough_ends_the_command_in_silence() -> None:
    """``imgcls labels list | head`` prints no error, and is not exit code 0."""
    command = [sys.executable, "-m", "imgcls", "labels", "list", "imagenet-1k"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        assert (process.wait(), process.stderr.read()) == (141, b"")


@pytest.mark.slow
def test_a_reader_that_has_enough_loses_no_document(project: Project) -> None:
    """``imgcls score --json run.json | head`` has written the document before the lines that nobody reads."""
    command = [sys.executable, "-m", "imgcls", "score", "--json", "run.json", "--device", "cpu"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=project.folder) as process:
        assert process.stdout
        process.stdout.close()
        assert process.wait() == 141
    assert (project.folder / "run.json").exists()


@pytest.mark.slow
@pytest.mark.usefixtures("project")
def test_saved_runs_are_compared_without_what_computes_them(imgcls: Command, python: Command) -> None:
    """Imports would take longer than all of the rest; so are pages and tables of a saved run."""
    unused = ["torch", "scipy", "timm", "filelock", "psutil", "matplotlib"]
    for name in ("a.json", "b.json"):
        assert imgcls("score", "--save", name).ret == 0
    commands = (
        ["compare", "a.json", "b.json"], ["show", "a.json", "--mistakes"], ["history", "a.json"],
        ["report", "a.json", "-o", "a.html"], ["history", ".", "-o", "history.html"],
    )  # fmt: skip
    for command in commands:
        code = f"import sys; from imgcls.cli.main import main; main({command}); print({{*{unused}}} & {{*sys.modules}})"
        assert python(code).outlines[-1] == "set()", command


def test_only_the_chosen_command_is_imported(python: Command) -> None:
    """Neither the other commands nor what any of them imports for its work, whichever help is printed."""
    code = "import sys; from imgcls.cli.main import parser; parser({}); print([m for m in sys.modules if m in {}])"
    others = ["imgcls.cli.train", "imgcls.cli.compare", "torch", "numpy", "PIL"]
    assert python(code.format("'cache'", others)).outlines == ["[]"]
    assert python(code.format("", ["torch", "numpy", "PIL", "scipy", "timm", "sqlite3"])).outlines == ["[]"]
