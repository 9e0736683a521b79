"""imgcls.models.sources.torchhub: entries of a clone, and of a repository only once it is trusted."""

import hashlib
import urllib.error
from pathlib import Path
from typing import Any

import pytest

from imgcls.errors import ConfigError, ImgclsError, ModelError, WeightsMissing
from imgcls.models import loader
from imgcls.models.weights import hosts, network
from imgcls.records.config import ModelSpec
from networks import INPUT

HUBCONF = """
import pathlib
import torch
from layers import Head

pathlib.Path(__file__).with_name("ran").touch()
dependencies = ["torch"]


def net(pretrained=False, classes=10, weights=None):
    module = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(2), torch.nn.Flatten(), Head(12, classes))
    torch.nn.init.constant_(module[2].bias, float(pretrained) + 2 * float(weights == "V2"))
    return module


def nothing():
    return "no network"
"""


def _clone(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "hubconf.py").write_text(HUBCONF)
    (folder / "layers.py").write_text("import torch\n\n\nclass Head(torch.nn.Linear):\n    pass\n")
    return folder


def _spec(arch: str, **keys: Any) -> ModelSpec:
    return ModelSpec("net", arch, **{"labels": "digits", "input": INPUT, **keys})


def _bias(model: Any) -> float:
    return float(model.classifier.module[2].bias.detach()[0])


def test_a_clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder relative to the configuration needs no trust of its own; its code is part of the key."""
    clone = _clone(tmp_path / "clones" / "nets")
    monkeypatch.chdir(tmp_path / "clones")
    model = loader.load(_spec("torchhub:clones/nets:net", folder=tmp_path), "cpu")
    assert loader.output_count(model) == 10
    assert model.identity["own_sources"]["hubconf.py"] == hashlib.sha256(HUBCONF.encode()).hexdigest()
    assert model.identity["own_sources"]["layers"] == hashlib.sha256((clone / "layers.py").read_bytes()).hexdigest()


def test_clones_with_modules_of_one_name(tmp_path: Path) -> None:
    """Each clone has its own modules, although the process has imported others of their names before."""
    first, second = _clone(tmp_path / "first"), _clone(tmp_path / "second")
    (second / "layers.py").write_text("import torch\n\n\nclass Head(torch.nn.Linear):\n    second = True\n")
    heads = [
        loader.load(_spec(f"torchhub:{clone}:net"), "cpu").classifier.module[2] for clone in (first, second, first)
    ]
    assert [hasattr(head, "second") for head in heads] == [False, True, False]


@pytest.mark.parametrize(("weights", "bias"), [(None, 0.0), ("pretrained", 1.0), ("V2", 2.0)])
def test_weights_are_requested_of_the_entry(tmp_path: Path, weights: str | None, bias: float) -> None:
    """By the keywords that entries have for them; options are the entry's own."""
    spec = _spec(f"torchhub:{_clone(tmp_path / 'nets')}:net", weights=weights, options={"classes": 10})
    assert _bias(loader.load(spec, "cpu")) == bias


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """torch.hub's folder, and no server to fetch from."""

    def offline(*_: Any, **__: Any) -> Any:
        raise urllib.error.URLError("offline")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr("torch.hub.urlopen", offline)
    return tmp_path / "torch" / "hub"


@pytest.mark.parametrize("trust", [{}, {"trust_repo": False}, {"trust_repo": "yes"}])
def test_a_repository_must_be_trusted(hub: Path, trust: dict[str, Any]) -> None:
    """Its code is not run before, even where it has been fetched; the message states what would run, and both ways."""
    clone = _clone(hub / "somebody_nets_main")
    with pytest.raises(ConfigError) as error:
        loader.load(_spec("torchhub:somebody/nets:net", options=trust), "cpu")
    assert str(error.value) == (
        "[models.net] torchhub:somebody/nets:net is code from github.com/somebody/nets, and its hubconf.py is run when "
        "it is loaded: read it, and then set options = { trust_repo = true }; or clone it, and name the clone: "
        'arch = "torchhub:path/to/clone:net"'
    )
    assert not (clone / "ran").exists()


@pytest.mark.parametrize(("folder", "repository"), [("main", "somebody/nets"), ("v1_0", "somebody/nets:v1/0")])
def test_a_trusted_repository(hub: Path, folder: str, repository: str) -> None:
    """It is read from torch.hub's own folder, at a branch or tag."""
    _clone(hub / f"somebody_nets_{folder}")
    model = loader.load(_spec(f"torchhub:{repository}:net", options={"trust_repo": True}), "cpu")
    assert loader.output_count(model) == 10


def test_a_host_that_does_not_respond_is_not_waited_for(hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Torch.hub by itself would look its name up without a limit."""
    assert hub

    def silent(url: str) -> None:
        raise network.NoResponse(f"no connection to {url}")

    monkeypatch.setattr(hosts, "require", silent)
    monkeypatch.setattr("torch.hub.list", pytest.fail)
    spec = ModelSpec("net", "torchhub:somebody/nets:v1:colour", options={"trust_repo": True})
    with pytest.raises(WeightsMissing, match=r"fetched or read: no connection to https://github\.com; clone it"):
        loader.load(spec, "cpu")


def test_a_trusted_repository_that_is_not_there(hub: Path) -> None:
    """Without a network one line states what is missing."""
    assert not hub.exists()
    with pytest.raises(WeightsMissing, match=r"github\.com/somebody/nets:v1 cannot be fetched or read: .*; clone it"):
        loader.load(_spec("torchhub:somebody/nets:v1:net", options={"trust_repo": True}), "cpu")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("{}:nett", r"failed: RuntimeError: Cannot find callable nett in hubconf"),
        ("{}:nothing", "returned a str, not a torch.nn.Module"),
        ("net", r"'torchhub:net' names no entry: write \"torchhub:path/to/clone:NAME\""),
        ("../nowhere:net", r"there is no folder \.\./nowhere, and it is not a repository OWNER/REPO"),
        ("empty:net", r"the folder .*empty has no hubconf\.py"),
    ],
)
def test_what_is_no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, message: str) -> None:
    """A wrong name of a folder or of an entry is one line."""
    monkeypatch.chdir(tmp_path)
    Path("empty").mkdir()
    with pytest.raises(ImgclsError, match=message):
        loader.load(_spec(f"torchhub:{name.format(_clone(tmp_path / 'nets'))}"), "cpu")


def test_wrong_options(tmp_path: Path) -> None:
    """What the entry raises is one line, too."""
    with pytest.raises(ModelError, match=r"failed: TypeError: net\(\) got an unexpected keyword argument 'depth'"):
        loader.load(_spec(f"torchhub:{_clone(tmp_path / 'nets')}:net", options={"depth": 3}), "cpu")
