"""Published weights: in the libraries' own caches, or fetched there by the libraries' own downloaders.

Nothing here waits long for a server that does not respond.
"""

from __future__ import annotations

import http.client
import re
import socket
import tempfile
import threading
import urllib.error
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from imgcls.errors import ModelError, WeightsMissing
from imgcls.messages import one_line

T = TypeVar("T")


RESPONSE_SECONDS = 3.0  # docs/decisions.md#download-timeouts
"""A server that has sent nothing by then, name look-up and redirects included, is not available."""


STALL_SECONDS = 30.0  # docs/decisions.md#download-timeouts
"""A download that stands still for this long is given up."""


_TIMM_FILES = ("model.safetensors", "pytorch_model.bin")  # the order timm tries them in

_HUB_ADVICE = {
    "GatedRepo": "accept its terms on its page and log in with `hf auth login`",
    "RepoNotFound": "it does not exist or is private; in that case log in with `hf auth login`",
}

# torch.hub takes any run of these characters for a hash, "600e" of "vit.16-600e.pth" too, though it documents eight.
_HASH = re.compile(r"-([a-f0-9]{8,})\.")


class _NotPublished(WeightsMissing):
    """The server has no such file."""


@dataclass(frozen=True, slots=True)
class _PublishedFile:
    """A published file: its name, the URL it comes from and its path in the library's cache."""

    name: str
    url: str
    path: Path

    def missing(self, why: str) -> str:
        name = PurePosixPath(self.name).name
        copy = f'name a copy in the configuration: weights = "/path/to/{name}"'
        if name.endswith(".json"):  # it states the architecture
            copy = "name the folder of a copy in `arch`"
        return f"cannot get {self.name} from {self.url}: {why}; put it by hand at {self.path}, or {copy}"


def from_url(url: str, hash_prefix: str | None = None) -> Path:
    """The file of a URL in ``torch.hub``'s cache, where torchvision stores it; downloaded where it is not there.

    ``hash_prefix`` is what the sha256 of a download must begin with; by default what the file name
    states (``resnet50-11ad3fa6.pth``). Raises :class:`WeightsMissing`.
    """
    import torch.hub

    name = PurePosixPath(urlsplit(url).path).name
    file = _PublishedFile(name, url, Path(torch.hub.get_dir()) / "checkpoints" / name)
    if file.path.is_file():
        return file.path
    with _or_missing(file, RESPONSE_SECONDS):
        size = _in_time(lambda: _size_of(url))
    with _or_missing(file, STALL_SECONDS):
        _download(file, size, hash_prefix or _hash_in(name))
    return file.path


def from_hub(repo: str, filename: str, revision: str | None = None) -> Path:
    """A file of a Hugging Face repository in the hub's own cache; downloaded where it is not there.

    ``HF_HOME``, ``HF_ENDPOINT``, ``HF_HUB_OFFLINE`` and the user's token count as everywhere in
    ``huggingface_hub``. Raises :class:`WeightsMissing`.
    """
    from huggingface_hub import constants, get_hf_file_metadata, hf_hub_download, hf_hub_url

    cached = _in_hub_cache(repo, filename, revision)
    if cached is not None:
        return cached
    url = hf_hub_url(repo, filename, revision=revision)
    file = _PublishedFile(filename, url, _hub_path(repo, filename, revision))
    with _or_missing(file, RESPONSE_SECONDS):  # hf_hub_download by itself would retry for half a minute
        _in_time(lambda: get_hf_file_metadata(url, timeout=RESPONSE_SECONDS, retry_on_errors=False))
    with _or_missing(file, constants.HF_HUB_DOWNLOAD_TIMEOUT):
        return Path(hf_hub_download(repo, filename, revision=revision, etag_timeout=RESPONSE_SECONDS))


