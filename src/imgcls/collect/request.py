"""What is to be collected, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

EngineName = Literal["bing", "google", "baidu", "flickr"]
ENGINES: tuple[EngineName, ...] = get_args(EngineName)

# docs/decisions.md#manners-of-a-collection
IMAGES, PER_SECOND, MIN_SIDE = 50, 2.0, 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A query for an engine, or a list of URLs; images go to the folder ``out``.

    ``count``: the number of images that the folder should have, None for all of a list. ``exclude``: folders whose
    images are left out. ``min_side``: pixels of the shorter side. ``per_second``: requests to each host.
    ``contact``: how to reach who runs this, for the sites.
    """

    out: Path
    query: str = ""
    urls: Path | None = None
    count: int | None = None
    engine: EngineName = "bing"
    exclude: tuple[Path, ...] = ()
    min_side: int = MIN_SIDE
    per_second: float = PER_SECOND
    contact: str = ""


@dataclass(frozen=True, slots=True)
class Refusals:
    """How many URLs gave no image for one reason, and what was wrong with the first."""

    count: int
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """``images``: how many the folder has by now, ``new_images`` of them from this run.

    ``requested``: how many it should have, for a list of URLs how many that has. ``missing``: how many of these are
    not there. ``refused``: by reason, of all runs. ``problems``: what went wrong with the search itself, a sentence
    each, and ``notes``: what a person should know.
    """

    manifest: Path
    images: int
    new_images: int
    requested: int
    missing: int
    refused: Mapping[str, Refusals] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    is_interrupted: bool = False
