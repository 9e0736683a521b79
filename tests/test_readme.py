"""What the README shows is true: its code runs, its words exist, and nothing is missing from it."""

import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from imgcls import cli, config, plugin, tables
from imgcls.measures import LatencyGate
from imgcls.records import Proven

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def _blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def _commands(block: str) -> Iterator[list[str]]:
    for line in block.splitlines():
        yield shlex.split(line, comments=True)


def test_shell_blocks_are_commands_that_exist() -> None:
    """Every line is a word of the Makefile or a command line that the parser takes."""
    words = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    lines = [command for block in _blocks("sh") for command in _commands(block)]
    assert {line[1] for line in lines if line[0] == "make"} == {"score", "test"}
    assert {"score", "test"} <= words
    for line in lines:
        if line[0] == "imgcls":
            assert cli.parser().parse_args(line[1:]).command


def test_the_configuration_loads(tmp_path: Path) -> None:
    """The example is a whole configuration, every key of which is known."""
    [example] = [block for block in _blocks("toml") if "[datasets.photos]" in block]
    file = tmp_path / "imgcls.toml"
    file.write_text(example)
    settings = config.load([file])
    assert settings.pairs() == [("resnet50", "photos"), ("vit", "photos")]
    assert settings.gates["vit", "photos"].top1 == Proven(0.70, 0.95)
    assert {gate.min_images for gate in settings.gates.values()} == {50}
    assert settings.latency == {"resnet50": LatencyGate(p95_ms=40, images_per_second=30)}
    assert {gate.host_bytes for gate in settings.memory.values()} == {400_000_000}


def test_the_pretrained_example_loads() -> None:
    """Seven architectures with their published weights, on one folder of photographs."""
    settings = config.load([ROOT / "examples" / "pretrained" / "imgcls.toml"])
    assert len(settings.pairs()) == 7
    assert all(
        model.weights is None or not str(model.weights).startswith("random") for model in settings.models.values()
    )


def test_the_library_block_runs(tmp_path: Path) -> None:
    """Its assertions hold, and its function makes a network's input out of a picture."""
    [block] = [block for block in _blocks("python") if "pathlib" in block]
    names: dict[str, Callable[[Path], object]] = {}
    exec(block, names)  # noqa: S102 - our own README
    Image.new("RGB", (300, 200), "red").save(tmp_path / "red.png")
    made = names["tensor"](tmp_path / "red.png")
    assert tuple(getattr(made, "shape", ())) == (1, 3, 224, 224)


def test_the_suite_is_what_the_readme_says() -> None:
    """The text of the ready-made test stands in the README word for word, types aside."""
    suite = (ROOT / "src" / "imgcls" / "suite.py").read_text()
    [block] = [block for block in _blocks("python") if "gates.check(scores)" in block]
    *_, decorator, signature, body = block.strip().splitlines()
    assert decorator in suite
    assert body in suite
    assert re.sub(r': "\w+"| -> None', "", suite).count(signature) == 1


def test_the_three_line_test_file_stands_there() -> None:
    """What a user's whole test file is."""
    assert "from imgcls.suite import *\n" in _blocks("python")


class _Options:
    """As much of pytest's parser as our options need."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def getgroup(self, *_: str) -> "_Options":
        return self

    def addoption(self, name: str, **_: object) -> None:
        self.names.append(name)


def test_every_option_of_the_plugin_stands_there() -> None:
    """No option without a word in the README, and no word without an option."""
    options = _Options()
    plugin.pytest_addoption(options)  # type: ignore[arg-type]  # it stands in for pytest's
    told = set(re.findall(r"--imgcls-[a-z-]+", README))
    assert told == set(options.names)


@pytest.mark.parametrize(
    "name",
    ["`model`", "`dataset`", "`scores`", "`device`", "`latency`", "`memory`", "`gates`", "`golden`", "`accuracy`"],
)
def test_every_fixture_and_marker_stands_there(name: str) -> None:
    """By the name under which pytest knows it."""
    assert name in README


@pytest.mark.parametrize("name", ["score", "compare", "bench-compare", "profile", "predict", "labels check", "train"])
def test_every_command_stands_there(name: str) -> None:
    """As it is typed."""
    assert f"imgcls {name}" in README


def test_the_table_has_the_columns_that_are_printed() -> None:
    """The table in the README is the one of this version."""
    header = re.split(r"\s{2,}", README.partition("```text\n")[2].partition("\n")[0].strip())
    assert header == list(tables.COLUMNS)
