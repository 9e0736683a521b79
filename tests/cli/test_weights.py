"""``imgcls weights``: fetched on a connected machine, carried, verified and listed."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import timm
from safetensors.torch import save

from conftest import Command, Project
from networks import filled
from weights_site import Site

pytestmark = pytest.mark.usefixtures("no_weights")

NAME = "test_resnet.r160_in1k"
REPOSITORY = f"timm/{NAME}"
CONFIGURATION = f"""
[datasets.animals]
path = "animals"
[models.net]
arch = "timm:{NAME}"
runtime = "eager"
[models.drawn]
arch = "timm:test_resnet"
weights = "random:0"
"""


@pytest.fixture(scope="module")
def weights() -> bytes:
    """Of timm's smallest ResNet."""
    return save(filled(timm.create_model("test_resnet")).state_dict())


@pytest.fixture
def hub(site: Site, hub_at: Callable[[str], None], project: Project, weights: bytes) -> Site:
    """A hub that has them, and a project that loads them."""
    site.publish(REPOSITORY, "model.safetensors", weights)
    hub_at(site.url)
    project.configure(CONFIGURATION)
    return site


@pytest.fixture
def carried(hub: Site, imgcls: Command) -> Path:
    """The project after its weights were fetched into a folder, on a machine whose hub is gone."""
    assert imgcls("weights", "fetch", "--to", "weights").ret == 0
    hub.replies.clear()
    [file] = Path("weights").rglob("*.safetensors")
    return file


def test_fetch_writes_a_folder_and_a_lock(hub: Site, imgcls: Command, weights: bytes) -> None:
    """With each file's source and licence, the sum, and the next step; a second time requests nothing."""
    result = imgcls("weights", "fetch", "--to", "weights")
    assert result.ret == 0
    result.stdout.fnmatch_lines(
        [
            f"net: model.safetensors, {len(weights) / 1e6:.1f} MB, {REPOSITORY}@0123456789*, licence apache-2.0",
            f"*imgcls.lock: 1 file, {len(weights) / 1e6:.1f} MB",
            "carry weights and imgcls.lock together; there, check them with: imgcls weights verify",
        ]
    )
    text, requests = Path("imgcls.lock").read_text(), len(hub.requests)
    assert 'path = "weights/timm--test_resnet' in text
    assert imgcls("weights", "fetch", "--to", "weights").ret == 0
    assert (Path("imgcls.lock").read_text(), len(hub.requests)) == (text, requests)


def test_verify_of_what_is_as_listed(carried: Path, imgcls: Command) -> None:
    """All files, and no model that is not covered."""
    result = imgcls("weights", "verify")
    assert result.ret == 0
    assert result.outlines[-1].endswith("imgcls.lock: 1 of 1 file as listed")
    assert carried.is_file()


@pytest.mark.parametrize(
    ("what", "code", "line"),
    [
        ("missing", 3, "net: model.safetensors is missing: it is not at *weights/* nor at *"),
        ("size", 1, "net: model.safetensors at *weights/* has 3 bytes, and the lock lists *"),
        ("hash", 1, "net: model.safetensors at *weights/* has the sha256 *…, and the lock lists *"),
    ],
)
def test_verify_names_each_fault(carried: Path, imgcls: Command, what: str, code: int, line: str) -> None:
    """With its kind, its place, and what to do."""
    if what == "missing":
        carried.unlink()
    else:
        carried.write_bytes(b"bad" if what == "size" else bytes(carried.stat().st_size))
    result = imgcls("weights", "verify")
    assert result.ret == code
    result.stdout.fnmatch_lines([line, "*imgcls.lock: 0 of 1 file as listed", "get what is missing or wrong again *"])


def test_verify_names_models_that_are_not_covered(carried: Path, project: Project, imgcls: Command) -> None:
    """Those that would not load, with the command that lists them, and those that no lock can cover."""
    project.configure(
        CONFIGURATION + '[models.other]\narch = "timm:test_vit"\n[models.code]\narch = "python:nets:colour"\n'
    )
    result = imgcls("weights", "verify")
    assert result.ret == 1
    result.stdout.fnmatch_lines(
        [
            "other: model.safetensors from timm/test_vit.r160_in1k is not in *imgcls.lock, *--models other` lists it",
            "code: not covered: python:nets:colour: its own code loads its weights, which a lock cannot list",
        ]
    )
    assert carried.is_file()


