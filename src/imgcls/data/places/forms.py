"""The forms of datasets that are not folders or manifests, one lazy table: which there are, and which a path names."""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path
from typing import Final, NamedTuple, cast

from imgcls.data.places import patterns, urls
from imgcls.data.places.base import Contents, Form, Request, Sha256
from imgcls.errors import ConfigError, Undecodable
from imgcls.records.config import DatasetSpec
from imgcls.records.data import Member


class FormRow(NamedTuple):
    """A form. ``module``: is a :class:`imgcls.data.places.base.Form`. ``suffixes``: of its containers."""

    module: str
    suffixes: tuple[str, ...] = ()


PYTHON: Final = "python:"

FORMS: Final = {
    "tar": FormRow("imgcls.data.places.tar", (".tar",)),
    "zip": FormRow("imgcls.data.places.zip", (".zip",)),
    "parquet": FormRow("imgcls.data.places.parquet", (".parquet",)),
    "url": FormRow("imgcls.data.places.remote_folder"),
    "python": FormRow("imgcls.data.places.factory"),
}

_UNPACKED_BY: Final = {
    (".tar.gz", ".tgz"): "gunzip -k",
    (".tar.bz2", ".tbz2"): "bunzip2 -k",
    (".tar.xz", ".txz"): "unxz -k",
    (".tar.zst",): "unzstd",
}
"""What makes a plain archive of a compressed one, in which no image can be read without all that are before it."""

_UNREAD: Final = (".7z", ".rar")


def form_of(path: str) -> str | None:
    """The form of a dataset's path; None for folders and manifests of this machine.

    Raises ConfigError for archives that are not read, with what makes one that is.
    """
    if path.startswith(PYTHON):
        return "python"
    if not urls.is_remote(path) and os.path.isdir(path):  # noqa: PTH112 - pathlib's raises errors
        return None
    name = _file_name(path)
    for suffixes, command in _UNPACKED_BY.items():
        if name.endswith(suffixes):
            raise ConfigError(
                f"{urls.shown(path)} is compressed as a whole, so that no image in it can be read by itself: "
                f"`{command} {os.path.basename(urls.shown(path))}`, and set `path` to the .tar"  # noqa: PTH119 - a URL, too
            )
    if name.endswith(_UNREAD):
        raise ConfigError(f"{urls.shown(path)} is an archive that is not read: unpack it, or pack it as .tar or .zip")
    by_suffix = (form for form, row in FORMS.items() if row.suffixes and name.endswith(row.suffixes))
    return next(by_suffix, "url" if urls.is_remote(path) else None)


def contents(dataset: DatasetSpec, sha256: Sha256 | None = None) -> Contents:
    """What a dataset of these forms holds. Raises ConfigError.

    ``sha256``: hashes the bytes of images wherever an archive is read in any case.
    """
    path = str(dataset.path)
    form = form_of(path)
    if form is None:
        raise ConfigError(f"{urls.shown(path)} is not an archive, a Parquet file or a URL")
    files = [path] if form in {"python", "url"} else patterns.expanded(path)
    request = Request(files, dataset.columns, dataset.folder, numbered=dataset.labels == "index", sha256=sha256)
    result = _module(form).contents(request)
    return result._replace(notes=(*result.notes, *_unpinned(path)))


def read(member: Member) -> bytes:
    """The bytes of an image as they are stored. Raises :class:`Undecodable`."""
    data = _module(member.form).read(member)
    if not data:
        raise Undecodable("empty", "it has 0 bytes")
    return data


def in_folder(folder: Path) -> str | None:
    """The pattern of the files in a folder that are of a form, where it holds such files and no folders."""
    try:
        children = sorted(child for child in folder.iterdir() if not child.name.startswith("."))
    except OSError:
        return None
    if any(child.is_dir() for child in children):
        return None
    known = [suffix for row in FORMS.values() for suffix in row.suffixes]
    suffix = next((child.suffix.lower() for child in children if child.suffix.lower() in known), None)
    return None if suffix is None else f"{folder}/*{suffix}"


def _unpinned(path: str) -> tuple[str, ...]:
    """A note on a repository of the Hub without a commit."""
    if path.startswith("hf://") and "@" not in path:
        return (f"{path} may change: write @ and a commit after the name of the repository",)
    return ()


def _file_name(path: str) -> str:
    """The last part of a path, lower case, without what follows the path of a URL."""
    path = path.partition("?")[0] if urls.is_remote(path) else path
    return path.rpartition("/")[2].lower()


def _module(form: str) -> Form:
    return cast("Form", import_module(FORMS[form].module))
