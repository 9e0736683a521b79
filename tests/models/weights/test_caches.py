"""imgcls.models.weights.caches: where the libraries look for what they publish."""

import sys
from pathlib import Path

import pytest
import torch.hub

from imgcls.models.weights import caches
from imgcls.records.weights import PublishedFile
from weights_site import COMMIT

FILE = PublishedFile("net.pth", "https://weights.example/net.pth")


@pytest.mark.usefixtures("no_weights")
def test_the_place_is_that_of_torch_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where a program has moved its folder."""
    assert caches.place(FILE) == tmp_path / "torch" / "hub" / "checkpoints" / "net.pth"
    assert caches.find(FILE) is None
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path / "moved"))
    assert caches.place(FILE) == tmp_path / "moved" / "checkpoints" / "net.pth"


@pytest.mark.parametrize("variables", [{}, {"XDG_CACHE_HOME": "/x"}, {"TORCH_HOME": "/t"}])
def test_torch_need_not_be_imported_for_it(variables: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The place without torch is the one with it."""
    for name in ("XDG_CACHE_HOME", "TORCH_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    expected = caches.place(FILE)
    monkeypatch.delitem(sys.modules, "torch")
    assert caches.place(FILE) == expected


def test_a_commit_stands_in_the_path() -> None:
    """Of what the hub's library stored, and not of what was put there by hand."""
    folder = Path("/hub/models--org--net/snapshots")
    assert caches.commit_of(folder / COMMIT / "sub" / "model.safetensors") == COMMIT
    assert caches.commit_of(folder / "main" / "model.safetensors") is None
    assert caches.commit_of(Path("/elsewhere/model.safetensors")) is None
