"""Names of models and datasets in a configuration, which are made of letters, digits, ``_`` and ``-``."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable
from itertools import chain, count


def cleaned(text: str, fallback: str) -> str:
    """The text with a hyphen for every run of other characters; ``fallback`` where nothing else is left."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", text).strip("-") or fallback


def free(candidates: Iterable[str], taken: Container[str]) -> str:
    """The first of these names that is not taken, or else the last one with a number from 2 on."""
    names = list(candidates)
    numbered = (f"{names[-1]}-{number}" for number in count(2))
    return next(name for name in chain(names, numbered) if name not in taken)
