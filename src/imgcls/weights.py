"""Where a state dict comes from: a file, or published weights in the libraries' own caches.

Nothing here runs code from a weights file, and nothing waits long for a network that does not answer.
"""

from __future__ import annotations

import argparse
import hashlib
import http.client
import json
import pickle
import re
import socket
import struct
import tempfile
import threading
import urllib.error
import warnings
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from imgcls import digest
from imgcls.errors import ModelError, WeightsMissing

if TYPE_CHECKING:
    import torch

T = TypeVar("T")

ANSWER_SECONDS = 3.0
"""A server that has sent nothing by then, name look-up and redirects included, is not to be had."""

STALL_SECONDS = 30.0
"""A running download that stands still for so long is given up."""

_WRAPPERS = ("state_dict", "model", "model_state_dict")  # timm and Lightning, torchvision, the PyTorch tutorials
_AVERAGES = ("state_dict_ema", "model_ema")  # timm, torchvision
_PREFIXES = ("module.", "_orig_mod.")  # DistributedDataParallel, torch.compile
_TIMM_FILES = ("model.safetensors", "pytorch_model.bin")  # the order timm tries them in

_HUB_ADVICE = {
    "GatedRepo": "accept its terms on its page and log in with `hf auth login`",
    "RepoNotFound": "it does not exist or is private; in that case log in with `hf auth login`",
}

# torch.hub takes any run of these characters for a hash, "600e" of "vit.16-600e.pth" too, though it documents eight.
_HASH = re.compile(r"-([a-f0-9]{8,})\.")

# All that torch.load(weights_only=True) was seen to raise on random, cut and flipped bytes.
_DAMAGED = (
    pickle.UnpicklingError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    OverflowError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
)


class _NotPublished(WeightsMissing):
    """The server knows no such file."""


# Reading a file.


def read(path: Path) -> dict[str, torch.Tensor]:
    """The state dict in a ``.safetensors`` file or a PyTorch checkpoint (any other suffix), on the CPU.

    A checkpoint that keeps it under ``state_dict``, ``model`` or ``model_state_dict`` is unwrapped;
    averaged weights beside it (``state_dict_ema``, ``model_ema``) are never taken instead. The prefixes
    ``module.`` and ``_orig_mod.`` go where all names have them. Tensors of a safetensors file are
    private views of the mapped file: they cost its size once, and the file must not be rewritten in
    place while they live.

    Raises :class:`WeightsMissing` where there is no readable file, :class:`ModelError` where it holds no state dict
    or something that would have to be run.
    """
    if not path.is_file():
        raise _no_file(path)
    try:
        loaded = _read_safetensors(path) if path.suffix.lower() == ".safetensors" else _read_checkpoint(path)
    except OSError as error:
        raise WeightsMissing(f"cannot read the weights file {path}: {error.strerror or error}") from error
    return _without_prefixes(_state_dict(loaded, path))


def check_pin(path: Path, sha256: str) -> None:
    """Raise :class:`ModelError` where a file is not the pinned one, :class:`WeightsMissing` where there is none."""
    if not path.is_file():
        raise _no_file(path)
    seen = digest.file_sha256(path)
    if seen != sha256.lower():
        raise ModelError(
            f"{path} is not the pinned file: its sha256 is {seen}, the configuration pins {sha256}; "
            "fetch the right file, or correct sha256"
        )


def state_sha256(state: Mapping[str, torch.Tensor]) -> str:
    """The sha256 of a state dict: names in order, each with dtype, shape and its values' bytes.

    The same values give the same digest whatever file, order or memory layout they come from. Bytes
    are taken as they lie in memory, little-endian on the machines that PyTorch runs on.
    """
    import torch

    total = hashlib.sha256()
    for name, tensor in sorted(state.items()):
        head = [name, str(tensor.dtype).removeprefix("torch."), list(tensor.shape)]
        total.update(json.dumps(head).encode("ascii"))
        flat = tensor.detach().cpu().contiguous().reshape(-1)
        total.update(flat.view(torch.uint8).numpy().data)
    return total.hexdigest()


