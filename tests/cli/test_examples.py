"""imgcls.cli.examples: ``imgcls examples DIR``."""

from pathlib import Path

import pytest

from conftest import Command


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that has no configuration above it."""
    monkeypatch.chdir(tmp_path)


def test_they_are_copied_and_listed(imgcls: Command) -> None:
    """With the next command, which is quoted where the folder needs it."""
    result = imgcls("examples", "my examples")
    assert (result.ret, result.errlines) == (0, [])
    assert Path("my examples/digits/imgcls.toml").is_file()
    result.stdout.fnmatch_lines(
        [
            "* files copied into my examples",
            "  digits      three small networks on handwritten digits; nothing is downloaded",
            "  ci          workflows for GitHub and GitLab",
            "next: cd 'my examples/digits' && pytest -m accuracy",
        ]
    )


def test_what_is_there_stays(imgcls: Command) -> None:
    """It is named, and that is no failure."""
    imgcls("examples", ".")
    Path("digits/test_models.py").write_text("mine")
    result = imgcls("examples", ".")
    assert result.ret == 0
    assert result.errlines == ["left as it is, and not what the example has: digits/test_models.py"]
    assert result.outlines[0] == "0 files copied into ."
    assert Path("digits/test_models.py").read_text() == "mine"


def test_a_file_in_the_way_is_one_line(imgcls: Command) -> None:
    """As for everything that cannot be written."""
    Path("try").touch()
    result = imgcls("examples", "try")
    assert result.ret == 3
    assert len(result.errlines) == 1


@pytest.mark.slow
def test_the_digits_run_as_copied(imgcls: Command, run_pytest: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the command that is printed, without a network and without a file of the repository."""
    imgcls("examples", ".")
    monkeypatch.chdir("digits")
    result = run_pytest("-m", "accuracy")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["gates: 3 of 3 evaluated"])
