"""imgcls.weights: files are read without running code, and what is not to be had is said at once, in one line."""

import argparse
import errno
import hashlib
import io
import os
import pickle
import random
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import huggingface_hub
import pytest
import torch
from huggingface_hub import constants
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from safetensors.torch import save, save_file

from imgcls import weights
from imgcls.errors import ModelError, WeightsMissing

COMMIT = "0123456789abcdef0123456789abcdef01234567"
REPO = "timm/resnet18.a1_in1k"
STATE = {"fc.weight": torch.arange(6.0).reshape(2, 3), "bn.num_batches_tracked": torch.tensor(7)}


def _same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


class Harmful:
    """Its pickle creates a file when it is loaded by an unpickler that runs code."""

    def __init__(self, witness: Path) -> None:
        self.witness = witness

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return os.mkdir, (str(self.witness),)


# Reading.


def test_safetensors_are_read(tmp_path: Path) -> None:
    """A safetensors file gives back the tensors it was written from."""
    save_file(STATE, tmp_path / "a.safetensors")
    assert _same(STATE, weights.read(tmp_path / "a.safetensors"))


def test_safetensors_are_views_that_never_write_back(tmp_path: Path) -> None:
    """Changing a tensor that was read leaves the file as it was."""
    file = tmp_path / "a.safetensors"
    save_file(STATE, file)
    before = file.read_bytes()
    weights.read(file)["fc.weight"].add_(1)
    assert before == file.read_bytes()


@pytest.mark.parametrize("suffix", [".pth", ".pt", ".bin", ".pth.tar"])
def test_checkpoints_are_read(tmp_path: Path, suffix: str) -> None:
    """A state dict saved by torch is read whatever its suffix."""
    torch.save(STATE, tmp_path / f"a{suffix}")
    assert _same(STATE, weights.read(tmp_path / f"a{suffix}"))


def test_old_checkpoints_are_read(tmp_path: Path) -> None:
    """The format that torch wrote before 1.6, which older published files still have, is read too."""
    torch.save(STATE, tmp_path / "a.pth", _use_new_zipfile_serialization=False)
    assert _same(STATE, weights.read(tmp_path / "a.pth"))


@pytest.mark.parametrize("key", ["state_dict", "model", "model_state_dict"])
def test_training_checkpoints_are_unwrapped(tmp_path: Path, key: str) -> None:
    """What training scripts save around a state dict, arguments and a stray tensor included, is left aside."""
    around = {"epoch": 3, "optimizer": {"lr": 0.1}, "args": argparse.Namespace(lr=0.1), "best_acc1": torch.tensor(0.7)}
    torch.save({key: STATE, **around}, tmp_path / "a.pth")
    assert _same(STATE, weights.read(tmp_path / "a.pth"))


@pytest.mark.parametrize(("key", "average"), [("state_dict", "state_dict_ema"), ("model", "model_ema")])
def test_averaged_weights_are_not_preferred(tmp_path: Path, key: str, average: str) -> None:
    """Where a checkpoint holds plain and averaged weights, the plain ones are read."""
    torch.save({average: {"fc.weight": torch.zeros(2, 3)}, key: STATE}, tmp_path / "a.pth")
    assert _same(STATE, weights.read(tmp_path / "a.pth"))


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ({"state_dict_ema": STATE, "epoch": 1}, "averaged weights alone, as state_dict_ema"),
        ({"state_dict": STATE, "model": STATE}, "it holds several: state_dict, model"),
        ({"epoch": 1}, "its 'epoch' is no dense tensor but a int"),
        ({**STATE, "sparse": torch.eye(2).to_sparse()}, "its 'sparse' is no dense tensor but a Tensor"),
        ({0: torch.zeros(1)}, "its 0 is no dense tensor"),
        ([torch.zeros(1)], "it holds a list"),
        (torch.zeros(1), "it holds a Tensor"),
        ({}, "it is empty"),
    ],
)
def test_other_contents_are_refused(tmp_path: Path, content: object, why: str) -> None:
    """Something that is no state dict, or not clearly one, is refused with what it is."""
    torch.save(content, tmp_path / "a.pth")
    with pytest.raises(ModelError, match=rf"a\.pth holds no state dict to load: .*{why}.*re-save .* as safetensors"):
        weights.read(tmp_path / "a.pth")


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module."])
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_wrapping_prefixes_are_removed(tmp_path: Path, prefix: str, suffix: str) -> None:
    """The names that DistributedDataParallel and torch.compile give are those of the bare model again."""
    wrapped = {prefix + name: tensor for name, tensor in STATE.items()}
    torch.save(wrapped, tmp_path / "a.pth")
    save_file(wrapped, tmp_path / "a.safetensors")
    assert _same(STATE, weights.read(tmp_path / f"a{suffix}"))