def _no_file(path: Path) -> WeightsMissing:
    return WeightsMissing(
        f"no weights file at {path.absolute()}; put it there, or correct `weights` in the configuration"
    )


def _read_safetensors(path: Path) -> dict[str, torch.Tensor]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping, it only has keys()
    except SafetensorError as error:
        raise ModelError(
            f"{path} is no safetensors file, or was cut off ({_one_line(error)}); fetch or save it again"
        ) from error


def _read_checkpoint(path: Path) -> Any:
    import torch

    # A Namespace only holds values, and the training scripts of timm and torchvision save one beside the weights.
    with warnings.catch_warnings(), torch.serialization.safe_globals([argparse.Namespace]):
        warnings.simplefilter("ignore", UserWarning)  # of unusual pickle protocols: they are read or they are refused
        try:
            return torch.load(path, map_location="cpu", weights_only=True)
        except _DAMAGED as error:
            raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> ModelError:
    """What to say of a checkpoint; torch's own text would advise to run what is in it."""
    code = re.search(r"GLOBAL (\S+)", str(error))
    if code:
        return ModelError(
            f"{path} is refused: loading it would run {code[1]}, and weights are read without running code; "
            "re-save its state dict as safetensors"
        )
    return ModelError(
        f"{path} is no PyTorch checkpoint of tensors, or was cut off ({type(error).__name__}); "
        "fetch it again, or re-save its state dict as safetensors"
    )


def _state_dict(loaded: Any, path: Path) -> Mapping[str, torch.Tensor]:
    if not isinstance(loaded, Mapping):
        raise _no_state_dict(path, f"it holds a {type(loaded).__name__}")
    wrapped = [key for key in _WRAPPERS if isinstance(loaded.get(key), Mapping)]
    if len(wrapped) > 1:
        raise _no_state_dict(path, f"it holds several: {', '.join(wrapped)}")
    averages = [key for key in _AVERAGES if isinstance(loaded.get(key), Mapping)]
    if averages and not wrapped:
        raise _no_state_dict(path, f"it holds averaged weights alone, as {averages[0]}")
    return _tensors(loaded[wrapped[0]] if wrapped else loaded, path)


def _tensors(state: Mapping[Any, Any], path: Path) -> Mapping[str, torch.Tensor]:
    odd = next((name for name, value in state.items() if not (isinstance(name, str) and _is_dense(value))), None)
    if odd is not None:
        raise _no_state_dict(path, f"its {odd!r} is no dense tensor but a {type(state[odd]).__name__}")
    if not state:
        raise _no_state_dict(path, "it is empty")
    return state


def _is_dense(value: object) -> bool:
    import torch

    if not isinstance(value, torch.Tensor):
        return False
    return value.layout is torch.strided and not value.is_quantized and value.device.type == "cpu"


def _no_state_dict(path: Path, why: str) -> ModelError:
    return ModelError(f"{path} holds no state dict to load: {why}; re-save the model's state_dict() as safetensors")


