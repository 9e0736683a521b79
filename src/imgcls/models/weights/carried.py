"""The folder of published files that is carried to other machines, and where each of them lies in it.

A file of a URL is in a folder named by its hash; the files of a repository are together, in one named by its commit.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from imgcls import documents, hashing
from imgcls.models.weights import caches, hosts, network, parts
from imgcls.models.weights.transfer import Expected, Transferred
from imgcls.records.weights import PublishedFile

HASH_DIGITS = 12  # docs/decisions.md#the-folder-of-a-lock

_COMMIT_HEADER = "x-repo-commit"


def copied(file: PublishedFile, here: Path, folder: Path) -> Path:
    """The copy of a file that is in a cache or another such folder, made again where it is another. Raises OSError."""
    sha256 = hashing.file_sha256(here)
    place = _place(file, folder, sha256, commit_of(file, here))
    if not place.is_file() or hashing.file_sha256(place) != sha256:
        place.parent.mkdir(parents=True, exist_ok=True)
        with documents.whole_file(place) as half:
            shutil.copyfile(here, half)
    return place


def fetched(file: PublishedFile, url: str, expected: Expected, folder: Path) -> Path:
    """The file after it was fetched from its URL, or from the mirror.

    Raises what :func:`network.errors` and, for a repository, :func:`network.hub_errors` list.
    """
    if mirror := network.mirrored(url):
        return _transferred(file, mirror, expected, folder, {}, None)
    if file.repository is None:
        return _transferred(file, url, expected, folder, {}, None)
    return _from_hub(file, url, expected, folder)


def _from_hub(file: PublishedFile, url: str, expected: Expected, folder: Path) -> Path:
    """The file at the commit that its revision stands for now; the hub states its hash and its size."""
    from huggingface_hub import get_hf_file_metadata, hf_hub_url
    from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]  # it is, lazily

    hosts.require(url)
    stated = network.in_time(lambda: get_hf_file_metadata(url, timeout=network.RESPONSE_SECONDS, retry_on_errors=False))
    exact = hf_hub_url(str(file.repository), file.name, revision=stated.commit_hash or file.revision)
    is_hash = re.fullmatch("[0-9a-f]{64}", stated.etag or "")  # of large files only
    size = expected.size if expected.size is not None or not is_hash else stated.size
    known = Expected(expected.sha256_start or (stated.etag if is_hash else None), size)
    return _transferred(file, exact, known, folder, build_hf_headers(), stated.commit_hash)


def _transferred(
    file: PublishedFile,
    url: str,
    expected: Expected,
    folder: Path,
    headers: Mapping[str, str],
    commit: str | None,
) -> Path:
    def place(result: Transferred) -> Path:
        return _place(file, folder, result.sha256, commit or result.headers.get(_COMMIT_HEADER))

    return parts.fetched(url, expected, folder, place, headers)


def _place(file: PublishedFile, folder: Path, sha256: str, commit: str | None) -> Path:
    if file.repository is None:
        return folder / sha256[:HASH_DIGITS] / file.name
    revision = (commit or file.revision or "main")[:40].replace("/", "-")
    return folder / f"{file.repository.replace('/', '--')}--{revision}" / file.name


def commit_of(file: PublishedFile, path: Path) -> str | None:
    """The commit of a file of a repository, from where it lies in such a folder or in the hub's cache."""
    folder = path.parents[len(Path(file.name).parts) - 1].name
    name = folder.rpartition("--")[2]
    return name if re.fullmatch("[0-9a-f]{40}", name) else caches.commit_of(path)