def test_submodules_keep_their_names(tmp_path: Path) -> None:
    """A submodule that happens to be called ``module`` is not taken for a wrapper."""
    state = {"module.weight": torch.zeros(1), "fc.weight": torch.ones(1)}
    torch.save(state, tmp_path / "a.pth")
    assert _same(state, weights.read(tmp_path / "a.pth"))


@pytest.mark.parametrize("zipped", [True, False])
def test_code_is_never_run(tmp_path: Path, zipped: bool) -> None:
    """A checkpoint that would run code is refused by name, with advice that is safe, and nothing is run."""
    witness = tmp_path / "witness"
    torch.save({"fc": Harmful(witness)}, tmp_path / "a.pth", _use_new_zipfile_serialization=zipped)
    with pytest.raises(ModelError, match=r"would run (posix|nt)\.mkdir.*re-save .* as safetensors$") as caught:
        weights.read(tmp_path / "a.pth")
    assert not witness.exists()
    assert "weights_only" not in str(caught.value)


def test_the_harmful_pickle_does_harm(tmp_path: Path) -> None:
    """The pickle that the test above refuses does run code where an unpickler lets it."""
    pickle.loads(pickle.dumps(Harmful(tmp_path / "witness")))  # noqa: S301 - the point of it
    assert (tmp_path / "witness").exists()


@pytest.mark.parametrize("name", ["a.safetensors", "a.pth"])
@pytest.mark.parametrize("cut", [0, 5, 60, -1])
def test_truncated_files_are_refused(tmp_path: Path, name: str, cut: int) -> None:
    """A file that was cut off anywhere is refused in one line that says so."""
    written = io.BytesIO()
    torch.save(STATE, written)
    whole = {"a.safetensors": save(STATE), "a.pth": written.getvalue()}[name]
    (tmp_path / name).write_bytes(whole[:cut])
    with pytest.raises(ModelError, match=r"\A.*was cut off .*again.*\Z"):
        weights.read(tmp_path / name)


@pytest.mark.parametrize("seed", range(20))
def test_damaged_files_raise_nothing_else(tmp_path: Path, seed: int) -> None:
    """Bytes flipped in a checkpoint's structure give a state dict or a :class:`ModelError`, nothing else."""
    written = io.BytesIO()
    torch.save(STATE, written, _use_new_zipfile_serialization=bool(seed % 2))
    chance = random.Random(seed)  # noqa: S311 - no secret
    for _ in range(30):
        damaged = bytearray(written.getvalue())
        for _ in range(3):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        (tmp_path / "a.pth").write_bytes(damaged)
        with suppress(ModelError):
            weights.read(tmp_path / "a.pth")


@pytest.mark.parametrize("name", ["a.safetensors", "a.pth"])
def test_other_files_are_refused(tmp_path: Path, name: str) -> None:
    """A web page saved under a weights file's name is refused."""
    (tmp_path / name).write_text("<!doctype html><html>Sign in</html>" * 9)
    with pytest.raises(ModelError, match=r"a\.(safetensors|pth) is no .* was cut off"):
        weights.read(tmp_path / name)