def _without_prefixes(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Names as the bare model has them. A prefix that only some names have is a submodule's own name."""
    for prefix in _PREFIXES:
        if all(name.startswith(prefix) for name in state):
            return _without_prefixes({name.removeprefix(prefix): tensor for name, tensor in state.items()})
    return dict(state)


# Published weights.


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A published file: its name, the URL it comes from and its place in the library's cache."""

    name: str
    url: str
    place: Path

    def missing(self, why: str) -> str:
        return (
            f"cannot get {self.name} from {self.url}: {why}; put it by hand at {self.place}, "
            f'or name a copy in the configuration: weights = "/path/to/{PurePosixPath(self.name).name}"'
        )


def from_url(url: str, hash_prefix: str | None = None) -> Path:
    """The file of a URL in ``torch.hub``'s cache, where torchvision keeps it; downloaded where it is not there.

    ``hash_prefix`` is what the sha256 of a download must begin with; by default what the file name
    says (``resnet50-11ad3fa6.pth``). Raises :class:`WeightsMissing`.
    """
    import torch.hub

    name = PurePosixPath(urlsplit(url).path).name
    wanted = _Wanted(name, url, Path(torch.hub.get_dir()) / "checkpoints" / name)
    if wanted.place.is_file():
        return wanted.place
    with _or_missing(wanted, ANSWER_SECONDS):
        size = _answer(lambda: _size_of(url))
    with _or_missing(wanted, STALL_SECONDS):
        _download(wanted, size, hash_prefix or _hash_in(name))
    return wanted.place


def from_hub(repo: str, filename: str, revision: str | None = None) -> Path:
    """A file of a Hugging Face repository in the hub's own cache; downloaded where it is not there.

    ``HF_HOME``, ``HF_ENDPOINT``, ``HF_HUB_OFFLINE`` and the user's token are heeded as everywhere in
    ``huggingface_hub``. Raises :class:`WeightsMissing`.
    """
    from huggingface_hub import constants, get_hf_file_metadata, hf_hub_download, hf_hub_url

    cached = _in_hub_cache(repo, filename, revision)
    if cached is not None:
        return cached
    url = hf_hub_url(repo, filename, revision=revision)
    wanted = _Wanted(filename, url, _hub_place(repo, filename, revision))
    with _or_missing(wanted, ANSWER_SECONDS):  # hf_hub_download alone would retry for half a minute
        _answer(lambda: get_hf_file_metadata(url, timeout=ANSWER_SECONDS))
    with _or_missing(wanted, constants.HF_HUB_DOWNLOAD_TIMEOUT):
        return Path(hf_hub_download(repo, filename, revision=revision, etag_timeout=ANSWER_SECONDS))


def from_timm(cfg: Mapping[str, Any]) -> Path:
    """The weights file of a timm ``pretrained_cfg``: its local file, its hub repository, or its URL, in timm's order.

    In a repository ``model.safetensors`` goes before ``pytorch_model.bin``, unless the cfg names a file.
    Raises :class:`WeightsMissing` where nothing is published or to be had, :class:`ModelError` for
    foreign formats that only a model's own code can read.
    """
    tag = ".".join(part for part in (cfg.get("architecture"), cfg.get("tag")) if part)
    if cfg.get("custom_load") and not cfg.get("hf_hub_id"):
        raise ModelError(
            f"the weights of timm:{tag} are in a format of their own (.npz); choose another tag of this model"
        )
    if cfg.get("file"):
        return Path(cfg["file"])
    if cfg.get("hf_hub_id"):
        named = cfg.get("hf_hub_filename")
        return _first_in_hub(cfg["hf_hub_id"], (named,) if named else _TIMM_FILES)
    if cfg.get("url"):
        return from_url(cfg["url"])
    raise WeightsMissing(
        f"no published weights for this tag: timm:{tag}; choose a tag that has some (timm.list_pretrained()), "
        'or give a file: weights = "/path/to/file.safetensors"'
    )


def _first_in_hub(hub_id: str, names: tuple[str, ...]) -> Path:
    """The first of these files that is in the cache, else the first that the repository has."""
    repo, _, revision = hub_id.partition("@")
    for name in names:
        cached = _in_hub_cache(repo, name, revision or None)
        if cached is not None:
            return cached
    absent = []
    for name in names:
        try:
            return from_hub(repo, name, revision or None)
        except _NotPublished as error:
            absent.append(error)
    raise WeightsMissing("; nor is there ".join([str(absent[0]), *names[1:]]))


def _in_hub_cache(repo: str, filename: str, revision: str | None) -> Path | None:
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        found = try_to_load_from_cache(repo, filename, revision=revision)
    except HFValidationError as error:
        raise WeightsMissing(f"{repo!r} cannot be a Hugging Face repository: {_one_line(error)}") from error
    return Path(found) if isinstance(found, str) else None


def _hub_place(repo: str, filename: str, revision: str | None) -> Path:
    """Where ``try_to_load_from_cache`` would find the file."""
    from huggingface_hub import constants
    from huggingface_hub.file_download import repo_folder_name

    folder = Path(constants.HF_HUB_CACHE) / repo_folder_name(repo_id=repo, repo_type="model")
    ref = folder / "refs" / (revision or constants.DEFAULT_REVISION)
    commit = ref.read_text() if ref.is_file() else ref.name
    return folder / "snapshots" / commit / filename


def _hash_in(name: str) -> str | None:
    found = _HASH.search(name)
    return found[1] if found else None


def _size_of(url: str) -> int | None:
    """Ask for a file's first byte, as the downloader will ask for all, and return its size in bytes if it is told.

    Not by HEAD: addresses that are signed for GET refuse it.
    """
    request = Request(url, headers={"User-Agent": "torch.hub", "Range": "bytes=0-0"})  # noqa: S310 - as torch.hub does
    try:
        with urlopen(request, timeout=ANSWER_SECONDS) as answer:  # noqa: S310 - as torch.hub does
            size = answer.headers.get("Content-Range", answer.headers.get("Content-Length", "")).rpartition("/")[2]
    except urllib.error.HTTPError as refusal:
        refusal.close()  # it would keep the connection
        raise
    return int(size) if size.isdecimal() else None


def _download(wanted: _Wanted, size: int | None, hash_prefix: str | None) -> None:
    """Fetch into the cache with torch's downloader; a file cut short never gets its final name.

    The downloader takes the end of a connection for the end of the file, hence the look at its size.
    """
    import torch.hub

    wanted.place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=wanted.place.parent, prefix=".imgcls-") as folder, _stalls_end():
        part = Path(folder) / wanted.name
        torch.hub.download_url_to_file(wanted.url, str(part), hash_prefix, progress=True)
        if size is not None and part.stat().st_size != size:
            raise OSError(f"the download broke off after {part.stat().st_size} of {size} bytes")
        part.replace(wanted.place)


