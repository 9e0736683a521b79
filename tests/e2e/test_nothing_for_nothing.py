"""A run whose predictions are all stored loads no network and imports no library of one, and comes to the same."""

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from conftest import Command, Project
from imgcls.errors import ModelError
from imgcls.models import loader
from networks import RESNET_ON_COLOURS

HEAVY = ("torch", "torchvision", "timm", "openvino", "scipy", "sklearn", "pandas")

CONFIGURATION = f"""
{RESNET_ON_COLOURS}
[models.converted]
arch = "timm:test_resnet"
weights = "random:2"
options = {{ num_classes = 3 }}
labels = "names.txt"
input = {{ resize = 32, crop = 32 }}
runtime = "openvino"

[models.squeezenet]
arch = "torchvision:squeezenet1_1"
weights = "random:1"
options = {{ num_classes = 3 }}
labels = "names.txt"
input = {{ resize = 64, crop = 64 }}

[gates."*"]
colours = {{ top1 = 0.0 }}
"""

TIMES = {"made_at", "seal", "passes", "set_seconds", "images_per_second"}
"""What a document has of when and how fast it was made."""

RUN = """
import sys
{call}
print("heavy", sorted(set({heavy}) & set(sys.modules)), int(code))
"""


@pytest.fixture
def scored(project: Project, imgcls: Command) -> Path:
    """A folder whose predictions are all stored; the document of the second run."""
    project.configure(CONFIGURATION)
    for _ in range(2):
        assert imgcls("score", "--json", "before.json").ret == 0
    return project.folder


def _untimed(file: Path) -> Any:
    """A document without its times."""

    def without(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: without(item) for key, item in value.items() if key not in TIMES}
        return [without(item) for item in value] if isinstance(value, list) else value

    return without(json.loads(file.read_text()))


OPTIONS = "-m accuracy --imgcls-json after.json -p no:benchmark -p no:hypothesispytest -p no:cacheprovider"

CALLS = (
    "from imgcls.cli.main import main; code = main(['score', '--json', 'after.json'])",
    f"import pytest; code = pytest.main('--pyargs imgcls.suite {OPTIONS}'.split())",
)


@pytest.mark.slow
def test_what_is_stored_is_reported_without_any_library_of_networks(scored: Path, python: Command) -> None:
    """Neither PyTorch nor what publishes or converts networks, nor SciPy is in the process at its end."""
    for call in CALLS:
        result = python(RUN.format(call=call, heavy=HEAVY))
        assert result.outlines[-1] == "heavy [] 0", str(result.stderr)
        assert {row["from_store"] for row in json.loads((scored / "after.json").read_text())["results"]} == {12}


@pytest.mark.slow
def test_the_document_is_the_same_without_loading(scored: Path, imgcls: Command) -> None:
    """But for times, whether the networks were loaded or nothing but their descriptions was read."""
    assert imgcls("score", "--json", "described.json").ret == 0
    with sqlite3.connect(scored / ".imgcls" / "predictions.sqlite3") as store:
        assert store.execute("delete from descriptions").rowcount == 3
    assert imgcls("score", "--json", "loaded.json").ret == 0
    loaded, described = (_untimed(scored / name) for name in ("loaded.json", "described.json"))
    assert loaded == described == _untimed(scored / "before.json")
    loads = [json.loads((scored / name).read_text())["passes"][0]["load_seconds"] for name in (
        "loaded.json", "described.json",
    )]  # fmt: skip
    assert min(loads[0].values()) > 0 == max(loads[1].values())


@pytest.mark.slow
def test_a_network_that_does_not_load_is_not_missed(
    scored: Path, imgcls: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything is stored, so that nothing has to be loaded; one more image, and it is."""

    def broken(*_: object) -> None:
        raise RuntimeError("no network here")

    monkeypatch.setattr(loader, "load", broken)
    assert imgcls("score").ret == 0
    image = next((scored / "colours" / "red").iterdir())
    (scored / "colours" / "red" / "new.png").write_bytes(image.read_bytes() + b"\0")
    result = imgcls("score")
    assert result.ret == ModelError.exit_code
    result.stdout.fnmatch_lines(["*timm:test_resnet cannot be loaded: RuntimeError: no network here*"])
