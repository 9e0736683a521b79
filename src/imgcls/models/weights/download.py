"""Published weights: in the folder of a lock, in the libraries' own caches, or fetched there.

Nothing here waits long for a server that does not respond.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from imgcls.errors import ModelError, WeightsMissing
from imgcls.models.weights import caches, carried, hosts, lock, network, parts, publications
from imgcls.models.weights.transfer import Expected
from imgcls.records.weights import LockedFile, PublishedFile, WeightsAccess

ANY = WeightsAccess()
"""Whatever is published, fetched where it is not here."""

# torch.hub takes any run of these characters for a hash, "600e" of "vit.16-600e.pth" too, though it documents eight.
_HASH = re.compile(r"-([a-f0-9]{8,})\.")


class NotPublished(WeightsMissing):
    """The server has no such file."""


def from_url(url: str, sha256_start: str | None = None, access: WeightsAccess = ANY) -> Path:
    """The file of a URL in ``torch.hub``'s cache, where torchvision stores it; downloaded where it is not there.

    ``sha256_start`` is what the sha256 of a download must begin with; by default what the file name
    states (``resnet50-11ad3fa6.pth``). Raises :class:`WeightsMissing`, and what :func:`published` raises.
    """
    name = PurePosixPath(urlsplit(url).path).name
    return published(PublishedFile(name, url, sha256_start=sha256_start or _hash_in(name)), access)


def from_hub(repository: str, name: str, revision: str | None = None, access: WeightsAccess = ANY) -> Path:
    """A file of a Hugging Face repository in the hub's own cache; downloaded where it is not there.

    ``HF_HOME``, ``HF_ENDPOINT``, ``HF_HUB_OFFLINE`` and the user's token count as everywhere in
    ``huggingface_hub``. Raises :class:`WeightsMissing`, and what :func:`published` raises.
    """
    return published(PublishedFile(name, repository=repository, revision=revision), access)


def from_timm(cfg: Mapping[str, Any], access: WeightsAccess = ANY) -> Path:
    """The weights file of a timm ``pretrained_cfg``: its local file, its hub repository, or its URL, in timm's order.

    In a repository ``model.safetensors`` goes before ``pytorch_model.bin``, unless the cfg names a file.
    Raises :class:`WeightsMissing` where nothing is published or available, :class:`ModelError` for
    foreign formats that only a model's own code can read, and what :func:`published` raises.
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
        return _first_in_hub(cfg["hf_hub_id"], (named,) if named else publications.HUB_FILES, access)
    if cfg.get("url"):
        return from_url(cfg["url"], access=access)
    raise WeightsMissing(
        f"no published weights for this tag: timm:{tag}; choose a tag that has some (timm.list_pretrained()), "
        'or give a file: weights = "/path/to/file.safetensors"'
    )


def _first_in_hub(hub_id: str, names: tuple[str, ...], access: WeightsAccess) -> Path:
    """The first of these files that is listed or in the cache, else the first that the repository has."""
    repository, _, revision = hub_id.partition("@")
    files = [PublishedFile(name, repository=repository, revision=revision or None) for name in names]
    for file in files:
        if access.lock.entry(file) if access.lock else caches.find(file):
            return published(file, access)
    absent = []
    for file in files:
        try:
            return published(file, access)
        except NotPublished as error:
            absent.append(error)
    raise WeightsMissing("; nor is there ".join([str(absent[0]), *names[1:]]))


def require_reachable(files: Sequence[PublishedFile], access: WeightsAccess) -> None:
    """Raise what :func:`published` raises where none of these files is here, and nothing can be fetched.

    That is NotListed, or WeightsMissing for the first of them. Nothing is loaded or requested.
    """
    if any(_is_here(file, access) for file in files):
        return
    first = files[0]
    entry = lock.required(first, access)
    exact = entry.as_published() if entry else first
    _require_network(exact, entry, access)
    url = url_of(exact)
    with _or_missing(exact, url):
        hosts.require(network.mirrored(url) or url)


def _is_here(file: PublishedFile, access: WeightsAccess) -> bool:
    """Whether a file is where :func:`published` looks for it; with a lock, only if that lists it."""
    entry = access.lock.entry(file) if access.lock else None
    if access.lock and entry is None and access.gathering is None:
        return False
    if entry and entry.path and entry.path.is_file():
        return True
    return caches.find(entry.as_published() if entry else file) is not None


def _hash_in(name: str) -> str | None:
    match = _HASH.search(name)
    return match[1] if match else None


