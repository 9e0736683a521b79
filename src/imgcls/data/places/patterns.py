"""The files that a path with braces or wildcards stands for: ``{000..146}.tar``, ``train-*.parquet``."""

from __future__ import annotations

import glob
import itertools
import os
import re
from collections.abc import Iterator, Sequence
from typing import Final

from imgcls.data.places import urls
from imgcls.errors import ConfigError

_BRACES: Final = re.compile(r"\{([^{}]*)\}")
_RANGE: Final = re.compile(r"(\d+)\.\.(\d+)")
MOST: Final = 1_000_000  # docs/decisions.md#shards-of-one-path
"""How many files a path may stand for."""


def expanded(path: str) -> Sequence[str]:
    """The files in their order: braces as a shell has them, whether the files exist or not; wildcards as there are.

    A path that exists as it is written stands for itself. Raises ConfigError for a pattern that stands for nothing.
    """
    if not urls.is_remote(path) and os.path.exists(path):  # noqa: PTH110 - pathlib's raises errors
        return [path]
    names = _without_braces(path)
    files = [file for name in names for file in (_matching(name) if _has_wildcards(name) else [name])]
    if len(set(files)) != len(files):
        raise ConfigError(f"{urls.shown(path)} stands for the same file twice: write each range once")
    if len(set(map(urls.shown, files))) != len(files):
        raise ConfigError(
            f"{urls.shown(path)} stands for files that differ only behind the question mark, so that their images "
            "would have the same paths: make a dataset of each"
        )
    if not files:
        raise ConfigError(f"{urls.shown(path)}: no file is called so")
    return files


def exist(path: str) -> bool:
    """Whether there is any of the files on this machine that a path stands for."""
    try:
        return any(map(os.path.exists, expanded(path)))
    except ConfigError:
        return False


def _has_wildcards(name: str) -> bool:
    """Whether there is any; in a URL, a question mark is none."""
    return bool(re.search(r"[*\[]", urls.shown(name)) if urls.is_remote(name) else re.search(r"[*?\[]", name))


def _without_braces(path: str) -> list[str]:
    parts = _BRACES.split(path)
    choices = [list(_choices(path, part)) if at % 2 else [part] for at, part in enumerate(parts)]
    count = 1
    for choice in choices:
        count *= len(choice)
    if count > MOST:
        raise ConfigError(
            f"{urls.shown(path)} stands for {count} files, and at most {MOST} are read: correct the range in braces"
        )
    return ["".join(names) for names in itertools.product(*choices)]


def _choices(path: str, braces: str) -> Iterator[str]:
    """``000..146``, in as many digits as it is written with, or ``a,b,c``."""
    numbers = _RANGE.fullmatch(braces)
    if numbers is None:
        if "," not in braces:
            raise ConfigError(f"{urls.shown(path)}: {{{braces}}} is not a range: write {{000..146}} or {{a,b}}")
        yield from braces.split(",")
        return
    first, last = int(numbers[1]), int(numbers[2])
    if last < first:
        raise ConfigError(f"{urls.shown(path)}: {{{braces}}} counts backwards: write {{{numbers[2]}..{numbers[1]}}}")
    if last - first >= MOST:
        raise ConfigError(f"{urls.shown(path)}: {{{braces}}} is more than {MOST} files: correct the range")
    yield from (str(number).zfill(len(numbers[1])) for number in range(first, last + 1))


def _matching(pattern: str) -> list[str]:
    if urls.is_remote(pattern):
        from imgcls.data.places import remote

        return remote.matching(pattern)
    return sorted(glob.glob(pattern))  # noqa: PTH207 - of a whole path
