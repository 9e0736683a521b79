"""imgcls.models.weights.carried: one folder for files of all sources, in which none is in the way of another."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from imgcls.models.weights import carried, download
from imgcls.models.weights.transfer import Expected
from imgcls.records.weights import Gathering, PublishedFile, WeightsAccess
from weights_site import COMMIT, Reply, Site

REPOSITORY = "org/net"


@pytest.fixture(autouse=True)
def _own_caches(no_weights: None) -> None:
    """Empty ones."""


def _gathered(tmp_path: Path) -> WeightsAccess:
    return WeightsAccess("net", gathering=Gathering(tmp_path / "weights"))


def test_files_of_one_name_do_not_collide(site: Site, tmp_path: Path) -> None:
    """Each is in a folder that its hash names; neither is in torch.hub's cache."""
    site.replies |= {"/a/net.pth": Reply(b"one"), "/b/net.pth": Reply(b"two")}
    access = _gathered(tmp_path)
    one, two = (download.from_url(f"{site.url}/{folder}/net.pth", access=access) for folder in "ab")
    assert (one.read_bytes(), two.read_bytes()) == (b"one", b"two")
    assert one == tmp_path / "weights" / hashlib.sha256(b"one").hexdigest()[:12] / "net.pth"
    assert not (tmp_path / "torch").exists()
    assert access.gathering is not None
    assert list(access.gathering.files.values()) == [one, two]


def test_files_of_a_repository_are_together(site: Site, hub_at: Callable[[str], None], tmp_path: Path) -> None:
    """In a folder that its commit names, as libraries look for a configuration next to weights."""
    site.publish(REPOSITORY, "config.json", b"{}")
    site.publish(REPOSITORY, "onnx/model.onnx", b"graph")
    hub_at(site.url)
    access = _gathered(tmp_path)
    places = [download.from_hub(REPOSITORY, name, access=access) for name in ("config.json", "onnx/model.onnx")]
    folder = tmp_path / "weights" / f"org--net--{COMMIT}"
    assert places == [folder / "config.json", folder / "onnx" / "model.onnx"]
    files = [PublishedFile(name, repository=REPOSITORY) for name in ("config.json", "onnx/model.onnx")]
    assert [carried.commit_of(*pair) for pair in zip(files, places, strict=True)] == [COMMIT, COMMIT]


def test_the_hub_states_the_hash(site: Site, hub_at: Callable[[str], None], tmp_path: Path) -> None:
    """The ETag of a large file there is its sha256, and a server that sends another file is noticed."""
    reply = site.publish(REPOSITORY, "model.safetensors", b"weights")
    hub_at(site.url)
    reply.etag, reply.body = reply.validator, b"others!"
    with pytest.raises(ValueError, match="it is another file: its sha256 is"):
        carried.fetched(
            PublishedFile("model.safetensors", repository=REPOSITORY),
            f"{site.url}/{REPOSITORY}/resolve/main/model.safetensors",
            Expected(),
            tmp_path,
        )


def test_what_is_in_a_cache_is_copied(tmp_path: Path) -> None:
    """Without a request; the cache stays as it is."""
    cached = tmp_path / "torch" / "hub" / "checkpoints" / "net.pth"
    cached.parent.mkdir(parents=True)
    cached.write_bytes(b"weights")
    place = download.from_url("http://weights.example/net.pth", access=_gathered(tmp_path))
    assert place.is_relative_to(tmp_path / "weights")
    assert place.read_bytes() == cached.read_bytes()


def test_a_damaged_copy_is_made_again(tmp_path: Path) -> None:
    """What lies in the folder is what the cache has, and never listed as another file."""
    cached = tmp_path / "net.pth"
    cached.write_bytes(b"weights")
    file = PublishedFile("net.pth", url="http://weights.example/net.pth")
    place = carried.copied(file, cached, tmp_path / "weights")
    place.write_bytes(b"damaged")
    assert carried.copied(file, cached, tmp_path / "weights") == place
    assert place.read_bytes() == b"weights"