def published(file: PublishedFile, access: WeightsAccess) -> Path:
    """A published file on this machine: the one in the lock's folder, else that in the cache, else a download.

    With a lock, only a file that it lists and whose sha256 agrees: raises ConfigError for another one, ModelError
    where its bytes are others, and WeightsMissing where it is not available.
    """
    entry = lock.required(file, access)
    exact = replace(entry.as_published(), url=file.url) if entry else file
    gathering = access.gathering
    if gathering and gathering.folder:
        path = _in_folder(exact, entry, access, gathering.folder)
    elif entry and entry.path and entry.path.is_file():
        path = entry.path
    else:
        path = caches.find(exact) or _fetched(exact, entry, access)
    if entry:
        lock.check(path, entry)
    if gathering:
        gathering.files[file] = path
    return path


def _fetched(file: PublishedFile, entry: LockedFile | None, access: WeightsAccess) -> Path:
    """The file in its library's cache, after it was fetched there. Raises WeightsMissing."""
    _require_network(file, entry, access)
    place = caches.place(file)
    url = url_of(file)
    if file.repository is None or network.mirrored(url):
        with _or_missing(file, url):
            address = network.mirrored(url) or url
            parts.fetched(address, _expected(file, entry), place.parent, place, quiet=access.quiet)
        return place
    return _from_hub_itself(file, url, quiet=access.quiet)


def _from_hub_itself(file: PublishedFile, url: str, *, quiet: bool) -> Path:
    """The file in the hub's cache, where its own downloader puts it."""
    from huggingface_hub import get_hf_file_metadata, hf_hub_download

    repository = str(file.repository)
    with _or_missing(file, url, network.hub_errors()):  # hf_hub_download by itself would retry for half a minute
        hosts.require(url)
        network.in_time(lambda: get_hf_file_metadata(url, timeout=network.RESPONSE_SECONDS, retry_on_errors=False))
        return Path(
            hf_hub_download(
                repository,
                file.name,
                revision=file.revision,
                etag_timeout=network.RESPONSE_SECONDS,
                tqdm_class=_hidden_bar() if quiet else None,
            )
        )


def _hidden_bar() -> type[Any]:
    """The hub's bar of progress, which is not shown."""
    from huggingface_hub.utils import tqdm  # type: ignore[attr-defined]  # it is, lazily

    base: type[Any] = tqdm

    class Hidden(base):  # type: ignore[misc]  # it is untyped
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **{**options, "disable": True})

    return Hidden


def _in_folder(file: PublishedFile, entry: LockedFile | None, access: WeightsAccess, folder: Path) -> Path:
    """The file in a folder to carry, copied from a cache or fetched. Raises WeightsMissing."""
    here = entry.path if entry and entry.path and entry.path.is_file() else caches.find(file)
    if here:
        if entry:
            lock.check(here, entry)
        return carried.copied(file, here, folder)
    _require_network(file, entry, access)
    url = url_of(file)
    expected = _expected(file, entry)
    with _or_missing(file, url, network.errors() if file.repository is None else network.hub_errors()):
        return carried.fetched(file, url, expected, folder)


def _expected(file: PublishedFile, entry: LockedFile | None) -> Expected:
    return Expected(file.sha256_start, entry.size if entry else None)


def url_of(file: PublishedFile) -> str:
    """Where a file is requested when there is no mirror."""
    if file.url is not None:
        return file.url
    from huggingface_hub import hf_hub_url

    return hf_hub_url(str(file.repository), file.name, revision=file.revision)


def _require_network(file: PublishedFile, entry: LockedFile | None, access: WeightsAccess) -> None:
    """Raise WeightsMissing where nothing may be fetched."""
    if not (access.offline or network.is_forbidden()):
        return
    places = [str(path) for path in (entry.path if entry else None, caches.place(file)) if path]
    where = f"neither at {' nor at '.join(places)}" if len(places) > 1 else f"not at {places[0]}"
    raise WeightsMissing(
        f"cannot get {file.name}: offline, and it is {where}; on a machine with a network, "
        f"`imgcls weights fetch{lock.models_option(access)} --to weights` fetches it into a folder that you carry here "
        "together with imgcls.lock"
    )


@contextmanager
def _or_missing(
    file: PublishedFile, url: str, errors: tuple[type[Exception], ...] = network.errors()
) -> Iterator[None]:
    """Turn what the network stack raises into one line of :class:`WeightsMissing`."""
    try:
        yield
    except errors as error:
        kind = NotPublished if network.refusal(error) in {(404, ""), (404, "EntryNotFound")} else WeightsMissing
        raise kind(_missing(file, network.mirrored(url) or url, network.why(error))) from error


def _missing(file: PublishedFile, url: str, why: str) -> str:
    name = PurePosixPath(file.name).name
    copy = f'name a copy in the configuration: weights = "/path/to/{name}"'
    if name.endswith(".json"):  # it states the architecture
        copy = "name the folder of a copy in `arch`"
    return f"cannot get {file.name} from {url}: {why}; put it by hand at {caches.place(file)}, or {copy}"
