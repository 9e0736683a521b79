"""imgcls.models.weights.download: published files go into their library's cache; absent ones are one line at once.

All servers are local ones, started by the tests.
"""

import errno
import hashlib
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from imgcls.errors import ConfigError, ModelError, WeightsMissing
from imgcls.models.weights import download, hosts, network, transfer, transfer_progress
from imgcls.records.weights import LockedFile, WeightsAccess, WeightsLock
from weights_site import COMMIT, Reply, Site

REPO = "timm/resnet18.a1_in1k"


@pytest.fixture(autouse=True)
def _own_caches(no_weights: None) -> None:
    """Empty caches, and no proxies."""


@pytest.fixture
def checkpoints(tmp_path: Path) -> Path:
    """Where torch.hub, and with it torchvision, stores what it downloads."""
    return tmp_path / "torch" / "hub" / "checkpoints"


def _named(body: bytes) -> str:
    return f"resnet-{hashlib.sha256(body).hexdigest()[:8]}.pth"


def _assert_tells_all(error: pytest.ExceptionInfo[WeightsMissing], *parts: object) -> None:
    """One line that holds each of these, and the line for the configuration."""
    text = str(error.value)
    assert "\n" not in text
    assert [part for part in (*parts, 'weights = "/path/to/') if str(part) not in text] == []


# URLs.


def test_url_is_downloaded_once(site: Site, checkpoints: Path) -> None:
    """A URL's file lands where torchvision looks for it, after one request; the second call sends none."""
    name = _named(b"weights")
    site.replies[f"/models/{name}"] = Reply(b"weights")
    first = download.from_url(f"{site.url}/models/{name}")
    second = download.from_url(f"{site.url}/models/{name}")
    assert (first, second) == (checkpoints / name, checkpoints / name)
    assert first.read_bytes() == b"weights"
    assert site.requests == [("GET", f"/models/{name}")]
    assert list(checkpoints.iterdir()) == [first]


def test_cached_url_needs_no_network(closed: str, checkpoints: Path) -> None:
    """A file in torch.hub's cache is used as it is, though its server is not there."""
    checkpoints.mkdir(parents=True)
    (checkpoints / "resnet-00000000.pth").write_bytes(b"cached")
    assert download.from_url(f"{closed}/resnet-00000000.pth").read_bytes() == b"cached"


@pytest.mark.parametrize("ranges", [True, False])
def test_interrupted_download_has_no_name(site: Site, checkpoints: Path, ranges: bool) -> None:
    """A download that breaks off for good is missing, and no file has its name, though that holds no hash."""
    site.replies["/net.pth"] = Reply(b"only this", promised=1000, ranges=ranges)
    with pytest.raises(WeightsMissing, match="the download broke off after 9 of 1000 bytes") as caught:
        download.from_url(f"{site.url}/net.pth")
    assert not (checkpoints / "net.pth").exists()
    _assert_tells_all(caught, "net.pth", f"{site.url}/net.pth", checkpoints / "net.pth")


def test_the_next_download_goes_on(site: Site, checkpoints: Path) -> None:
    """What was received of a download that broke off is not requested again."""
    name = _named(b"weights of a net")
    site.replies[f"/{name}"] = Reply(b"weights of a net", cuts=[5, 0, 99])
    with pytest.raises(WeightsMissing, match="broke off after 5 of 16 bytes"):
        download.from_url(f"{site.url}/{name}")
    assert download.from_url(f"{site.url}/{name}").read_bytes() == b"weights of a net"
    assert site.ranges == [None, "bytes=5-", "bytes=5-"]
    assert list(checkpoints.iterdir()) == [checkpoints / name]


def test_wrong_hash_is_refused(site: Site, checkpoints: Path) -> None:
    """A download whose sha256 does not begin as its name states is not stored."""
    site.replies["/net-00000000.pth"] = Reply(b"weights")
    with pytest.raises(WeightsMissing, match=r"it is another file: its sha256 is [0-9a-f]{64}, and not 00000000"):
        download.from_url(f"{site.url}/net-00000000.pth")
    assert [file for file in checkpoints.rglob("*") if file.is_file() and file.suffix != ".lock"] == []


