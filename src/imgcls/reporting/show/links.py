"""Mistakes as a folder that any program for images shows in order: links, or copies where the system has no links."""

import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from imgcls import documents, messages
from imgcls.data import suffixes
from imgcls.errors import ConfigError
from imgcls.records.comparison import Prediction
from imgcls.reporting import sheet as sheets
from imgcls.reporting.sheet import Sheet
from imgcls.reporting.show import mistakes, originals
from imgcls.reporting.show.selected import Pair

WORD = 40  # docs/decisions.md#links-to-mistakes
"""The characters that a label or a class has in the name of a link."""

INDEX = "mistakes.csv"

_UNSAFE = re.compile(r"[^\w.,()-]+", re.ASCII)
"""What no name of a link has: separators, blanks, quotes, and what a terminal or a shell would obey."""


@dataclass(frozen=True, slots=True)
class Written:
    """How many links there are, whether they are copies, and the paths of the images that were not found."""

    links: int
    copies: bool
    missing: tuple[str, ...]


def write(folder: Path, pairs: Sequence[Pair], roots: Mapping[str, Path]) -> Written:
    """Write a folder of links, worst first, and an index of them; ``roots``: where the paths of each dataset begin.

    Raises ConfigError where the folder exists and is not empty, and OSError.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError(f"{folder} is there already and is not an empty folder: name a new one")
    rows: list[tuple[str, Pair, Prediction, Path | None]] = [
        (_name(place, prediction), pair, prediction, _original(roots[pair.result.dataset], prediction))
        for pair in pairs
        for place, prediction in enumerate(mistakes.of(pair), 1)
    ]
    missing = tuple(f"{pair.result.dataset}/{prediction.path}" for _, pair, prediction, file in rows if file is None)
    linked = [(f"{_folder(pairs, pair)}{name}", file) for name, pair, _, file in rows if file]
    if missing and not linked:
        raise ConfigError(f"{_none_is_there(roots, missing)}: name the folder of the images with --data DIR")
    with documents.whole_folder(folder) as half:
        copies = False in {_linked(half / name, file) for name, file in linked}
        documents.write_text(half / INDEX, sheets.as_csv(list(_index(pairs, rows))))
    return Written(len(linked), copies, missing)


def _none_is_there(roots: Mapping[str, Path], missing: Sequence[str]) -> str:
    places = ", ".join(map(str, dict.fromkeys(roots.values())))
    return f"none of {messages.counted(len(missing), 'image')} is below {places} with the bytes that were scored"


def _original(root: Path, prediction: Prediction) -> Path | None:
    return originals.locate(root, prediction.path, prediction.image_sha256)


def _index(pairs: Sequence[Pair], rows: Sequence[tuple[str, Pair, Prediction, Path | None]]) -> Iterator[Sheet]:
    """The mistakes, and the link to each; nothing where its image was not found."""
    names = [f"{_folder(pairs, pair)}{name}" if file else None for name, pair, _, file in rows]
    of_pairs = [mistakes.sheet(pair) for pair in pairs]
    values = (row for sheet in of_pairs for row in sheet.rows)
    linked = tuple({"link": name, **row} for name, row in zip(names, values, strict=True))
    yield Sheet(INDEX, ("link", *mistakes.KEYS), (), linked)


def _folder(pairs: Sequence[Pair], pair: Pair) -> str:
    """Each pair has a folder of its own where there are several."""
    if len(pairs) == 1:
        return ""
    return f"{pairs.index(pair) + 1:02}_{_safe(pair.result.model)}_{_safe(pair.result.dataset)}/"


def _name(place: int, prediction: Prediction) -> str:
    """The number first, so that links are in order whatever the label and the class are called."""
    best = prediction.top[0]
    suffix = PurePosixPath(prediction.path).suffix if suffixes.has_image_suffix(prediction.path) else ""
    percent = f"{100 * best.probability:.0f}"
    return f"{place:05}_{percent}_{_safe(str(prediction.label))}_as_{_safe(best.name)}{suffix}"


def _safe(text: str) -> str:
    return _UNSAFE.sub("_", text)[:WORD].strip(".") or "_"


def _linked(link: Path, file: Path) -> bool:
    """Whether it is a link; a copy where the system refuses links. Raises OSError."""
    link.parent.mkdir(exist_ok=True)
    try:
        link.symlink_to(file)
    except (NotImplementedError, PermissionError):
        shutil.copyfile(file, link)
        return False
    return True