def from_timm(cfg: Mapping[str, Any]) -> Path:
    """The weights file of a timm ``pretrained_cfg``: its local file, its hub repository, or its URL, in timm's order.

    In a repository ``model.safetensors`` goes before ``pytorch_model.bin``, unless the cfg names a file.
    Raises :class:`WeightsMissing` where nothing is published or available, :class:`ModelError` for
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
        cached = try_to_load_from_cache(repo, filename, revision=revision)
    except HFValidationError as error:
        raise WeightsMissing(f"{repo!r} cannot be a Hugging Face repository: {one_line(error)}") from error
    return Path(cached) if isinstance(cached, str) else None


def _hub_path(repo: str, filename: str, revision: str | None) -> Path:
    """Where ``try_to_load_from_cache`` would find the file."""
    from huggingface_hub import constants
    from huggingface_hub.file_download import repo_folder_name

    folder = Path(constants.HF_HUB_CACHE) / repo_folder_name(repo_id=repo, repo_type="model")
    ref = folder / "refs" / (revision or constants.DEFAULT_REVISION)
    commit = ref.read_text() if ref.is_file() else ref.name
    return folder / "snapshots" / commit / filename


def _hash_in(name: str) -> str | None:
    match = _HASH.search(name)
    return match[1] if match else None


def _size_of(url: str) -> int | None:
    """The size of a file in bytes, None where the server does not state it, from a request for its first byte.

    A request as the downloader's own. Not HEAD: addresses that are signed for GET refuse it.
    """
    request = Request(url, headers={"User-Agent": "torch.hub", "Range": "bytes=0-0"})  # noqa: S310 - as torch.hub does
    try:
        with urlopen(request, timeout=RESPONSE_SECONDS) as response:  # noqa: S310 - as torch.hub does
            size = response.headers.get("Content-Range", response.headers.get("Content-Length", "")).rpartition("/")[2]
    except urllib.error.HTTPError as refusal:
        refusal.close()  # else the connection stays open
        raise
    return int(size) if size.isdecimal() else None


def _download(file: _PublishedFile, size: int | None, hash_prefix: str | None) -> None:
    """Fetch into the cache with torch's downloader; a file cut short never gets its final name.

    The downloader takes the end of a connection for the end of the file, hence the look at its size.
    """
    import torch.hub

    file.path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=file.path.parent, prefix=".imgcls-") as folder, stalls_end():
        part = Path(folder) / file.name
        torch.hub.download_url_to_file(file.url, str(part), hash_prefix, progress=True)
        if size is not None and part.stat().st_size != size:
            raise OSError(f"the download broke off after {part.stat().st_size} of {size} bytes")
        part.replace(file.path)


@contextmanager
def stalls_end() -> Iterator[None]:
    """New sockets have a timeout in this context: torch's downloader sets none and would wait for ever."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(STALL_SECONDS)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _in_time(request: Callable[[], T]) -> T:
    """What ``request`` returns or raises, or :class:`TimeoutError` after ``RESPONSE_SECONDS`` in all.

    In a daemon thread, because name look-ups obey no timeout and must not hold up the end of the process either.
    """
    future: Future[T] = Future()

    def work() -> None:
        try:
            future.set_result(request())
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that waits
            future.set_exception(error)

    threading.Thread(target=work, daemon=True).start()
    return future.result(timeout=RESPONSE_SECONDS)


@contextmanager
def _or_missing(file: _PublishedFile, timeout_s: float) -> Iterator[None]:
    """Turn what the network stack raises into one line of :class:`WeightsMissing`."""
    try:
        yield
    except _network_errors() as error:
        kind = _NotPublished if _refusal(error) in {(404, ""), (404, "EntryNotFound")} else WeightsMissing
        raise kind(file.missing(_why(error, timeout_s))) from error


def _network_errors() -> tuple[type[Exception], ...]:
    """What urllib, the hub's HTTP client, the downloaders (RuntimeError) and an unusable proxy setting raise."""
    from huggingface_hub.errors import HfHubHTTPError

    http_error = HfHubHTTPError.__bases__[0]  # of httpx in huggingface_hub 1, of httpx2 in 2
    return (OSError, http.client.HTTPException, http_error, RuntimeError, ValueError, ImportError)


def _why(error: BaseException, timeout_s: float) -> str:
    causes = list(_causes(error))
    for refusal in filter(None, map(_refusal, causes)):
        return _refused(*refusal)
    if any(isinstance(cause, TimeoutError) for cause in causes):
        return f"no response within {timeout_s:g} s"
    return one_line(error if isinstance(error, ImportError) else causes[-1])


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
    text = f"HTTP {status} {word or http.client.responses.get(status, '')}".rstrip()
    return f"{text}, {_HUB_ADVICE[word]}" if word in _HUB_ADVICE else text