def test_given_hash_goes_before_the_name(site: Site) -> None:
    """A hash prefix that the caller knows is the one that counts."""
    site.replies["/net.pth"] = Reply(b"weights")
    with pytest.raises(WeightsMissing, match=r"it is another file: its sha256 is [0-9a-f]{64}, and not ffff"):
        download.from_url(f"{site.url}/net.pth", "ffff")


def test_epochs_in_a_name_are_no_hash(site: Site) -> None:
    """Names as timm has them for I-JEPA, ``vit.h.14-300e``, hold no hash, though torch.hub would take it for one."""
    site.replies["/IN1K-vit.h.14-300e.pth.tar"] = Reply(b"weights")
    assert download.from_url(f"{site.url}/IN1K-vit.h.14-300e.pth.tar").read_bytes() == b"weights"


@pytest.mark.parametrize(("status", "reason"), [(404, "Not Found"), (403, "Forbidden"), (503, "Service Unavailable")])
def test_refused_url_is_missing(site: Site, checkpoints: Path, status: int, reason: str) -> None:
    """A refusal is reported with its status; the message has the file, its URL and the place for it."""
    site.replies["/net.pth"] = Reply(status=status, etag=None)
    with pytest.raises(WeightsMissing, match=f"HTTP {status} {reason};") as caught:
        download.from_url(f"{site.url}/net.pth")
    assert len(site.requests) == 1
    _assert_tells_all(caught, "net.pth", f"{site.url}/net.pth", checkpoints / "net.pth")


def test_file_put_by_hand_is_found(closed: str) -> None:
    """A file put where the message points is used the next time."""
    with pytest.raises(WeightsMissing, match="Connection refused") as caught:
        download.from_url(f"{closed}/net.pth")
    place = Path(str(caught.value).partition("put it by hand at ")[2].partition(", or")[0])
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(b"by hand")
    assert download.from_url(f"{closed}/net.pth") == place


def test_tls_failure_is_missing(site: Site) -> None:
    """A server that does not speak TLS where the URL has https is reported as such."""
    with pytest.raises(WeightsMissing, match=r"\[SSL"):
        download.from_url(f"{site.url.replace('http', 'https')}/net.pth")


