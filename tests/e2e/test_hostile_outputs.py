"""Five hundred names that somebody chose who means harm, in every document and on every stream: they stay text."""

import base64
import csv
import gzip
import json
import os
import re
import sys
import tty
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import chdir, redirect_stderr, redirect_stdout
from io import StringIO
from itertools import chain
from pathlib import Path
from unittest import mock
from xml.etree import ElementTree as ET

import pytest
from markdown_it.token import Token

import hostile_dataset
import in_process
import markdown_pages
import report_pages
from browser import Page, started
from conftest import CONFIGURATION, Project
from imgcls import documents, messages
from imgcls.cli.main import main
from imgcls.reporting import csv_text

pytestmark = pytest.mark.slow

QUESTIONS = ("mistakes", "confusion", "classes", "overall", "flips")

DOCUMENTS = ("json", "csv", "markdown", "report", "comment", "code-quality")

INNOCENT = 12
"""The images of the project that have usual names."""

FORMULA = re.compile(r"[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")

COMMAND = re.compile(r"::error (file=[^:,]*,line=\d+,)?title=[^:,]*::.*")

BAR = re.compile(r"(?<!\\)(?:\\\\)*\|")

OURS = re.compile(r"(images|charts)/[\w.%()-]+|run\.json|result\.json")
"""Where the report of models links to."""

GITHUB_READS = re.compile(r"@(?=\w)|(?<![&\w])#(?=\d)|\bGH-(?=\d)|://|\bwww\.", re.IGNORECASE)
"""What GitHub makes a mention, a reference or a link of, in text as it is read."""


class Runs:
    """The folder of all documents, and what every run printed by its name."""

    def __init__(self, project: Project) -> None:
        self.folder = project.folder
        self.printed: dict[str, str] = {}
        self._variables = {
            "FORWARDS": str(project.forwards), "GITHUB_ACTIONS": "true", "GITHUB_WORKSPACE": str(self.folder),
            "GITHUB_STEP_SUMMARY": str(self.folder / "summary.md"),
        }  # fmt: skip

    def go(self, call: Callable[..., pytest.RunResult], name: str, code: int, *arguments: str) -> None:
        """Run in the folder and keep what was printed, line breaks of all kinds included."""
        printed = StringIO()
        with chdir(self.folder), redirect_stdout(printed), redirect_stderr(printed):
            done = call(*arguments, **self._variables)
        self.printed[name] = printed.getvalue()
        assert done.ret == code, self.printed[name][-2000:]

    def show(self, name: str, *arguments: str) -> None:
        """Ask a question, on the terminal and as documents."""
        self.go(in_process.run_command, name, 0, "show", "run.json", *arguments)
        files = (f"--csv={name}.csv", f"--json={name}.json", f"--markdown={name}.md")
        self.go(in_process.run_command, f"{name} as documents", 0, "show", "run.json", *arguments, *files)

    def text(self, file: str) -> str:
        return (self.folder / file).read_bytes().decode()