@contextmanager
def _stalls_end() -> Iterator[None]:
    """Give new sockets a timeout for a while: torch's downloader sets none and would wait for ever."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(STALL_SECONDS)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _answer(ask: Callable[[], T]) -> T:
    """What ``ask`` returns or raises, or :class:`TimeoutError` after ``ANSWER_SECONDS`` in all.

    In a daemon thread, because name look-ups obey no timeout and must not hold up the end of the process either.
    """
    future: Future[T] = Future()

    def work() -> None:
        try:
            future.set_result(ask())
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that waits
            future.set_exception(error)

    threading.Thread(target=work, daemon=True).start()
    return future.result(timeout=ANSWER_SECONDS)


# Why a file is not to be had.


@contextmanager
def _or_missing(wanted: _Wanted, patience_s: float) -> Iterator[None]:
    """Turn what the network stack raises into one line of :class:`WeightsMissing`."""
    try:
        yield
    except _network_errors() as error:
        kind = _NotPublished if _refusal(error) in {(404, ""), (404, "EntryNotFound")} else WeightsMissing
        raise kind(wanted.missing(_why(error, patience_s))) from error


def _network_errors() -> tuple[type[Exception], ...]:
    """What urllib, the hub's HTTP client, the downloaders (RuntimeError) and an unusable proxy setting raise."""
    from huggingface_hub.errors import HfHubHTTPError

    http_error = HfHubHTTPError.__bases__[0]  # of httpx in huggingface_hub 1, of httpx2 in 2
    return (OSError, http.client.HTTPException, http_error, RuntimeError, ValueError, ImportError)


def _why(error: BaseException, patience_s: float) -> str:
    causes = list(_causes(error))
    for refusal in filter(None, map(_refusal, causes)):
        return _refused(*refusal)
    if any(isinstance(cause, TimeoutError) for cause in causes):
        return f"no answer within {patience_s:g} s"
    return _one_line(error if isinstance(error, ImportError) else causes[-1])


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _refusal(error: BaseException) -> tuple[int, str] | None:
    """HTTP status and, from the hub, its word for the reason."""
    if isinstance(error, urllib.error.HTTPError):
        return error.code, ""
    response = getattr(error, "response", None)
    return None if response is None else (response.status_code, response.headers.get("X-Error-Code", ""))


def _refused(status: int, word: str) -> str:
    said = f"HTTP {status} {word or http.client.responses.get(status, '')}".rstrip()
    return f"{said}, {_HUB_ADVICE[word]}" if word in _HUB_ADVICE else said


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__
