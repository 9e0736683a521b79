"""README and docs are true: their code runs, their words exist, and nothing is missing from them."""

import re
import shlex
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path

import pytest
from PIL import Image

from builders import make_pair, make_report, make_scores
from imgcls.cli import main as cli_main
from imgcls.config import loader as configuration
from imgcls.gates import accuracy
from imgcls.plugin import MARKER, NAMES
from imgcls.records.evaluation import Verdict
from imgcls.records.thresholds import Gate, LatencyGate, ProvenThreshold
from imgcls.reporting import tables, text_table
from imgcls.session.option_table import OPTIONS
from imgcls.session.options import PYTEST_PREFIX

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
PAGES = {file: file.read_text() for file in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))}
ALL = "\n".join(PAGES.values())
LINKING = {**PAGES, **{ROOT / name: (ROOT / name).read_text() for name in ("CONTRIBUTING.md", "golden/README.md")}}


def _blocks(language: str, text: str = ALL) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def _commands(text: str) -> Iterator[list[str]]:
    for block in _blocks("sh", text):
        for line in block.splitlines():
            yield shlex.split(line, comments=True)


def _anchors(text: str) -> set[str]:
    """What GitHub calls the headings of a page."""
    headings = re.findall(r"^#+ (.*)$", re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


# What one types.


def test_the_readme_begins_with_words_of_the_makefile() -> None:
    """A fresh clone needs ``make score`` and ``make test``, and both exist."""
    words = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert [line[1] for line in _commands(README) if line[0] == "make"] == ["score", "test"]
    assert {"score", "test"} <= words


def test_shown_command_lines_are_ones_that_the_parser_takes() -> None:
    """Every line of a shell block that begins with ``imgcls``."""
    lines = [line[1:] for line in _commands(ALL) if line and line[0] == "imgcls"]
    assert len(lines) > 10
    assert all(cli_main.parser().parse_args(line).command for line in lines)


def test_every_option_of_the_plugin_stands_there() -> None:
    """No option without a word in the documentation, and no word without an option."""
    assert set(re.findall(r"--imgcls-[a-z-]+", ALL)) == {PYTEST_PREFIX + name for name in OPTIONS}


@pytest.mark.parametrize(
    "name",
    [f"`{name}`" for name in (*NAMES, "accuracy", "contract", MARKER)],
)
def test_every_fixture_and_marker_stands_there(name: str) -> None:
    """By the name under which pytest knows it."""
    assert name in ALL


def test_every_command_stands_in_the_readme(capsys: pytest.CaptureFixture[str]) -> None:
    """As it is typed; what ``imgcls --help`` lists."""
    with pytest.raises(SystemExit, match="0"):
        cli_main.parser().parse_args(["--help"])
    names = re.findall(r"^    ([a-z-]+) ", capsys.readouterr().out, re.MULTILINE)
    assert {"score", "compare", "cache", "train"} <= set(names)
    assert [name for name in names if f"`imgcls {name}" not in README] == []


# What one writes.


def test_the_three_line_test_file_stands_there() -> None:
    """What a user's whole test file is."""
    assert "from imgcls.suite import *\n" in _blocks("python", README)


def test_the_suite_is_what_the_documentation_shows() -> None:
    """The text of the ready-made test stands there word for word, types aside."""
    suite = (ROOT / "src" / "imgcls" / "suite.py").read_text()
    [block] = [block for block in _blocks("python") if "gates.check(imgcls_scores)" in block]
    *_, decorator, signature, body = block.strip().splitlines()
    assert decorator in suite
    assert body in suite
    assert re.sub(r': "\w+"| -> None', "", suite).count(signature) == 1


def test_the_configuration_loads(tmp_path: Path) -> None:
    """The example is a whole configuration, every key of which is known."""
    page = PAGES[ROOT / "docs" / "configuration.md"]
    [example] = [block for block in _blocks("toml", page) if "[datasets.photos]" in block]
    (tmp_path / "imgcls.toml").write_text(example)
    settings = configuration.load([tmp_path / "imgcls.toml"])
    assert settings.pairs() == [("resnet50", "photos"), ("vit", "photos")]
    assert settings.gates["vit", "photos"].top1 == ProvenThreshold(0.70, 0.95)
    assert {gate.min_images for gate in settings.gates.values()} == {50}
    assert settings.latency == {"resnet50": LatencyGate(p95_ms=40, images_per_second=30)}
    assert {gate.host_bytes for gate in settings.memory.values()} == {400_000_000}


def test_the_small_configuration_runs_as_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The one of the README scores the built-in images, and its gate holds."""
    [example] = [block for block in _blocks("toml", README) if "[datasets.digits]" in block]
    (tmp_path / "imgcls.toml").write_text(example)
    monkeypatch.chdir(tmp_path)
    assert cli_main.main(["score"]) == 0
    assert "PASS digits_resnet on digits: top1 0.9861 (355 of 360), wanted 0.95" in capsys.readouterr().out


def test_the_pretrained_example_loads() -> None:
    """Seven architectures with their published weights, on one folder of photographs."""
    settings = configuration.load([ROOT / "examples" / "pretrained" / "imgcls.toml"])
    assert len(settings.pairs()) == 7
    assert not any(str(model.weights).startswith("random") for model in settings.models.values())


def test_the_preprocessing_block_runs(tmp_path: Path) -> None:
    """Its assertions hold, and its function makes a network's input out of an image."""
    [block] = [block for block in _blocks("python", PAGES[ROOT / "docs" / "library.md"]) if "pathlib" in block]
    names: dict[str, Callable[[Path], object]] = {}
    exec(block, names)  # noqa: S102 - our own documentation
    Image.new("RGB", (300, 200), "red").save(tmp_path / "red.png")
    made = names["tensor"](tmp_path / "red.png")
    assert tuple(getattr(made, "shape", ())) == (1, 3, 224, 224)


def test_a_network_of_ones_own_is_scored(capsys: pytest.CaptureFixture[str]) -> None:
    """The block needs no download, and scores all of the built-in images."""
    [block] = [block for block in _blocks("python") if "torch.nn.Sequential" in block and "imgcls.score" in block]
    exec(block, {})  # noqa: S102 - our own documentation
    assert capsys.readouterr().out.endswith(" 360\n")


# What one reads.


def _verdict(right: int) -> Verdict:
    """What the README's gate states of 200 images."""
    scores = make_scores("resnet50", listed=200, scored=200, distinct=200, top1_count=right, top5_count=right)
    gate = Gate(top1=ProvenThreshold(0.76, 0.95))
    [verdict] = [v for v in accuracy.evaluate(gate, make_pair(scores=scores)) if v.metric == "top1"]
    return verdict


def test_the_gate_that_is_read_aloud_prints_this() -> None:
    """160 of 200 images are inconclusive, word for word, and 164 pass with the bound that is named."""
    [line] = [block for block in _blocks("text", README) if block.startswith("INCONCLUSIVE")]
    assert line.strip() == _verdict(160).message.replace(" on photos", " on animals")
    assert _verdict(164).status == "pass"
    assert "lower bound 0.7693" in _verdict(164).message
    assert "with 164 of 200 right it is 0.7693" in README


def test_the_table_is_what_is_printed_in_80_columns() -> None:
    """The block in the README is the one of this version, cell by cell, with the columns that are left out."""
    block = README.partition("```text\n")[2].partition("\ngates:")[0]
    pairs = [
        make_pair(
            name,
            scores=replace(
                make_scores(name, scored=360, distinct=360, top1_count=right, top5_count=360), dataset="digits"
            ),
        )
        for name, right in (("digits_resnet", 355), ("digits_efficientnet", 356), ("digits_vit", 356))
    ]
    table = tables.results_table(make_report(*pairs))
    assert text_table.text(table, 80, ", --imgcls-columns picks") == f"\n{block}"


def test_the_readme_can_be_finished() -> None:
    """It has at most 160 lines; the rest is in pages by task."""
    assert len(README.splitlines()) <= 160


@pytest.mark.parametrize("file", LINKING, ids=lambda file: str(file.relative_to(ROOT)))
def test_links_lead_somewhere(file: Path) -> None:
    """Every relative link is a file, and every anchor a heading of it."""
    dead = []
    for target in re.findall(r"\]\(([^)\s]+)\)", LINKING[file]):
        path, _, anchor = target.partition("#")
        if "://" in path:
            continue
        page = (file.parent / path).resolve() if path else file
        if not page.exists() or (anchor and anchor not in _anchors(page.read_text())):
            dead.append(target)
    assert dead == []


def test_every_page_is_in_reach_of_the_readme() -> None:
    """By a link of its own, or by one of the index, which the README names."""
    index = PAGES[ROOT / "docs" / "index.md"]
    assert "(docs/index.md)" in README
    links = set(re.findall(r"\(docs/([\w-]+\.md)", README)) | set(re.findall(r"\(([\w-]+\.md)", index))
    assert {file.name for file in PAGES if file.parent.name == "docs"} == links


def test_reasons_exist() -> None:
    """Every ``# docs/decisions.md#anchor`` in the code is a heading there."""
    code = chain.from_iterable((ROOT / folder).rglob("*.py") for folder in ("src", "bench", "tests"))
    named = {anchor for file in code for anchor in re.findall(r"# docs/decisions\.md#([a-z0-9-]+)", file.read_text())}
    assert len(named) > 50
    assert sorted(named - _anchors(PAGES[ROOT / "docs" / "decisions.md"]) - {"anchor"}) == []


KEPT = {
    "run_folder.py": "pictures",
    "training_runs.py": "pictures",
    "schema.py": "picture|pictures|data set",
    "file_labels.py": "picture",
}
"""A key of checkpoints, a text that is in stores as it was when they were made, and how programs call images."""


def test_one_word_for_one_thing() -> None:
    """What is scored is an image of a dataset, in README, docs and source; the dataset named ``pictures`` aside."""
    sources = {file: file.read_text() for file in (ROOT / "src" / "imgcls").rglob("*.py")}
    found = {}
    for file, text in {**PAGES, **sources}.items():
        own = re.sub(r"golden/pictures|datasets\.pictures", "", text)
        words = re.findall(r"\b(?:pictures?|data sets?)\b", own, re.IGNORECASE)
        if words := [word for word in words if not re.fullmatch(KEPT.get(file.name, "-"), word)]:
            found[str(file.relative_to(ROOT))] = words
    assert found == {}