def test_full_disk_is_missing(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that fills up during a download is reported as such."""
    site.replies["/net.pth"] = Reply(b"weights")

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(transfer, "_write", full)
    with pytest.raises(WeightsMissing, match="No space left on device"):
        download.from_url(f"{site.url}/net.pth")


def test_unusable_cache_is_missing(site: Site, tmp_path: Path) -> None:
    """A cache that cannot be written to is reported as such."""
    site.replies["/net.pth"] = Reply(b"weights")
    (tmp_path / "torch").write_text("a file where a folder should be")
    with pytest.raises(WeightsMissing, match="Not a directory"):
        download.from_url(f"{site.url}/net.pth")


@pytest.mark.slow
def test_silence_ends_after_three_seconds(silent: str) -> None:
    """A server that accepts and never responds is given up after the real limit."""
    with pytest.raises(WeightsMissing, match="no response within 3 s;"):
        download.from_url(f"{silent}/net.pth")


def test_timeouts_of_urllib_read_alike(silent: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A timeout of urllib has the same words as ours."""
    monkeypatch.setattr(network, "RESPONSE_SECONDS", 0.05)
    monkeypatch.setattr(network, "STALL_SECONDS", 0.05)
    monkeypatch.setattr(network, "in_time", lambda request: request())
    with pytest.raises(WeightsMissing, match=r"no response within 0\.05 s;"):
        download.from_url(f"{silent}/net.pth")


def test_hanging_name_lookup_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name server that never responds delays nothing, though look-ups have no timeout."""
    release = threading.Event()

    def hang(*_: object, **__: object) -> None:
        release.wait()
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(hosts, "CONNECT_SECONDS", 0.05)
    monkeypatch.setattr(socket, "getaddrinfo", hang)
    with pytest.raises(WeightsMissing, match=r"no connection to weights\.example within 0\.05 s;"):
        download.from_url("http://weights.example/net.pth")
    release.set()


def test_stalled_download_ends(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A download that stands still after a good first response is given up."""
    monkeypatch.setattr(network, "STALL_SECONDS", 0.05)
    site.replies["/net.pth"] = Reply(b"weights", stall=threading.Event())
    with pytest.raises(WeightsMissing, match=r"the download stood still for 0\.05 s;"):
        download.from_url(f"{site.url}/net.pth")
    site.replies["/net.pth"].stall.set()  # type: ignore[union-attr]  # it is there


def test_url_goes_through_the_proxy(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """With HTTP_PROXY set, each request goes to the proxy; only it knows the host."""
    monkeypatch.setenv("HTTP_PROXY", site.url)
    monkeypatch.setenv("http_proxy", site.url)
    site.replies["http://weights.example/net.pth"] = Reply(b"through the proxy")
    assert download.from_url("http://weights.example/net.pth").read_bytes() == b"through the proxy"
    assert site.requests == [("GET", "http://weights.example/net.pth")]


def test_no_proxy_is_heeded(site: Site, closed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request to a host in NO_PROXY goes there directly."""
    monkeypatch.setenv("http_proxy", closed)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    site.replies["/net.pth"] = Reply(b"direct")
    assert download.from_url(f"{site.url}/net.pth").read_bytes() == b"direct"


# The Hugging Face hub.


def _snapshot(tmp_path: Path, filename: str, commit: str = COMMIT) -> Path:
    return tmp_path / "hub" / f"models--{REPO.replace('/', '--')}" / "snapshots" / commit / filename


def _resolved(site: Site) -> list[tuple[str, str]]:
    return [(method, path.rpartition("/")[2]) for method, path in site.requests if "/resolve/" in path]


def test_hub_file_is_downloaded_once(site: Site, hub_at: Callable[[str], None], tmp_path: Path) -> None:
    """A repository's file lands in the hub's own cache; the second call sends none."""
    site.publish(REPO, "model.safetensors", b"weights")
    hub_at(site.url)
    first = download.from_hub(REPO, "model.safetensors")
    requests = list(site.requests)
    second = download.from_hub(REPO, "model.safetensors")
    assert (first, second) == (_snapshot(tmp_path, "model.safetensors"),) * 2
    assert requests == site.requests
    assert first.read_bytes() == b"weights"


def test_cached_hub_file_needs_no_network(hub_at: Callable[[str], None], closed: str, tmp_path: Path) -> None:
    """A file in the hub's cache is used as it is, though the hub is not there."""
    hub_at(closed)
    place = _snapshot(tmp_path, "model.safetensors")
    place.parent.mkdir(parents=True)
    place.write_bytes(b"cached")
    (tmp_path / "hub" / "models--timm--resnet18.a1_in1k" / "refs").mkdir()
    (tmp_path / "hub" / "models--timm--resnet18.a1_in1k" / "refs" / "main").write_text(COMMIT)
    assert download.from_hub(REPO, "model.safetensors") == place
    with pytest.raises(WeightsMissing, match=f"put it by hand at {_snapshot(tmp_path, 'other.bin')}"):
        download.from_hub(REPO, "other.bin")


def test_an_absent_configuration_is_no_weights_file(hub_at: Callable[[str], None], closed: str) -> None:
    """What to name in place of a configuration is a folder, for ``arch``."""
    hub_at(closed)
    with pytest.raises(WeightsMissing, match=r"put it by hand at .*, or name the folder of a copy in `arch`\Z"):
        download.from_hub("org/net", "config.json")


def test_hub_file_put_by_hand_is_found(hub_at: Callable[[str], None], closed: str, tmp_path: Path) -> None:
    """A file put where the message points is used the next time, in an empty cache as well."""
    hub_at(closed)
    place = _snapshot(tmp_path, "model.safetensors", commit="main")
    with pytest.raises(WeightsMissing, match="Connection refused") as caught:
        download.from_hub(REPO, "model.safetensors")
    _assert_tells_all(caught, "model.safetensors", f"{closed}/{REPO}/resolve/main/model.safetensors", place)
    place.parent.mkdir(parents=True)
    place.write_bytes(b"by hand")
    assert download.from_hub(REPO, "model.safetensors") == place


@pytest.mark.parametrize(
    ("status", "word", "text"),
    [
        (403, "GatedRepo", "HTTP 403 GatedRepo, accept its terms on its page and log in with `hf auth login`;"),
        (401, "RepoNotFound", "HTTP 401 RepoNotFound, it does not exist or is private;"),
        (404, "RevisionNotFound", "HTTP 404 RevisionNotFound;"),
        (500, "", "HTTP 500 Internal Server Error;"),
        (429, "", "HTTP 429 Too Many Requests;"),
    ],
)
def test_hub_refusal_is_final(site: Site, hub_at: Callable[[str], None], status: int, word: str, text: str) -> None:
    """What the hub refuses for another reason than the file's name is reported after one request."""
    hub_at(site.url)
    headers = {"X-Error-Code": word} if word else {}
    site.replies[f"/{REPO}/resolve/main/model.safetensors"] = Reply(status=status, headers=headers, etag=None)
    with pytest.raises(WeightsMissing, match=text) as caught:
        download.from_timm({"hf_hub_id": REPO})
    assert _resolved(site) == [("HEAD", "model.safetensors")]
    _assert_tells_all(caught, f"{site.url}/{REPO}/resolve/main/model.safetensors")


def test_silent_hub_is_given_up(hub_at: Callable[[str], None], silent: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hub that accepts and never responds gets one request, for one file, and is given up."""
    hub_at(silent)
    monkeypatch.setattr(network, "RESPONSE_SECONDS", 0.05)
    with pytest.raises(WeightsMissing, match=r"model\.safetensors from .*: no response within 0\.05 s;"):
        download.from_timm({"hf_hub_id": REPO})


def test_timeouts_of_the_hub_client_read_alike(
    hub_at: Callable[[str], None], silent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A timeout of the hub's HTTP client has the same words as ours."""
    hub_at(silent)
    monkeypatch.setattr(network, "RESPONSE_SECONDS", 0.05)
    monkeypatch.setattr(network, "in_time", lambda request: request())
    with pytest.raises(WeightsMissing, match=r"no response within 0\.05 s;"):
        download.from_hub(REPO, "model.safetensors")


def test_interrupted_hub_download_leaves_nothing(
    site: Site, hub_at: Callable[[str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hub download that breaks off for good is missing, and no file stands in the cache under its own name."""
    monkeypatch.setattr("time.sleep", lambda _: None)  # huggingface_hub waits between its five attempts
    site.publish(REPO, "model.safetensors", b"")
    site.replies[f"/{REPO}/resolve/main/model.safetensors"].promised = 1000
    hub_at(site.url)
    with pytest.raises(WeightsMissing, match="peer closed connection"):
        download.from_hub(REPO, "model.safetensors")
    blobs = [path for path in (tmp_path / "hub").rglob("*") if path.is_file() and "blobs" in path.parts]
    assert [path for path in blobs if path.suffix != ".incomplete"] == []
    assert not _snapshot(tmp_path, "model.safetensors").exists()


def test_hub_goes_through_the_proxy(site: Site, hub_at: Callable[[str], None], monkeypatch: pytest.MonkeyPatch) -> None:
    """With HTTP_PROXY set, requests to the hub go through the proxy; only it knows the host."""
    monkeypatch.setenv("HTTP_PROXY", site.url)
    monkeypatch.setenv("http_proxy", site.url)
    site.publish(REPO, "model.safetensors", b"through the proxy")
    site.replies = {f"http://hub.example{path}": reply for path, reply in site.replies.items()}
    hub_at("http://hub.example")
    assert download.from_hub(REPO, "model.safetensors").read_bytes() == b"through the proxy"
    assert ("HEAD", "model.safetensors") in _resolved(site)


def test_impossible_repository_is_missing() -> None:
    """A name that no repository can have is reported as such."""
    with pytest.raises(WeightsMissing, match="'timm/res net' cannot be a Hugging Face repository: "):
        download.from_hub("timm/res net", "model.safetensors")


@pytest.mark.slow
def test_hub_variables_count(site: Site, closed: str, tmp_path: Path) -> None:
    """HF_ENDPOINT and HF_HOME state where a new process fetches from and stores it; HF_HUB_OFFLINE forbids it."""
    site.publish(REPO, "model.safetensors", b"weights")
    program = f"from imgcls.models.weights import download; print(download.from_timm({{'hf_hub_id': {REPO!r}}}))"
    home = {"HF_HOME": str(tmp_path / "home")}
    online = _python(program, home | {"HF_ENDPOINT": site.url})
    cached = _python(program, home | {"HF_ENDPOINT": closed, "HF_HUB_OFFLINE": "1"})
    empty = _python(program, {"HF_HOME": str(tmp_path / "empty"), "HF_ENDPOINT": site.url, "HF_HUB_OFFLINE": "1"})
    assert Path(online.stdout.strip()).is_relative_to(tmp_path / "home")
    assert online.stdout == cached.stdout
    assert "cannot get model.safetensors: offline, and it is not at" in empty.stderr.splitlines()[-1]


def _python(program: str, variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "HUGGINGFACE"))}
    return subprocess.run(
        [sys.executable, "-c", program],
        env=inherited | variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


# timm.


def test_timm_takes_safetensors_first(site: Site, hub_at: Callable[[str], None]) -> None:
    """Of the two files that a timm repository may hold, the one without code is taken."""
    site.publish(REPO, "pytorch_model.bin", b"pickle")
    site.publish(REPO, "model.safetensors", b"safe")
    hub_at(site.url)
    assert download.from_timm({"hf_hub_id": REPO, "url": "http://unused.example"}).read_bytes() == b"safe"


@pytest.mark.parametrize("headers", [{"X-Error-Code": "EntryNotFound"}, {}], ids=["hub", "mirror"])
def test_timm_falls_back_to_the_older_file(site: Site, hub_at: Callable[[str], None], headers: dict[str, str]) -> None:
    """A repository without ``model.safetensors``, on the hub or a plain mirror, gives ``pytorch_model.bin``."""
    site.publish(REPO, "pytorch_model.bin", b"pickle")
    site.replies[f"/{REPO}/resolve/main/model.safetensors"] = Reply(status=404, headers=headers, etag=None)
    hub_at(site.url)
    assert download.from_timm({"hf_hub_id": REPO}).read_bytes() == b"pickle"
    assert _resolved(site)[:2] == [("HEAD", "model.safetensors"), ("HEAD", "pytorch_model.bin")]


def test_timm_takes_the_cached_file(hub_at: Callable[[str], None], closed: str, tmp_path: Path) -> None:
    """Where only the older file is in the cache, it is used without a request for the newer one."""
    hub_at(closed)
    place = _snapshot(tmp_path, "pytorch_model.bin", commit="main")
    place.parent.mkdir(parents=True)
    place.write_bytes(b"cached")
    assert download.from_timm({"hf_hub_id": REPO}) == place


def test_timm_repository_without_weights(site: Site, hub_at: Callable[[str], None]) -> None:
    """A repository with neither file is missing; the message names both."""
    hub_at(site.url)
    with pytest.raises(WeightsMissing, match=r"get model\.safetensors .*HTTP 404.*nor is there pytorch_model\.bin"):
        download.from_timm({"hf_hub_id": REPO})


def test_timm_names_file_and_revision(site: Site, hub_at: Callable[[str], None]) -> None:
    """A cfg's own file name and the revision after ``@`` are requested, and nothing else."""
    site.publish(REPO, "eva.pt", b"eva")
    site.replies = {path.replace("main", "v1"): reply for path, reply in site.replies.items()}
    hub_at(site.url)
    cfg = {"hf_hub_id": f"{REPO}@v1", "hf_hub_filename": "eva.pt"}
    assert download.from_timm(cfg).read_bytes() == b"eva"
    assert {path for _, path in _resolved(site)} == {"eva.pt"}


def test_timm_without_repository_takes_the_url(site: Site, checkpoints: Path) -> None:
    """A cfg that has only a URL is fetched from there."""
    site.replies["/gcvit.pth"] = Reply(b"weights")
    assert download.from_timm({"url": f"{site.url}/gcvit.pth", "hf_hub_id": None}) == checkpoints / "gcvit.pth"


def test_timm_takes_a_local_file_first(tmp_path: Path) -> None:
    """A cfg with a local file means that file."""
    assert download.from_timm({"file": str(tmp_path / "a.pth"), "hf_hub_id": REPO}) == tmp_path / "a.pth"


def test_timm_tag_without_weights() -> None:
    """A tag that nothing is published for is named."""
    cfg = {"architecture": "resnet18", "tag": "untrained", "url": "", "hf_hub_id": None}
    with pytest.raises(WeightsMissing, match=r"no published weights for this tag: timm:resnet18\.untrained;"):
        download.from_timm(cfg)


def test_timm_foreign_format_is_refused() -> None:
    """A tag published only in a format that its model's code must convert is refused by name."""
    cfg = {"architecture": "vit_tiny", "tag": "jax", "url": "https://example.org/a.npz", "custom_load": True}
    with pytest.raises(ModelError, match=r"the weights of timm:vit_tiny\.jax are in a format of their own \(\.npz\)"):
        download.from_timm(cfg)


# Locks, offline machines and mirrors.

SHA = hashlib.sha256(b"weights").hexdigest()


def _access(tmp_path: Path, *files: LockedFile, offline: bool = False) -> WeightsAccess:
    return WeightsAccess("net", WeightsLock(tmp_path / "imgcls.lock", files), offline)


def _locked(url: str, sha256: str = SHA, path: Path | None = None) -> LockedFile:
    return LockedFile("net.pth", sha256, 7, url=url, path=path, models=("net",))


def test_an_unlisted_file_is_not_loaded(site: Site, tmp_path: Path, checkpoints: Path) -> None:
    """With a lock, a published file that it does not list is refused, in the cache or not, and nothing is requested."""
    checkpoints.mkdir(parents=True)
    (checkpoints / "net.pth").write_bytes(b"weights")
    message = r"net\.pth from http://.* is not in .*imgcls\.lock, .*; `imgcls weights lock --models net` lists it"
    with pytest.raises(ConfigError, match=message):
        download.from_url(f"{site.url}/net.pth", access=_access(tmp_path))
    assert site.requests == []


@pytest.mark.parametrize("where", ["folder", "cache", "site"])
def test_a_listed_file_is_loaded_from_wherever_it_is(site: Site, tmp_path: Path, checkpoints: Path, where: str) -> None:
    """The lock's folder goes before the cache, and that before the network; the hash must agree everywhere."""
    url = f"{site.url}/net.pth"
    places = {"folder": tmp_path / "carried" / "net.pth", "cache": checkpoints / "net.pth"}
    site.replies["/net.pth"] = Reply(b"weights")
    if where in places:
        places[where].parent.mkdir(parents=True)
        places[where].write_bytes(b"weights")
    access = _access(tmp_path, _locked(url, path=places["folder"]))
    assert download.from_url(url, access=access) == places.get(where, places["cache"])
    assert len(site.requests) == (where == "site")


@pytest.mark.parametrize("where", ["folder", "cache"])
def test_a_file_that_is_not_the_listed_one_is_refused(tmp_path: Path, checkpoints: Path, where: str) -> None:
    """Other bytes under a listed name are an error that names both hashes, and are never replaced silently."""
    place = {"folder": tmp_path / "carried" / "net.pth", "cache": checkpoints / "net.pth"}[where]
    place.parent.mkdir(parents=True)
    place.write_bytes(b"changed")
    access = _access(tmp_path, _locked("http://weights.example/net.pth", path=tmp_path / "carried" / "net.pth"))
    with pytest.raises(ModelError, match=f"{place} is not the file that the lock lists: .* and not {SHA}"):
        download.from_url("http://weights.example/net.pth", access=access)
    assert place.read_bytes() == b"changed"


def test_a_site_with_another_file_than_the_listed_one(site: Site, tmp_path: Path, checkpoints: Path) -> None:
    """What the lock lists is what a download must be, though its name holds no hash."""
    site.replies["/net.pth"] = Reply(b"changed")
    with pytest.raises(WeightsMissing, match=f"it is another file: .* and not {SHA};"):
        download.from_url(f"{site.url}/net.pth", access=_access(tmp_path, _locked(f"{site.url}/net.pth")))
    assert not (checkpoints / "net.pth").exists()


def test_a_hub_file_is_taken_at_the_locked_commit(site: Site, hub_at: Callable[[str], None], tmp_path: Path) -> None:
    """A branch that has moved on does not matter."""
    site.publish(REPO, "model.safetensors", b"weights")
    site.replies[f"/{REPO}/resolve/main/model.safetensors"] = Reply(b"moved on", headers={"X-Repo-Commit": "f" * 40})
    hub_at(site.url)
    entry = LockedFile("model.safetensors", SHA, 7, repository=REPO, commit=COMMIT)
    assert download.from_hub(REPO, "model.safetensors", access=_access(tmp_path, entry)) == _snapshot(
        tmp_path, "model.safetensors"
    )


def test_of_two_files_the_listed_one_is_taken(tmp_path: Path) -> None:
    """timm's older file is taken without a request for the newer one where the lock lists only that."""
    (tmp_path / "carried").mkdir()
    (tmp_path / "carried" / "pytorch_model.bin").write_bytes(b"weights")
    entry = LockedFile(
        "pytorch_model.bin", SHA, 7, repository=REPO, commit=COMMIT, path=tmp_path / "carried" / "pytorch_model.bin"
    )
    assert download.from_timm({"hf_hub_id": REPO}, _access(tmp_path, entry)) == entry.path


@pytest.mark.parametrize("how", ["option", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"])
def test_offline_nothing_is_requested(
    site: Site, tmp_path: Path, checkpoints: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """One line states the file, every place where it was looked for, and the command that fetches it elsewhere."""
    if how != "option":
        monkeypatch.setenv(how, "1")
    entry = _locked(f"{site.url}/net.pth", path=tmp_path / "carried" / "net.pth")
    with pytest.raises(WeightsMissing) as caught:
        download.from_url(f"{site.url}/net.pth", access=_access(tmp_path, entry, offline=how == "option"))
    assert str(caught.value) == (
        f"cannot get net.pth: offline, and it is neither at {entry.path} nor at {checkpoints / 'net.pth'}; on a "
        "machine with a network, `imgcls weights fetch --models net --to weights` fetches it into a folder that you "
        "carry here together with imgcls.lock"
    )
    assert site.requests == []


@pytest.mark.parametrize("slash", ["", "/"])
def test_a_mirror_has_every_file_below_its_host(site: Site, monkeypatch: pytest.MonkeyPatch, slash: str) -> None:
    """``MIRROR/HOST/PATH`` is requested, and nothing else; the hash in the name still counts."""
    monkeypatch.setenv("IMGCLS_WEIGHTS_MIRROR", f"{site.url}/mirror{slash}")
    name = _named(b"weights")
    site.replies[f"/mirror/weights.example/models/{name}"] = Reply(b"weights")
    assert download.from_url(f"https://weights.example/models/{name}?download=1").read_bytes() == b"weights"
    with pytest.raises(WeightsMissing, match=f"from {site.url}/mirror/weights.example/other.pth: HTTP 404 Not Found;"):
        download.from_url("https://weights.example/other.pth")


def test_a_mirror_has_the_files_of_the_hub(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They land where the hub's own library finds them, and the user's token is not sent there."""
    monkeypatch.setenv("IMGCLS_WEIGHTS_MIRROR", site.url)
    monkeypatch.setenv("HF_TOKEN", "secret")
    site.replies[f"/huggingface.co/{REPO}/resolve/main/pytorch_model.bin"] = Reply(b"weights")
    assert download.from_timm({"hf_hub_id": REPO}) == _snapshot(tmp_path, "pytorch_model.bin", commit="main")
    assert site.tokens == [None, None]


@pytest.mark.parametrize("quiet", [False, True])
def test_progress_can_be_hidden(
    site: Site, hub_at: Callable[[str], None], monkeypatch: pytest.MonkeyPatch, *, quiet: bool
) -> None:
    """As with ``-q``: of our own downloads and of those of the hub's library."""
    shown: list[str] = []
    real = transfer_progress.shown

    def noted(name: str) -> object:
        shown.append(name)
        return real(name)

    monkeypatch.setattr(transfer_progress, "shown", noted)
    site.replies["/net.pth"] = Reply(b"weights")
    site.publish(REPO, "model.safetensors", b"weights")
    hub_at(site.url)
    access = WeightsAccess(quiet=quiet)
    assert download.from_url(f"{site.url}/net.pth", access=access).is_file()
    assert download.from_hub(REPO, "model.safetensors", access=access).is_file()
    assert shown == ([] if quiet else ["net.pth"])
