"""The caches of the libraries that publish weights: where a published file lies there, or would lie."""

from __future__ import annotations

import os
import re
import sys
from itertools import pairwise
from pathlib import Path

from imgcls.errors import WeightsMissing
from imgcls.messages import one_line
from imgcls.records.weights import PublishedFile


def find(file: PublishedFile) -> Path | None:
    """The file in its library's cache; None where it is not there. Raises WeightsMissing for an impossible name."""
    if file.repository is None:
        path = place(file)
        return path if path.is_file() else None
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        cached = try_to_load_from_cache(file.repository, file.name, revision=file.revision)
    except HFValidationError as error:
        raise WeightsMissing(f"{file.repository!r} cannot be a Hugging Face repository: {one_line(error)}") from error
    return Path(cached) if isinstance(cached, str) else None


def place(file: PublishedFile) -> Path:
    """Where :func:`find` would find the file."""
    if file.repository is None:
        return _torch_hub() / "checkpoints" / file.name
    from huggingface_hub import constants
    from huggingface_hub.file_download import repo_folder_name

    folder = Path(constants.HF_HUB_CACHE) / repo_folder_name(repo_id=file.repository, repo_type="model")
    ref = folder / "refs" / (file.revision or constants.DEFAULT_REVISION)
    commit = ref.read_text() if ref.is_file() else ref.name
    return folder / "snapshots" / commit / file.name


def commit_of(path: Path) -> str | None:
    """The commit of a file in the hub's cache, from its path; None for a file that was put there by hand."""
    names = [name for before, name in pairwise(path.parts) if before == "snapshots"]
    return names[-1] if names and re.fullmatch("[0-9a-f]{40}", names[-1]) else None


def _torch_hub() -> Path:
    """``torch.hub.get_dir()``, without the second that importing torch takes where nobody has imported it."""
    if torch := sys.modules.get("torch"):
        return Path(torch.hub.get_dir())
    home = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    return Path(os.environ.get("TORCH_HOME", f"{home}/torch")).expanduser() / "hub"