@pytest.mark.parametrize("place", ["absent.safetensors", "."])
def test_absent_files_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    """Where there is no file, or a folder, the message says the whole path that was tried."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(WeightsMissing, match=rf"no weights file at {tmp_path}"):
        weights.read(Path(place))


def test_unreadable_files_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that the system does not let us read is missing, with the system's reason."""
    (tmp_path / "a.pth").write_bytes(b"")

    def denied(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(torch, "load", denied)
    with pytest.raises(WeightsMissing, match=r"cannot read the weights file .*a\.pth: Permission denied"):
        weights.read(tmp_path / "a.pth")


def test_real_weights_are_read(shared_data: Path) -> None:
    """The real state dicts have the names and the number of parameters of their architectures."""
    squeezenet = weights.read(shared_data / "weights" / "squeezenet1_0.deep_compression_in1k.safetensors")
    mobilenet = weights.read(shared_data / "weights" / "mobilenetv2_100.tf_qat_in1k.safetensors")
    assert sum(tensor.numel() for tensor in squeezenet.values()) == 1_248_424
    assert mobilenet["classifier.weight"].shape == (1000, 1280)


# Fingerprints.


def test_pinned_file_passes(tmp_path: Path) -> None:
    """A file whose sha256 is the pinned one is let through, whichever case the pin is written in."""
    (tmp_path / "a.pth").write_bytes(b"abc")
    weights.check_pin(tmp_path / "a.pth", hashlib.sha256(b"abc").hexdigest().upper())


def test_other_file_than_pinned_is_refused(tmp_path: Path) -> None:
    """A file whose sha256 is another than the pinned one is refused, and both are named."""
    (tmp_path / "a.pth").write_bytes(b"abc")
    with pytest.raises(ModelError, match=rf"a\.pth .*{hashlib.sha256(b'abc').hexdigest()}.*{'0' * 64}"):
        weights.check_pin(tmp_path / "a.pth", "0" * 64)


def test_absent_pinned_file_is_missing(tmp_path: Path) -> None:
    """A pin on a file that is not there says that it is not there."""
    with pytest.raises(WeightsMissing, match=r"no weights file at .*absent\.pth"):
        weights.check_pin(tmp_path / "absent.pth", "0" * 64)


def test_state_digest_is_pinned() -> None:
    """The digest of a state dict is stored in keys, so its definition never changes."""
    hand = hashlib.sha256()
    hand.update(b'["a", "int16", [2]]\x01\x00\x02\x00')
    hand.update(b'["b", "bool", []]\x01')
    state = {"b": torch.tensor(True), "a": torch.tensor([1, 2], dtype=torch.int16)}
    assert hand.hexdigest() == weights.state_sha256(state)


@given(hnp.arrays("float32", hnp.array_shapes(min_dims=2, max_dims=4, min_side=0)))
def test_state_digest_ignores_layout(array: object) -> None:
    """The same values give the same digest whatever their strides and offset in memory."""
    tensor = torch.tensor(array)
    elsewhere = torch.cat([torch.ones(1), tensor.flatten()])[1:].view(tensor.shape)
    strided = tensor.mT.contiguous().mT
    digests = {weights.state_sha256({"x": each}) for each in (tensor, elsewhere, strided)}
    assert len(digests) == 1


@given(st.permutations(list(STATE)))
def test_state_digest_ignores_order(names: list[str]) -> None:
    """The order in which a state dict was filled does not matter."""
    assert weights.state_sha256(STATE) == weights.state_sha256({name: STATE[name] for name in names})


def test_state_digest_sees_everything_else() -> None:
    """Name, dtype, shape and each value count, and so does the split between neighbours."""
    base = torch.zeros(2, 3)
    states = [
        {"x": base},
        {"y": base},
        {"x": base.to(torch.int32)},
        {"x": base.reshape(3, 2)},
        {"x": base + torch.eye(3)[:2]},
        {"x": -base},
        {"x": base[:1], "y": base[1:]},
        {"x": base, "y": torch.zeros(0)},
        {},
    ]
    assert len(states) == len({weights.state_sha256(state) for state in states})


@pytest.mark.parametrize(
    "dtype",
    [torch.bfloat16, torch.float16, torch.float64, torch.complex64, torch.bool, torch.uint8, torch.float8_e4m3fn],
)
def test_state_digest_takes_every_dtype(dtype: torch.dtype) -> None:
    """Types that NumPy does not know are hashed by their bytes as well."""
    ones, zeros = torch.ones(3).to(dtype), torch.zeros(3).to(dtype)
    assert weights.state_sha256({"x": ones}) != weights.state_sha256({"x": zeros})


def test_state_digest_takes_slices() -> None:
    """A tensor that skips values of its storage, or repeats one, is hashed by what it shows."""
    skipping, repeating = torch.arange(6.0)[::2], torch.ones(1).expand(3)
    assert weights.state_sha256({"x": skipping}) == weights.state_sha256({"x": torch.tensor([0.0, 2.0, 4.0])})
    assert weights.state_sha256({"x": repeating}) == weights.state_sha256({"x": torch.ones(3)})


def test_state_digest_takes_parameters() -> None:
    """Tensors that require gradients are hashed by their values."""
    assert weights.state_sha256({"x": torch.nn.Parameter(torch.ones(2))}) == weights.state_sha256({"x": torch.ones(2)})


def test_state_digest_of_a_file_is_that_of_the_model(tmp_path: Path) -> None:
    """A model, its safetensors file and its checkpoint have one and the same digest."""
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4)).to(memory_format=torch.channels_last)
    state = model.state_dict()
    torch.save(state, tmp_path / "a.pth")
    save_file({name: tensor.contiguous() for name, tensor in state.items()}, tmp_path / "a.safetensors")
    read = [weights.state_sha256(weights.read(tmp_path / name)) for name in ("a.pth", "a.safetensors")]
    assert read == [weights.state_sha256(state)] * 2


