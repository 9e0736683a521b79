"""What pages show as code is code: Python runs, configurations load, shell lines parse.

A block of Python that cannot run here stands below ``<!-- not run: REASON -->``, and is only parsed.
"""

import ast
import doctest
import re
import subprocess
import tomllib
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from PIL import Image
from torchvision.transforms import functional

import imgcls as library
from builders import make_latency, make_memory
from conftest import NETWORK, Command, Project
from imgcls.config import loader
from imgcls.contracts import check
from imgcls.data import digits
from imgcls.performance import latency, memory

ROOT = Path(__file__).parents[1]
FOLDERS = ("docs", "examples")
FILES = ("README.md", "CONTRIBUTING.md", "golden/README.md", "bench/README.md")
FOUND = [page for name in FOLDERS for page in sorted((ROOT / name).rglob("*.md"))]
PAGES = [*(ROOT / name for name in FILES), *(page for page in FOUND if page.parent.name != "reference")]
BLOCK = re.compile(r"(?:^<!-- not run: ([^\n]*) -->\n+)?^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

CONFIGURED = ("datasets", "models", "gates", "compare", "parity", "latency", "memory")
"""Tables by which a block of TOML is one of ours."""


class Block(NamedTuple):
    """A block of code; ``reason``: why it is not run, empty where it is."""

    page: Path
    line: int
    reason: str
    text: str

    @property
    def is_test_file(self) -> bool:
        """Whether pytest takes it."""
        return "import pytest" in self.text or "imgcls.suite" in self.text


def blocks(language: str) -> list[Block]:
    """Those of all pages."""
    return [
        Block(page, text.count("\n", 0, block.start()) + 1, block[1] or "", block[3])
        for page in PAGES
        for text in [page.read_text()]
        for block in BLOCK.finditer(text)
        if block[2] == language
    ]


def by_block(blocks: list[Block]) -> pytest.MarkDecorator:
    """A test per block, named by its place."""
    return pytest.mark.parametrize("block", blocks, ids=lambda block: f"{block.page.relative_to(ROOT)}:{block.line}")


PYTHON = blocks("python")


# Python.


@by_block([block for block in PYTHON if block.is_test_file and not block.reason])
def test_test_files_are_collected(block: Block, project: Project, run_pytest: Command) -> None:
    """In a project whose models and datasets have the names of the pages."""
    models = "".join(f'[models.{name}]\narch = "python:nets:colour"\n{NETWORK}\n' for name in ("resnet50", "vit"))
    project.configure(f'[datasets.photos]\npath = "colours"\n{models}')
    (project.folder / "test_models.py").write_text(block.text)
    result = run_pytest("--collect-only", "-q", "test_models.py")
    assert result.ret == pytest.ExitCode.OK


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What blocks have around them: images, a saved run, a report."""
    folder = tmp_path_factory.mktemp("blocks")
    (folder / "photos").symlink_to(digits.folder(), target_is_directory=True)
    (folder / "holiday").mkdir()
    for name in ("cat.jpg", "holiday/1.jpg"):
        Image.new("RGB", (40, 30), "red").save(folder / name)
    (folder / "report.html").write_text('<script type="application/json" id="document">{}</script>')
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        library.score(NET, "photos/").save("main.json")
    return folder


NET = library.ModelSpec(
    "digits_resnet",
    "timm:test_resnet",
    "builtin:digits_resnet",
    options={"num_classes": 10},
    labels="digits",
    input={
        "resize": 32, "crop": (32, 32), "interpolation": "bilinear", "mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5),
    },
)  # fmt: skip
"""What takes the place of published weights, which would be downloaded."""

AS_HERE = (
    (re.compile(r'(imgcls\.(?:load_model|predict|score|benchmark)\()"[^"]+"'), r"\1NET"),
    (re.compile(r'device="cuda"'), 'device="cpu"'),
    (re.compile(r'"timm:efficientnet_b0", epochs=30'), '"timm:test_efficientnet", epochs=1, input=dict(NET.input)'),
)
"""What blocks have that this machine may lack, and what stands for it."""


@by_block([block for block in PYTHON if not block.is_test_file and not block.reason])
def test_python_runs(block: Block, prepared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it stands, but for weights, a GPU, and how long it takes."""
    monkeypatch.chdir(prepared)
    monkeypatch.setattr(latency, "measure", lambda *_: make_latency())
    monkeypatch.setattr(memory, "measure", lambda *_: make_memory())
    monkeypatch.setattr(check, "NAMES", ("finite",))
    text = block.text
    for shown, here in AS_HERE:
        text = shown.sub(here, text)
    model: Any = library.load_model(NET) if re.search(r"\bmodel\b", text) and "model =" not in text else None
    names = {"NET": NET, "torch": torch, "to_tensor": functional.to_tensor, "model": model, "images": []}
    exec(compile(text, str(block.page), "exec"), names)  # noqa: S102 - our own documentation


def test_what_is_not_run_is_python_and_has_a_reason() -> None:
    """It is parsed, and a reason is more than one word."""
    for block in PYTHON:
        ast.parse(block.text)
        assert not block.reason or " " in block.reason


def test_a_reason_stands_above_its_block() -> None:
    """And belongs to no other one."""
    text = "<!-- not run: needs a GPU -->\n\n```python\na\n```\n\n```python\nb\n```\n"
    found = [(block[1], block[3]) for block in BLOCK.finditer(text * 2)]
    assert found == [("needs a GPU", "a\n"), (None, "b\n")] * 2


def test_the_shown_preprocessing_makes_a_tensor_of_an_image() -> None:
    """Four channels of 64 x 64 pixels."""
    [block] = [block for block in PYTHON if "class Spectral" in block.text]
    names: dict[str, Any] = {"torch": torch, "to_tensor": functional.to_tensor}
    exec(block.text, names)  # noqa: S102 - our own documentation
    assert names["Spectral"]().preprocess(Image.new("RGB", (90, 70))).shape == (4, 64, 64)


def test_examples_of_docstrings_run() -> None:
    """Wherever there are some; those of the NumPy network are run by its own tests, which take their time."""
    elsewhere = {ROOT / "src" / "imgcls" / "reference" / "__init__.py"}
    for file in {file for file in (ROOT / "src").rglob("*.py") if ">>> " in file.read_text()} - elsewhere:
        module = import_module(".".join(file.relative_to(ROOT / "src").with_suffix("").parts))
        assert doctest.testmod(module).failed == 0, module.__name__


# Configurations.


@by_block(blocks("toml"))
def test_configurations_load(block: Block, tmp_path: Path) -> None:
    """What a block lacks to be whole is added: models and datasets that others of the page have."""
    document = tomllib.loads(block.text)
    document = document.get("tool", {}).get("imgcls", document)
    if not document.keys() & {*CONFIGURED}:
        return
    file = tmp_path / "imgcls.toml"
    file.write_text(block.text.replace("[tool.imgcls.", "[") + "\n".join(_missing(document)))
    settings = loader.load([file])
    assert set(document.get("models", {})) <= settings.models.keys()


def _missing(document: Mapping[str, Any]) -> Iterator[str]:
    """The tables of what is only named."""
    given, datasets = document.get("models", {}), set(document.get("datasets", {}))
    named = {name for kind in ("gates", "parity", "latency", "memory") for name in document.get(kind, {})} - {"*"}
    for name in sorted({*given, *named} or {"net"}):
        if "arch" not in given.get(name, {}):
            yield f'\n[models.{name}]\narch = "torchvision:resnet50"'
    scored = {name for kind in ("gates", "parity") for gate in document.get(kind, {}).values() for name in gate}
    listed = {name for model in given.values() for name in model.get("datasets", ())}
    for name in sorted((scored | listed) - datasets):
        yield f'\n[datasets.{name}]\npath = "{name}"'


# Shell.


@by_block(blocks("sh"))
def test_shell_lines_parse(block: Block) -> None:
    """Bash reads them; which options they have is tested where commands are."""
    result = subprocess.run(["bash", "-n"], input=block.text, capture_output=True, text=True, check=False)
    assert result.stderr == ""


def test_every_language_is_known_here() -> None:
    """So that no block escapes by another name of its language."""
    languages = {name for page in PAGES for name in re.findall(r"^`{3,}([\w-]+)$", page.read_text(), re.MULTILINE)}
    assert languages <= {"python", "toml", "sh", "text", "yaml", "json", "xml", "markdown"}
