"""What ``docs/extending.md`` shows works: its files and rows, in an installed package, are scored with."""

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from imgcls import extensions
from in_process import run_command

GUIDE = (Path(__file__).parents[2] / "docs" / "extending.md").read_text()

CONFIGURATION = """
[datasets.digits]
path = "builtin:digits"

[models.eager]
arch = "timm:test_resnet"
options = { num_classes = 10 }
weights = "builtin:digits_resnet"
labels = "digits"
runtime = "eager"
input = { resize = 32, crop = 32, interpolation = "bilinear", mean = [0.5, 0.5, 0.5], std = [0.5, 0.5, 0.5] }

[models.exported]
arch = "timm:test_resnet"
options = { num_classes = 10 }
weights = "builtin:digits_resnet"
labels = "digits"
runtime = "exported"
input = { resize = 32, crop = 32, interpolation = "bilinear", mean = [0.5, 0.5, 0.5], std = [0.5, 0.5, 0.5] }

[models.plain]
arch = "plain:8"
weights = "random:0"
labels = "digits"
"""


def _block(title: str) -> str:
    """The code block after a comment of the guide."""
    match = re.search(rf"^<!-- {title} -->\n+```\w+\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
    assert match
    return match[1]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The guide's package as an installer leaves it, in the working folder."""
    folder = tmp_path_factory.mktemp("installed")
    package, metadata = folder / "my_package", folder / "my_package-1.0.dist-info"
    package.mkdir()
    metadata.mkdir()
    (package / "__init__.py").touch()
    rows: dict[str, dict[str, str]] = {}
    for kind in ("runtime", "source"):
        rows |= tomllib.loads(_block(f"{kind} row"))["project"]["entry-points"]
        [module] = rows[f"imgcls.{kind}s"].values()
        (folder / f"{module.replace('.', '/')}.py").write_text(_block(f"{kind} example"))
    text = "".join(f"[{group}]\n" + "".join(f"{k} = {v}\n" for k, v in row.items()) for group, row in rows.items())
    (metadata / "entry_points.txt").write_text(text)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: my_package\nVersion: 1.0\n")
    (folder / "imgcls.toml").write_text(CONFIGURATION)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.syspath_prepend(folder)
        yield folder


@pytest.fixture(scope="module")
def scored(installed: Path) -> dict[str, Any]:
    """The results of a first run of the command, by model."""
    assert installed == Path.cwd()
    return _results()


def _results() -> dict[str, Any]:
    outcome = run_command("score", "--json", "out.json", "--device", "cpu")
    assert outcome.ret == 0, outcome.errlines
    return {result["model"]: result for result in json.loads(Path("out.json").read_text())["results"]}


@pytest.mark.slow
def test_the_examples_score(scored: dict[str, Any]) -> None:
    """The runtime agrees with eager and scores as it does; the source's network is scored with its own input."""
    exported, eager, plain = (scored[name] for name in ("exported", "eager", "plain"))
    assert (exported["runtime"], exported["runtime_note"]) == ("exported", None)
    assert exported["top1_count"] == eager["top1_count"] > 300
    assert exported["prediction_key"] != eager["prediction_key"]
    assert (plain["scored"], plain["img_size"]) == (360, 32)


@pytest.mark.slow
def test_edited_examples_score_anew(installed: Path, scored: dict[str, Any]) -> None:
    """The file of an added module is part of the key: after an edit no older prediction is served."""
    for module in (installed / "my_package").glob("[ep]*.py"):
        module.write_text(module.read_text() + "# edited\n")
    again = _results()
    assert {name: result["from_store"] for name, result in again.items()} == {"eager": 360, "exported": 0, "plain": 0}
    for name in ("exported", "plain"):
        assert again[name]["prediction_key"] != scored[name]["prediction_key"]


@pytest.mark.usefixtures("installed")
def test_rows_of_installed_packages_are_read() -> None:
    """A configuration may name the runtimes and sources of an installed package."""
    assert extensions.runtime("exported") == extensions.RuntimeRow("my_package.exported", library="my_package")
    assert extensions.source("plain") == extensions.SourceRow("my_package.plain", "plain:NAME")
    assert extensions.selectable_runtimes() == ("eager", "compile", "cuda-graph", "openvino", "exported")
    assert extensions.usages()[-1] == "plain:NAME"