# Published weights, against servers on this machine.


@dataclass
class Reply:
    """What a server says for one path: the body may be shorter than it promises, or ``Range`` be unknown to it."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    promised: int | None = None
    ranges: bool = True


class Site(ThreadingHTTPServer):
    """A web server, a Hugging Face hub or a proxy; ``asked`` lists what it was asked for, one (method, path) each."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.replies: dict[str, Reply] = {}
        self.asked: list[tuple[str, str]] = []
        self.url = f"http://127.0.0.1:{self.server_port}"

    def publish(self, repo: str, filename: str, body: bytes) -> None:
        """Put a file into a hub repository."""
        headers = {"ETag": f'"{hashlib.sha256(body).hexdigest()}"', "X-Repo-Commit": COMMIT}
        self.replies[f"/{repo}/resolve/main/{filename}"] = Reply(body, headers=headers)


class _Handler(BaseHTTPRequestHandler):
    server: Site

    def do_GET(self) -> None:
        self.server.asked.append((self.command, self.path))
        reply = self.server.replies.get(self.path) or Reply(status=404, headers=self._not_found())
        ranged = reply.ranges and reply.status == 200 and self.headers["Range"] == "bytes=0-0"
        length = len(reply.body) if reply.promised is None else reply.promised
        self.send_response(206 if ranged else reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if ranged:
            self.send_header("Content-Range", f"bytes 0-0/{length}")
        self.send_header("Content-Length", str(1 if ranged else length))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(reply.body[:1] if ranged else reply.body)

    do_HEAD = do_GET  # noqa: N815 - the base class looks for this name

    def _not_found(self) -> dict[str, str]:
        return {"X-Error-Code": "EntryNotFound"} if "/resolve/" in self.path else {}

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Keep the test's output for the test."""


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def _own_caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Empty caches, no proxies, and clients that read the proxies anew."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_TELEMETRY", True)  # it asks the hub for more than files
    monkeypatch.setattr(urllib.request, "_opener", None)
    huggingface_hub.close_session()


@pytest.fixture
def checkpoints(tmp_path: Path) -> Path:
    """Where torch.hub, and with it torchvision, keeps what it downloads."""
    return tmp_path / "torch" / "hub" / "checkpoints"


@pytest.fixture
def closed() -> Iterator[str]:
    """The URL of a port that is taken and listens to nobody."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"


@pytest.fixture
def silent() -> Iterator[str]:
    """The URL of a server that accepts connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