@pytest.mark.parametrize("command", ["verify", "list"])
def test_without_a_lock_there_is_nothing_to_look_at(project: Project, imgcls: Command, command: str) -> None:
    """And the message has the commands that write one."""
    result = imgcls("weights", command)
    assert result.ret == 2
    [line] = result.errlines
    assert line == (
        f"imgcls: there is no imgcls.lock in {project.folder}: write one with `imgcls weights fetch --to DIR` or "
        "`imgcls weights lock`"
    )


def test_list_is_a_table(carried: Path, imgcls: Command) -> None:
    """A row for each model and file, with where it is."""
    result = imgcls("weights", "list", COLUMNS="160")
    assert result.ret == 0
    assert result.outlines[1].split() == ["model", "file", "where", "licence", "sha256", "source", "size"]
    assert result.outlines[3].split()[:4] == ["net", "model.safetensors", "folder", "apache-2.0"]
    carried.unlink()
    assert imgcls("weights", "list").outlines[3].split()[2:4] == ["not", "here"]


def test_lock_lists_what_is_in_the_cache(hub: Site, imgcls: Command) -> None:
    """Without a folder, and without the network where the cache has everything."""
    assert imgcls("weights", "lock").ret == 0
    before = Path("imgcls.lock").read_text()
    assert "path =" not in before
    hub.replies.clear()
    assert imgcls("weights", "lock", "--offline").ret == 0
    assert Path("imgcls.lock").read_text() == before
    assert "cache" in imgcls("weights", "list").outlines[3]


def test_what_cannot_be_fetched_leaves_the_lock_as_it_was(carried: Path, project: Project, imgcls: Command) -> None:
    """Entries of other models are written; those of a model that fails stay."""
    project.also("")
    project.configure(CONFIGURATION + '[models.other]\narch = "timm:test_vit"\n')
    before = Path("imgcls.lock").read_text()
    result = imgcls("weights", "fetch", "--to", "weights")
    assert result.ret == 3
    assert len(result.errlines) == 1
    assert result.errlines[0].startswith("imgcls: other: cannot get model.safetensors from ")
    assert Path("imgcls.lock").read_text() == before
    assert carried.is_file()


def test_without_a_configuration_a_model_is_an_architecture(hub: Site, imgcls: Command) -> None:
    """The lock is then in the working folder, and holds for what is loaded there."""
    Path("imgcls.toml").unlink()
    assert imgcls("weights", "fetch", "--models", f"timm:{NAME}", "--to", "weights").ret == 0
    hub.replies.clear()
    assert imgcls("predict", "colours/red", "--models", f"timm:{NAME}", "--offline").ret == 0
    refused = imgcls("predict", "colours/red", "--models", "timm:test_vit")
    assert refused.ret == 2
    assert "imgcls weights lock --models timm:test_vit" in refused.errlines[0]


def test_configurations_of_several_folders_have_several_locks(project: Project, imgcls: Command) -> None:
    """So that one must be named."""
    (project.folder / "other").mkdir()
    (project.folder / "other" / "imgcls.toml").write_text('[models.net]\narch = "timm:test_vit"\n')
    result = imgcls("weights", "lock", "--config", "imgcls.toml", "--config", "other/imgcls.toml")
    assert result.ret == 2
    assert "each has an imgcls.lock of its own: name one with --config" in result.errlines[0]


def test_offline_is_an_option_of_runs(hub: Site, project: Project, imgcls: Command, run_pytest: Command) -> None:
    """Of the command and of pytest: what is not here is one line that names it, and nothing is requested."""
    for colour, wnid in (("red", "n01440764"), ("green", "n01443537")):
        project.add_images(colour, 1, "animals")
        (project.folder / "animals" / colour).rename(project.folder / "animals" / wnid)
    score = imgcls("score", "--offline", "--json", "run.json")
    assert score.ret == 3
    [line] = [line for line in (*score.outlines, *score.errlines) if "cannot get" in line]
    assert "net" in line
    assert "offline, and it is not at" in json.dumps(json.loads(Path("run.json").read_text()))
    run_pytest("--imgcls-offline", "-m", "accuracy").stdout.fnmatch_lines(["*offline, and it is not at*"])
    assert hub.requests == []