def _run(project: Project, configure: Callable[[float], None]) -> Runs:
    """A baseline, and a run in which every image flips, with all documents."""
    runs = Runs(project)
    configure(1.0)
    runs.go(in_process.run_pytest, "golden", 0, "--imgcls-update-golden", "--imgcls-save=main.json")
    configure(-1.0)
    files = [f"--imgcls-{kind}=run.{kind}" for kind in DOCUMENTS]
    runs.go(in_process.run_pytest, "run", 1, "--imgcls-baseline=main.json", "--junit-xml=junit.xml", *files)
    return runs


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """All that can be written about the hostile dataset."""
    project = hostile_dataset.make(tmp_path_factory.mktemp("hostile"))
    runs = _run(project, lambda gain: hostile_dataset.configure(project, gain))
    runs.go(in_process.run_command, "score", 1, "score", "-v", "--baseline", "main.json")
    for question in QUESTIONS:
        runs.show(question, f"--{question}", *(["main.json"] if question == "flips" else []))
    runs.show("summary")
    runs.go(in_process.run_command, "links", 0, "show", "run.json", "--mistakes", "--links=links", "--data=colours")
    files = ("--csv=predict.csv", "--json=predict.json", "--markdown=predict.md")
    runs.go(in_process.run_command, "predict", 1, "predict", "colours", "--models=colour", *files)
    runs.go(in_process.run_command, "lab", 0, "report", "colour", "--datasets=colours", "-o", "lab")
    return runs


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The report of the same project when nobody means harm."""
    project = Project(tmp_path_factory.mktemp("usual"))
    (project.folder / "colours" / "red" / "broken.png").write_bytes(b"not an image")
    (project.folder / "colours" / "red" / "notes.doc").write_bytes(b"not an image")
    text = CONFIGURATION.replace('path = "colours"', 'path = "colours"\ngolden = true')
    text = text.replace("min_images = 12", "max_rejected = 0.5")

    def configure(gain: float) -> None:
        project.configure(text.replace('colour"\n', f'colour"\noptions = {{ gain = {gain} }}\n', 1))

    return _run(project, configure).text("run.report")


def _obeyed(text: str) -> set[str]:
    """The characters but line feeds that a terminal obeys or that nobody sees."""
    hidden = {"Cc", "Cf", "Cs", "Zl", "Zp"}
    return {c for c in set(text) if unicodedata.category(c) in hidden and c != "\n"}


def _all_paths(found: set[str]) -> bool:
    return hostile_dataset.paths() <= found and len(found) == hostile_dataset.IMAGES + INNOCENT


def test_there_are_names_of_every_kind() -> None:
    """Five hundred different ones, and many as long as this file system has them."""
    names = hostile_dataset.names(hostile_dataset.IMAGES, seed=18)
    assert len(set(names)) == len(hostile_dataset.paths()) == 500
    assert sum(len(name) + 4 == hostile_dataset.LONGEST for name in names) > 100
    assert all(any(block in name for name in names) for kind in hostile_dataset.KINDS for block in kind)


def test_nothing_that_is_printed_is_obeyed(runs: Runs) -> None:
    """No stream has a control, an escape, a bidirectional control or a line break of another kind."""
    assert {name: _obeyed(text) for name, text in runs.printed.items() if _obeyed(text)} == {}
    assert sum(messages.spelled(path) in runs.printed["predict"] for path in hostile_dataset.paths()) > 10


def test_a_terminal_obeys_nothing_of_a_document(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    """A document that goes to a terminal is seen there; into a pipe it goes as it is."""
    monkeypatch.chdir(runs.folder)
    reads, writes = os.openpty()
    tty.setraw(writes)
    with os.fdopen(writes, "w", encoding="utf-8") as terminal, mock.patch.object(sys, "stdout", terminal):
        assert main(["show", "run.json", "--classes", "--csv", "-"]) == 0
        seen = os.read(reads, 1 << 16).decode()
    os.close(reads)
    assert "somebody" in seen
    assert not _obeyed(seen)
    assert "\x1b" in runs.text("classes.csv")


def test_the_runner_is_given_no_other_commands(runs: Runs) -> None:
    """In the log of a step every command is one of ours, and at most ten."""
    for name in ("golden", "run", "score", "flips", "mistakes", "predict"):
        lines = [line.lstrip() for line in runs.printed[name].split("\n")]
        commands = [line for line in lines if line.startswith("::")]
        assert [line for line in commands if not COMMAND.fullmatch(line)] == []
        assert len(commands) <= 10
        assert [line for line in lines if "##[" in line and line not in commands] == []
    assert runs.printed["run"].count("\n::error ") >= 1


def test_json_is_read_and_sealed(runs: Runs) -> None:
    """Result documents keep every name; so do answers to questions."""
    for name in ("main.json", "run.json"):
        documents.read(runs.folder / name, dict, "saved run", whose="ours", way="--save")
        document = json.loads(runs.text(name))
        assert document["seal"].startswith("sha256:")
        assert _all_paths({prediction["path"] for prediction in document["predictions"]})
        assert {prediction["name"] for each in document["predictions"] for prediction in _named(each)} == set(
            hostile_dataset.class_names()
        )
    for name in ("mistakes", "flips"):
        assert _all_paths({row["path"] for row in json.loads(runs.text(f"{name}.json"))["rows"]})
    for name in (*QUESTIONS, "summary", "predict"):
        json.loads(runs.text(f"{name}.json"))
    issues = json.loads(runs.text("run.code-quality"))
    assert issues
    assert not any(_obeyed(issue["description"]) for issue in issues)


def _named(prediction: dict[str, list[list[object]]]) -> Iterator[dict[str, object]]:
    return ({"name": name} for _, name, _ in prediction["top"])


def test_csv_is_read_and_has_no_formulas(runs: Runs) -> None:
    """Every row has every column, no text begins like a formula, and paths are restored as they are."""
    for name in (*QUESTIONS, "summary", "predict", "links/mistakes"):
        with (runs.folder / f"{name}.csv").open(newline="", encoding="utf-8") as stream:
            rows = list(csv.reader(stream, strict=True))
        assert {len(row) for row in rows} == {len(rows[0])}
        assert [cell for cell in chain(*rows) if FORMULA.match(cell) and not _is_number(cell)] == []
        if name in {"mistakes", "flips", "links/mistakes"}:
            column = rows[0].index("path")
            assert _all_paths({csv_text.restored(row[column]) for row in rows[1:]})


def _is_number(cell: str) -> bool:
    return re.fullmatch(r"-?\d+(\.\d+)?(e-?\d+)?", cell) is not None


def test_junit_is_read_and_names_folders_and_images(runs: Runs) -> None:
    """Its messages have names as they are seen, from which each can be told."""
    root = ET.fromstring(runs.text("junit.xml"))  # noqa: S314 - pytest wrote it
    texts = [text for each in root.iter() for text in (each.text, *each.attrib.values()) if text]
    assert not _obeyed("".join(texts))
    failures = "".join(each.get("message", "") + (each.text or "") for each in root.iter("failure"))
    failures = failures.replace(r"#\x23[", "##[").replace(r"\x3a:", "::")
    assert all(messages.spelled(label) in failures for label in hostile_dataset.labels())
    assert sum(messages.spelled(path) in failures for path in hostile_dataset.paths()) >= 3


MARKDOWN = ("run.markdown", "run.comment", "summary.md", "lab/report.md", "predict.md", *(f"{q}.md" for q in QUESTIONS))


@pytest.mark.parametrize("file", MARKDOWN)
def test_markdown_is_only_text(runs: Runs, file: str) -> None:
    """Tables have all cells; there is no HTML, no link of theirs, no mention, and nothing that is not seen."""
    text = runs.text(file).removeprefix("<!-- imgcls -->\n")
    assert not _obeyed(text)
    for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        assert len({len(BAR.findall(line)) for line in table.splitlines()}) == 1
    tokens = markdown_pages.tokens(text)
    inline = [child for token in tokens for child in token.children or ()]
    assert [token.content for token in (*tokens, *inline) if token.type.startswith("html")] == []
    targets = [str(token.attrs.get("href") or token.attrs.get("src")) for token in inline if token.attrs]
    assert [target for target in targets if not OURS.fullmatch(target)] == []
    assert sorted({found[0] for found in GITHUB_READS.finditer(_plain(tokens))}) == []


def _plain(tokens: list[Token]) -> str:
    return "\n".join("".join(child.content for child in token.children) for token in tokens if token.children)


def test_tables_of_markdown_have_every_name(runs: Runs) -> None:
    """As it is seen, and different for different names."""
    read = _plain(markdown_pages.tokens(runs.text("mistakes.md"))).replace("\u200b", "")
    assert [path for path in hostile_dataset.paths() if messages.spelled(path) not in read] == []


Vocabulary = set[tuple[str, str | None]]


def _vocabulary(elements: list[tuple[str, dict[str, str | None]]]) -> Vocabulary:
    return {(tag, name) for tag, attributes in elements for name in (None, *attributes)}


def test_the_report_has_no_element_of_theirs(runs: Runs, usual: str) -> None:
    """Elements and attributes are those of a usual report; links stay within the page; one script runs."""
    html = runs.text("run.report")
    elements = report_pages.elements(html)
    assert _vocabulary(elements) - _vocabulary(report_pages.elements(usual)) == set()
    assert [attributes.get("type") for tag, attributes in elements if tag == "script"] == [
        "application/gzip;base64",
        None,
    ]
    links = {str(attributes[name]) for _, attributes in elements for name in ("href", "src") if name in attributes}
    assert [link for link in links if not link.startswith(("#", "data:image/"))] == []
    assert not _obeyed("".join(str(value) for _, attributes in elements for value in attributes.values()))
    assert not _obeyed(report_pages.words(html))


def test_the_report_holds_the_document(runs: Runs) -> None:
    """Its JSON is read from the page, with every name."""
    data = re.search(r'<script [^>]*id="document">([^<]*)</script>', runs.text("run.report"))
    assert data
    document = json.loads(gzip.decompress(base64.b64decode(data[1])))
    assert _all_paths({prediction["path"] for prediction in document["predictions"]})


@pytest.fixture
def page(chromium: str, tmp_path: Path) -> Iterator[Page]:
    """A page of a browser whose policy protects nothing, and in which what a name calls is written down."""
    with started(chromium, tmp_path / "profile") as browser:
        opened = browser.page()
        opened.call("Page.setBypassCSP", enabled=True)
        hacked = "window.hacked = () => { window.isHacked = true }"
        opened.call("Page.addScriptToEvaluateOnNewDocument", source=hacked)
        yield opened


USE = """document.querySelectorAll('thead button, [data-cell], #all').forEach(part => part.click());
document.querySelectorAll('#rows > li').forEach(row => row.scrollIntoView());
document.querySelectorAll('*').forEach(part => ['mouseover', 'focus'].forEach(on => part.dispatchEvent(new Event(on))));
new Promise(requestAnimationFrame)"""


def test_no_script_runs_and_nothing_leaves(page: Page, runs: Runs) -> None:
    """A browser runs nothing of a name while the report is read and used, and asks for nothing but its file."""
    file = runs.folder / "report.html"
    file.write_text(runs.text("run.report"), encoding="utf-8")
    page.open(file.as_uri())
    page.run(USE)
    page.run("[...document.querySelectorAll('#rows button')].slice(0, 9).forEach(button => button.click())")
    assert page.run("window.isHacked") is None
    assert page.requests() == [file.as_uri()]
    assert page.errors() == []
    assert page.run("document.body.textContent.includes('<img src=x onerror=hacked()>')") is True
