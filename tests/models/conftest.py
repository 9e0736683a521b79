"""Networks with known weights, and caches of their own, for the tests of loading."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
import torchvision
from huggingface_hub import constants
from safetensors.torch import save_file

from networks import NETS, filled


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """On a busy machine the threads of such small networks wait for each other far longer than they work."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def resnet() -> Any:
    """timm's smallest ResNet."""
    return filled(timm.create_model("test_resnet"))


@pytest.fixture(scope="module")
def squeezenet() -> Any:
    """torchvision's smallest classifier."""
    return filled(torchvision.models.squeezenet1_0())


@pytest.fixture(scope="module")
def googlenet() -> Any:
    """As torchvision builds it for its published weights, whose file holds the auxiliary heads too."""
    return filled(torchvision.models.GoogLeNet(transform_input=True, init_weights=False))


@pytest.fixture(scope="module")
def resnet_file(resnet: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The weights of ``resnet``."""
    file = tmp_path_factory.mktemp("weights") / "resnet.safetensors"
    save_file(resnet.state_dict(), file)
    return file


@pytest.fixture
def own_caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Empty caches, and no server to fetch from."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    for variable in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(variable, "http://127.0.0.1:1")


@pytest.fixture
def checkpoints(tmp_path: Path) -> Path:
    """The folder of torchvision's downloads."""
    folder = tmp_path / "torch" / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def own_nets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A user's module of factories, importable by its name."""
    folder = tmp_path / "code"
    folder.mkdir()
    (folder / "own_nets.py").write_text(NETS)
    monkeypatch.syspath_prepend(folder)
    yield folder / "own_nets.py"
    sys.modules.pop("own_nets", None)