@pytest.fixture
def hub_at(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Point huggingface_hub, which reads HF_ENDPOINT when it is imported, at a URL."""

    def point(url: str) -> None:
        monkeypatch.setattr(constants, "ENDPOINT", url)
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", url + "/{repo_id}/resolve/{revision}/{filename}")

    return point


def _named(body: bytes) -> str:
    return f"resnet-{hashlib.sha256(body).hexdigest()[:8]}.pth"


def _assert_tells_all(error: pytest.ExceptionInfo[WeightsMissing], *parts: object) -> None:
    """One line that holds each of these, and the line for the configuration."""
    told = str(error.value)
    assert "\n" not in told
    assert [part for part in (*parts, 'weights = "/path/to/') if str(part) not in told] == []


def test_url_is_downloaded_once(site: Site, checkpoints: Path) -> None:
    """A URL's file lands where torchvision looks for it, after one small request; the second call asks nobody."""
    name = _named(b"weights")
    site.replies[f"/models/{name}"] = Reply(b"weights")
    first = weights.from_url(f"{site.url}/models/{name}")
    second = weights.from_url(f"{site.url}/models/{name}")
    assert (first, second) == (checkpoints / name, checkpoints / name)
    assert first.read_bytes() == b"weights"
    assert site.asked == [("GET", f"/models/{name}")] * 2
    assert list(checkpoints.iterdir()) == [first]


def test_cached_url_needs_no_network(closed: str, checkpoints: Path) -> None:
    """A file in torch.hub's cache is used as it is, though its server is not there."""
    checkpoints.mkdir(parents=True)
    (checkpoints / "resnet-00000000.pth").write_bytes(b"kept")
    assert weights.from_url(f"{closed}/resnet-00000000.pth").read_bytes() == b"kept"


@pytest.mark.parametrize("ranges", [True, False])
def test_interrupted_download_leaves_nothing(site: Site, checkpoints: Path, ranges: bool) -> None:
    """A download that breaks off is missing and leaves no file, though its name holds no hash."""
    site.replies["/net.pth"] = Reply(b"only this", promised=1000, ranges=ranges)
    with pytest.raises(WeightsMissing, match="the download broke off after 9 of 1000 bytes") as caught:
        weights.from_url(f"{site.url}/net.pth")
    assert list(checkpoints.iterdir()) == []
    _assert_tells_all(caught, "net.pth", f"{site.url}/net.pth", checkpoints / "net.pth")


def test_wrong_hash_is_refused(site: Site, checkpoints: Path) -> None:
    """A download whose sha256 does not begin as its name says is not kept."""
    site.replies["/net-00000000.pth"] = Reply(b"weights")
    with pytest.raises(WeightsMissing, match=r'invalid hash value \(expected "00000000"'):
        weights.from_url(f"{site.url}/net-00000000.pth")
    assert list(checkpoints.iterdir()) == []


def test_given_hash_goes_before_the_name(site: Site) -> None:
    """A hash prefix that the caller knows is the one that counts."""
    site.replies["/net.pth"] = Reply(b"weights")
    with pytest.raises(WeightsMissing, match=r'invalid hash value \(expected "ffff"'):
        weights.from_url(f"{site.url}/net.pth", "ffff")


def test_epochs_in_a_name_are_no_hash(site: Site) -> None:
    """Names as timm has them for I-JEPA, ``vit.h.14-300e``, hold no hash, though torch.hub would take it for one."""
    site.replies["/IN1K-vit.h.14-300e.pth.tar"] = Reply(b"weights")
    assert weights.from_url(f"{site.url}/IN1K-vit.h.14-300e.pth.tar").read_bytes() == b"weights"


@pytest.mark.parametrize(("status", "reason"), [(404, "Not Found"), (403, "Forbidden"), (503, "Service Unavailable")])
def test_refused_url_is_missing(site: Site, checkpoints: Path, status: int, reason: str) -> None:
    """A refusal is told with its status; the message has the file, its URL and the place for it."""
    site.replies["/net.pth"] = Reply(status=status)
    with pytest.raises(WeightsMissing, match=f"HTTP {status} {reason};") as caught:
        weights.from_url(f"{site.url}/net.pth")
    assert len(site.asked) == 1
    _assert_tells_all(caught, "net.pth", f"{site.url}/net.pth", checkpoints / "net.pth")


def test_file_put_by_hand_is_found(closed: str) -> None:
    """A file put where the message says is found the next time."""
    with pytest.raises(WeightsMissing, match="Connection refused") as caught:
        weights.from_url(f"{closed}/net.pth")
    place = Path(str(caught.value).partition("put it by hand at ")[2].partition(", or")[0])
    place.parent.mkdir(parents=True)
    place.write_bytes(b"by hand")
    assert weights.from_url(f"{closed}/net.pth") == place


def test_tls_failure_is_missing(site: Site) -> None:
    """A server that does not speak TLS where the URL says https is told as such."""
    with pytest.raises(WeightsMissing, match=r"\[SSL"):
        weights.from_url(f"{site.url.replace('http', 'https')}/net.pth")


def test_full_disk_is_missing(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that fills up during a download is told as such."""
    site.replies["/net.pth"] = Reply(b"weights")

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(torch.hub, "download_url_to_file", full)
    with pytest.raises(WeightsMissing, match="No space left on device"):
        weights.from_url(f"{site.url}/net.pth")


def test_unusable_cache_is_missing(site: Site, tmp_path: Path) -> None:
    """A cache that cannot be written to is told as such."""
    site.replies["/net.pth"] = Reply(b"weights")
    (tmp_path / "torch").write_text("a file where a folder should be")
    with pytest.raises(WeightsMissing, match="Not a directory"):
        weights.from_url(f"{site.url}/net.pth")


def test_silence_ends_after_three_seconds(silent: str) -> None:
    """A server that accepts and never answers is given up after the real limit."""
    with pytest.raises(WeightsMissing, match="no answer within 3 s;"):
        weights.from_url(f"{silent}/net.pth")


def test_timeouts_of_urllib_read_alike(silent: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where urllib loses patience first, the same words are told as where we do."""
    monkeypatch.setattr(weights, "ANSWER_SECONDS", 0.05)
    monkeypatch.setattr(weights, "_answer", lambda ask: ask())
    with pytest.raises(WeightsMissing, match=r"no answer within 0\.05 s;"):
        weights.from_url(f"{silent}/net.pth")


def test_hanging_name_lookup_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name server that never answers holds nobody up, though look-ups know no timeout."""
    release = threading.Event()

    def hang(*_: object, **__: object) -> None:
        release.wait()
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(weights, "ANSWER_SECONDS", 0.05)
    monkeypatch.setattr(socket, "getaddrinfo", hang)
    with pytest.raises(WeightsMissing, match=r"no answer within 0\.05 s;"):
        weights.from_url("http://weights.example/net.pth")
    release.set()


def test_stalled_download_ends(monkeypatch: pytest.MonkeyPatch, silent: str) -> None:
    """A download that stands still after a good first answer is given up; the process's own timeout is back after."""
    monkeypatch.setattr(weights, "STALL_SECONDS", 0.05)
    monkeypatch.setattr(weights, "_size_of", lambda _: 1000)
    with pytest.raises(WeightsMissing, match=r"no answer within 0\.05 s;"):
        weights.from_url(f"{silent}/net.pth")
    assert socket.getdefaulttimeout() is None


def test_url_goes_through_the_proxy(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """With HTTP_PROXY set, each request goes to the proxy, which alone knows the host."""
    monkeypatch.setenv("HTTP_PROXY", site.url)
    monkeypatch.setenv("http_proxy", site.url)
    site.replies["http://weights.example/net.pth"] = Reply(b"through the proxy")
    assert weights.from_url("http://weights.example/net.pth").read_bytes() == b"through the proxy"
    assert site.asked == [("GET", "http://weights.example/net.pth")] * 2


def test_no_proxy_is_heeded(site: Site, closed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host in NO_PROXY is asked directly."""
    monkeypatch.setenv("http_proxy", closed)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    site.replies["/net.pth"] = Reply(b"direct")
    assert weights.from_url(f"{site.url}/net.pth").read_bytes() == b"direct"


# The Hugging Face hub.


def _snapshot(tmp_path: Path, filename: str, commit: str = COMMIT) -> Path:
    return tmp_path / "hub" / f"models--{REPO.replace('/', '--')}" / "snapshots" / commit / filename


def _resolved(site: Site) -> list[tuple[str, str]]:
    return [(method, path.rpartition("/")[2]) for method, path in site.asked if "/resolve/" in path]


def test_hub_file_is_downloaded_once(site: Site, hub_at: Callable[[str], None], tmp_path: Path) -> None:
    """A repository's file lands in the hub's own cache; the second call asks nobody."""
    site.publish(REPO, "model.safetensors", save(STATE))
    hub_at(site.url)
    first = weights.from_hub(REPO, "model.safetensors")
    asked = list(site.asked)
    second = weights.from_hub(REPO, "model.safetensors")
    assert (first, second) == (_snapshot(tmp_path, "model.safetensors"),) * 2
    assert asked == site.asked
    assert _same(STATE, weights.read(first))


def test_cached_hub_file_needs_no_network(hub_at: Callable[[str], None], closed: str, tmp_path: Path) -> None:
    """A file in the hub's cache is used as it is, though the hub is not there."""
    hub_at(closed)
    place = _snapshot(tmp_path, "model.safetensors")
    place.parent.mkdir(parents=True)
    place.write_bytes(b"kept")
    (tmp_path / "hub" / "models--timm--resnet18.a1_in1k" / "refs").mkdir()
    (tmp_path / "hub" / "models--timm--resnet18.a1_in1k" / "refs" / "main").write_text(COMMIT)
    assert weights.from_hub(REPO, "model.safetensors") == place
    with pytest.raises(WeightsMissing, match=f"put it by hand at {_snapshot(tmp_path, 'other.bin')}"):
        weights.from_hub(REPO, "other.bin")


def test_hub_file_put_by_hand_is_found(hub_at: Callable[[str], None], closed: str, tmp_path: Path) -> None:
    """A file put where the message says is found the next time, in an empty cache as well."""
    hub_at(closed)
    place = _snapshot(tmp_path, "model.safetensors", commit="main")
    with pytest.raises(WeightsMissing, match="Connection refused") as caught:
        weights.from_hub(REPO, "model.safetensors")
    _assert_tells_all(caught, "model.safetensors", f"{closed}/{REPO}/resolve/main/model.safetensors", place)
    place.parent.mkdir(parents=True)
    place.write_bytes(b"by hand")
    assert weights.from_hub(REPO, "model.safetensors") == place


@pytest.mark.parametrize(
    ("status", "word", "told"),
    [
        (403, "GatedRepo", "HTTP 403 GatedRepo, accept its terms on its page and log in with `hf auth login`;"),
        (401, "RepoNotFound", "HTTP 401 RepoNotFound, it does not exist or is private;"),
        (404, "RevisionNotFound", "HTTP 404 RevisionNotFound;"),
        (500, "", "HTTP 500 Internal Server Error;"),
        (429, "", "HTTP 429 Too Many Requests;"),
    ],
)
def test_hub_refusal_is_final(site: Site, hub_at: Callable[[str], None], status: int, word: str, told: str) -> None:
    """What the hub refuses for another reason than the file's name is told after one request."""
    hub_at(site.url)
    headers = {"X-Error-Code": word} if word else {}
    site.replies[f"/{REPO}/resolve/main/model.safetensors"] = Reply(status=status, headers=headers)
    with pytest.raises(WeightsMissing, match=told) as caught:
        weights.from_timm({"hf_hub_id": REPO})
    assert _resolved(site) == [("HEAD", "model.safetensors")]
    _assert_tells_all(caught, f"{site.url}/{REPO}/resolve/main/model.safetensors")


def test_silent_hub_is_given_up(hub_at: Callable[[str], None], silent: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hub that accepts and never answers is asked once, for one file, and given up."""
    hub_at(silent)
    monkeypatch.setattr(weights, "ANSWER_SECONDS", 0.05)
    with pytest.raises(WeightsMissing, match=r"model\.safetensors from .*: no answer within 0\.05 s;"):
        weights.from_timm({"hf_hub_id": REPO})


def test_timeouts_of_the_hub_client_read_alike(
    hub_at: Callable[[str], None], silent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the hub's HTTP client loses patience first, the same words are told as where we do."""
    hub_at(silent)
    monkeypatch.setattr(weights, "ANSWER_SECONDS", 0.05)
    monkeypatch.setattr(weights, "_answer", lambda ask: ask())
    with pytest.raises(WeightsMissing, match=r"no answer within 0\.05 s;"):
        weights.from_hub(REPO, "model.safetensors")


def test_interrupted_hub_download_leaves_nothing(
    site: Site, hub_at: Callable[[str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hub download that breaks off for good is missing, and no file stands in the cache."""
    monkeypatch.setattr("time.sleep", lambda _: None)  # huggingface_hub waits between its five attempts
    site.publish(REPO, "model.safetensors", b"")
    site.replies[f"/{REPO}/resolve/main/model.safetensors"].promised = 1000
    hub_at(site.url)
    with pytest.raises(WeightsMissing, match="peer closed connection"):
        weights.from_hub(REPO, "model.safetensors")
    assert [path for path in (tmp_path / "hub").rglob("*") if path.stat().st_size == 0 and "blobs" in path.parts] == []
    assert not _snapshot(tmp_path, "model.safetensors").exists()


def test_hub_goes_through_the_proxy(site: Site, hub_at: Callable[[str], None], monkeypatch: pytest.MonkeyPatch) -> None:
    """With HTTP_PROXY set, the hub is asked through the proxy, which alone knows the host."""
    monkeypatch.setenv("HTTP_PROXY", site.url)
    monkeypatch.setenv("http_proxy", site.url)
    site.publish(REPO, "model.safetensors", b"through the proxy")
    site.replies = {f"http://hub.example{path}": reply for path, reply in site.replies.items()}
    hub_at("http://hub.example")
    assert weights.from_hub(REPO, "model.safetensors").read_bytes() == b"through the proxy"
    assert ("HEAD", "model.safetensors") in _resolved(site)


def test_impossible_repository_is_missing() -> None:
    """A name that no repository can have is told as such."""
    with pytest.raises(WeightsMissing, match="'timm/res net' cannot be a Hugging Face repository: "):
        weights.from_hub("timm/res net", "model.safetensors")


def test_hub_variables_are_heeded(site: Site, closed: str, tmp_path: Path) -> None:
    """HF_ENDPOINT and HF_HOME say where a fresh process fetches from and keeps it; HF_HUB_OFFLINE that it must not."""
    site.publish(REPO, "model.safetensors", save(STATE))
    program = f"from imgcls import weights; print(weights.from_timm({{'hf_hub_id': {REPO!r}}}))"
    home = {"HF_HOME": str(tmp_path / "home")}
    online = _python(program, home | {"HF_ENDPOINT": site.url})
    cached = _python(program, home | {"HF_ENDPOINT": closed, "HF_HUB_OFFLINE": "1"})
    empty = _python(program, {"HF_HOME": str(tmp_path / "empty"), "HF_ENDPOINT": site.url, "HF_HUB_OFFLINE": "1"})
    assert Path(online.stdout.strip()).is_relative_to(tmp_path / "home")
    assert online.stdout == cached.stdout
    assert "offline mode is enabled" in empty.stderr.splitlines()[-1]


def _python(program: str, variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "HUGGINGFACE"))}
    return subprocess.run(
        [sys.executable, "-c", program], env=kept | variables, capture_output=True, text=True, check=False, timeout=120
    )


# timm.


def test_timm_takes_safetensors_first(site: Site, hub_at: Callable[[str], None]) -> None:
    """Of the two files that a timm repository may hold, the one without code is taken."""
    site.publish(REPO, "pytorch_model.bin", b"pickle")
    site.publish(REPO, "model.safetensors", b"safe")
    hub_at(site.url)
    assert weights.from_timm({"hf_hub_id": REPO, "url": "http://unused.example"}).read_bytes() == b"safe"


@pytest.mark.parametrize("headers", [{"X-Error-Code": "EntryNotFound"}, {}], ids=["hub", "mirror"])
def test_timm_falls_back_to_the_older_file(site: Site, hub_at: Callable[[str], None], headers: dict[str, str]) -> None:
    """A repository without ``model.safetensors``, on the hub or a plain mirror, gives ``pytorch_model.bin``."""
    site.publish(REPO, "pytorch_model.bin", b"pickle")
    site.replies[f"/{REPO}/resolve/main/model.safetensors"] = Reply(status=404, headers=headers)
    hub_at(site.url)
    assert weights.from_timm({"hf_hub_id": REPO}).read_bytes() == b"pickle"
    assert _resolved(site)[:2] == [("HEAD", "model.safetensors"), ("HEAD", "pytorch_model.bin")]


def test_timm_takes_the_cached_file(hub_at: Callable[[str], None], closed: str, tmp_path: Path) -> None:
    """Where only the older file is in the cache, it is used without asking for the newer one."""
    hub_at(closed)
    place = _snapshot(tmp_path, "pytorch_model.bin", commit="main")
    place.parent.mkdir(parents=True)
    place.write_bytes(b"kept")
    assert weights.from_timm({"hf_hub_id": REPO}) == place


def test_timm_repository_without_weights(site: Site, hub_at: Callable[[str], None]) -> None:
    """A repository with neither file is missing; the message names both."""
    hub_at(site.url)
    with pytest.raises(WeightsMissing, match=r"get model\.safetensors .*HTTP 404.*nor is there pytorch_model\.bin"):
        weights.from_timm({"hf_hub_id": REPO})


def test_timm_names_file_and_revision(site: Site, hub_at: Callable[[str], None]) -> None:
    """A cfg's own file name and the revision after ``@`` are what is asked for, and nothing else."""
    site.publish(REPO, "eva.pt", b"eva")
    site.replies = {path.replace("main", "v1"): reply for path, reply in site.replies.items()}
    hub_at(site.url)
    cfg = {"hf_hub_id": f"{REPO}@v1", "hf_hub_filename": "eva.pt"}
    assert weights.from_timm(cfg).read_bytes() == b"eva"
    assert {path for _, path in _resolved(site)} == {"eva.pt"}


def test_timm_without_repository_takes_the_url(site: Site, checkpoints: Path) -> None:
    """A cfg that has a URL alone is fetched from there."""
    site.replies["/gcvit.pth"] = Reply(b"weights")
    assert weights.from_timm({"url": f"{site.url}/gcvit.pth", "hf_hub_id": None}) == checkpoints / "gcvit.pth"


def test_timm_takes_a_local_file_first(tmp_path: Path) -> None:
    """A cfg with a local file means that file."""
    assert weights.from_timm({"file": str(tmp_path / "a.pth"), "hf_hub_id": REPO}) == tmp_path / "a.pth"


def test_timm_tag_without_weights() -> None:
    """A tag that nothing is published for is named."""
    cfg = {"architecture": "resnet18", "tag": "untrained", "url": "", "hf_hub_id": None}
    with pytest.raises(WeightsMissing, match=r"no published weights for this tag: timm:resnet18\.untrained;"):
        weights.from_timm(cfg)


def test_timm_foreign_format_is_refused() -> None:
    """A tag published only in a format that its model's code must convert is refused by name."""
    cfg = {"architecture": "vit_tiny", "tag": "jax", "url": "https://example.org/a.npz", "custom_load": True}
    with pytest.raises(ModelError, match=r"the weights of timm:vit_tiny\.jax are in a format of their own \(\.npz\)"):
        weights.from_timm(cfg)
