"""Fingerprints: sha256 in lower-case hexadecimal, of files and of plain values."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any


def file_sha256(path: Path) -> str:
    """The sha256 of a file's bytes, read piece by piece. Raises :class:`OSError` as ``open`` does."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def of_json(value: Any) -> str:
    """The sha256 of a value written as :func:`canonical` JSON."""
    return hashlib.sha256(canonical(value).encode("ascii")).hexdigest()


def canonical(value: Any) -> str:
    """A value as canonical JSON: sorted keys, no spaces, ASCII.

    Equal values give equal texts whatever the order of their keys; a tuple counts as a list, ``1``
    and ``1.0`` differ. Raises :class:`ValueError` for NaN and infinities, which equal nothing and have
    no JSON, and :class:`TypeError` for anything else that JSON cannot hold.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
