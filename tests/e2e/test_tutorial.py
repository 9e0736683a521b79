"""docs/tutorial.md runs as it stands: its commands and edits in order, with the outputs that it shows.

What depends on the machine is not compared: versions, dates, times, rates, the last digits of probabilities, and what
the page itself leaves out with a line of three dots.
"""

import re
import runpy
import shlex
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

import in_process

PAGE = (Path(__file__).parents[2] / "docs" / "tutorial.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)

OF_OTHER_PACKAGES = ("weights/lite1.pth", "weights/lite2.pth")
"""Files on the page that come from packages that the tests do not depend on."""

BY_MACHINE = (
    (r"\n {2,}", " "),  # where a line is wrapped depends on what is in it
    (r"^\d+(?= files copied)", "N"),
    (r"(torchvision|timm) \d[\w.+]*", r"\1 VERSION"),
    (r"\d{4}-\d\d-\d\dT[\d:+]+", "DATE"),
    (r" in \d+\.\d+s\b", " in TIME"),
    (r"(?<= )(?:-|\d+\.\d)(?= +4\.65 M)", "RATE"),
    (r"(?<=  )(0\.\d\d)\d\d", r"\1"),
    (r"[ ─=]+", " "),
)


def _without_machine(text: str) -> str:
    for pattern, constant in BY_MACHINE:
        text = re.sub(pattern, constant, text, flags=re.MULTILINE)
    lines = map(str.strip, text.splitlines())
    return "".join(f"{line}\n" for line in lines if line and line not in OF_OTHER_PACKAGES)


def _compare(shown: str, output: str) -> None:
    """Every line that the page shows is one of the output, in this order, and no other is left out in silence."""
    parts = [_without_machine(part) for part in re.split(r"^\.\.\.\n", shown, flags=re.MULTILINE)]
    actual = _without_machine(output)
    assert [line for part in parts for line in part.splitlines() if line not in actual.splitlines()] == []
    assert re.fullmatch(".*".join(map(re.escape, parts)), actual, re.DOTALL), actual


def _edit(shown: str) -> None:
    """The tables of the page take the place of those of imgcls.toml, comments or not; one line of them may be new."""
    file = Path("imgcls.toml")
    for table in shown.rstrip().split("\n\n"):
        text, head = file.read_text(), re.escape(table.splitlines()[0])
        [old] = re.findall(rf"^(?:# )?{head}\n(?:.+\n)*", text, re.MULTILINE)
        known = old.replace("# ", "").splitlines()
        assert len([line for line in table.splitlines() if line not in known]) <= 1
        file.write_text(text.replace(old, f"{table}\n"))


# Commands.


def _pytest(*arguments: str) -> str:
    return in_process.run(lambda: pytest.main([*arguments]), COLUMNS="80").stdout.str()


def _imgcls(*arguments: str) -> str:
    return in_process.run_command(*arguments, COLUMNS="80").stdout.str()


def _python(script: str) -> str:
    """The one script of the page, which gathers what the packages here have."""
    names = runpy.run_path(script)
    for file in OF_OTHER_PACKAGES:
        del names["COPIES"][file]
    return in_process.run(names["main"]).stdout.str()


def _cp(*paths: str) -> str:
    *sources, target = map(Path, paths[1:])
    for source in sources:
        shutil.copytree(source, target / source.name)
    return ""


def _mkdir(folder: str) -> str:
    Path(folder).mkdir()
    return ""


def _pip(*_: str) -> str:
    """What it would install is here."""
    return ""


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mapping[str, Callable[..., str]]:
    """Those of the page by their first word, in an empty folder: what each prints."""
    monkeypatch.chdir(tmp_path)

    def cd(folder: str) -> str:
        monkeypatch.chdir(folder)
        return ""

    return {
        "cd": cd, "cp": _cp, "imgcls": _imgcls, "mkdir": _mkdir, "pip": _pip, "pytest": _pytest, "python": _python,
    }  # fmt: skip


@pytest.mark.slow
def test_the_tutorial_prints_what_it_shows(commands: Mapping[str, Callable[..., str]]) -> None:
    """From an empty folder to the flip that is named; and what it ends with holds: without the change all is green."""
    output = ""
    for language, text in BLOCKS:
        if language == "sh":
            lines = [shlex.split(line) for line in text.splitlines()]
            output = "".join(commands[word](*arguments) for word, *arguments in lines)
        elif language == "toml":
            _edit(text)
        else:
            _compare(text, output)
    green = [text for language, text in BLOCKS if language == "toml"][1]
    Path("imgcls.toml").write_text(Path("imgcls.toml").read_text().replace('options = { act_layer = "relu" }\n', ""))
    assert green.rstrip() in Path("imgcls.toml").read_text()
    assert "1 passed" in _pytest("-m", "accuracy", "--imgcls-baseline", "main.json")


@pytest.mark.parametrize(
    ("shown", "output", "is_same"),
    [
        ("a  b\n", "a b\n", True),
        ("a\n", "a\nb\n", False),
        ("a\n...\nc\n", "a\nb\nc\n", True),
        ("...\nc\n", "c\na\n", False),
        ("top1 0.8333 (5 of 6)\n", "top1 0.8331 (5 of 6)\n", False),
        (" 744  missile  0.2653\n", " 744  missile  0.2651\n", True),
        (" 744  missile  0.2653\n", " 744  missile  0.2853\n", False),
    ],
)
def test_a_page_that_drifts_is_noticed(shown: str, output: str, is_same: bool) -> None:
    """A line more, less or other, and a figure that no machine changes."""
    if is_same:
        _compare(shown, output)
    else:
        with pytest.raises(AssertionError):
            _compare(shown, output)


def test_the_page_has_no_paths_of_a_machine() -> None:
    """Only relative ones, which are there after the commands before."""
    assert re.findall(r"(?<![\w.])/\w+/", PAGE) == []
