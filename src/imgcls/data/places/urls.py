"""URLs among the paths of containers."""

from __future__ import annotations

import re
from typing import Final

_SECRET: Final = re.compile(r"(?<=://)[^/@]*@|\?.*")
"""A user and a password, and what follows the path: there are keys in it."""


def is_remote(container: str) -> bool:
    """Whether this is a URL, not the path of a file."""
    return "://" in container


def shown(container: str) -> str:
    """The same without what is nobody's business, for messages and documents."""
    return _SECRET.sub("", container) if is_remote(container) else container
