"""Which files of a folder are images, by their suffix: those of every format of Pillow, and those known elsewhere.

What is an image is tried, or is a rejection with its reason; only what is not one is ignored.
"""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Iterable
from pathlib import PurePath

from imgcls.errors import Undecodable

HIDDEN = "hidden"
"""What stands for the suffix of files that are hidden, themselves or by a folder."""

_OF_SYSTEMS = frozenset(
    {"__MACOSX", "@eaDir", "#recycle", "$RECYCLE.BIN", "System Volume Information", "lost+found", "__pycache__"}
)
"""Folders that macOS puts into archives, file stations, Windows and Linux onto volumes, and Python next to code."""

_NOT_IMAGES = frozenset({"BUFR", "GRIB", "HDF5", "MPEG", "PDF"})  # Pillow's names of what is a film, data or a document

_SEPARATORS = re.escape(os.sep + (os.altsep or ""))
_SUFFIX = re.compile(rf"[^{_SEPARATORS}](\.[^.{_SEPARATORS}]+)[{_SEPARATORS}]*\Z")

_USUAL = frozenset({".jpg", ".jpeg", ".png"})
"""What every Pillow has: to name the others, it imports all of its plugins."""

# Their bytes state what they are, and whether this installation decodes that.
_TRIED = frozenset(
    ".avif .avifs .heic .heics .heif .heifs .hif .jfi .jif .jxl .pjp .pjpeg .spi .spider .webp".split()  # noqa: SIM905
)

_RAW = (
    ".3fr .arw .cr2 .cr3 .crw .dcr .dng .erf .fff .iiq .k25 .kdc .mef .mos .mrw .nef .nrw .orf .pef .raf .raw .rw2 "
    ".rwl .sr2 .srf .srw .x3f"
)

_REFUSED = {
    _RAW: "a raw file of a camera, whose pixels depend on how it is developed",  # Pillow would read its thumbnail
    ".emf .eps .ps .svg .svgz .wmf": "made of vectors, which have no pixels until they are drawn",
    ".bpg .dcm .dicom .exr .flif .hdp .hdr .iim .jls .jng .jxr .kra .mng .ora .palm .pct .pict .psb .wdp .xcf": (
        "in a format that is not read"
    ),
}


def has_image_suffix(name: str | PurePath) -> bool:
    """Whether a file's name is that of an image, one that can be read or not."""
    suffix = _suffix(name)
    return suffix in _USUAL or (bool(suffix) and suffix in _images())


def refusal(name: str | PurePath) -> Undecodable | None:
    """Why a file of this name is not read, whatever its bytes are; None where it is tried."""
    what = _refused().get(_suffix(name))
    return Undecodable("unsupported", f"it is {what}: save it as JPEG, PNG or TIFF") if what else None


def by_suffix(paths: Iterable[PurePath]) -> dict[str, int]:
    """The number of these paths by suffix, lower case, empty where there is none; hidden ones as ``hidden``."""
    counts: dict[str, int] = {}
    for path in paths:
        suffix = HIDDEN if is_hidden(path) else _suffix(path)
        counts[suffix] = counts.get(suffix, 0) + 1
    return dict(sorted(counts.items()))


def is_hidden(path: PurePath) -> bool:
    """Whether a path, relative to its dataset, has a part with a leading dot or one of systems' own."""
    return any(map(is_hidden_part, path.parts))


def is_hidden_part(name: str) -> bool:
    """Whether this part of a path hides what is in it."""
    return name.startswith(".") or name in _OF_SYSTEMS


def _suffix(name: str | PurePath) -> str:
    """As :attr:`pathlib.PurePath.suffix` has it, of which there would be several for each of many images."""
    match = _SUFFIX.search(os.fspath(name))
    return match[1].lower() if match else ""


@functools.cache
def _images() -> frozenset[str]:
    from PIL import Image

    registered = Image.registered_extensions().items()
    # To save a SPIDER image registers the suffix of its name, whatever that is.
    by_pillow = {suffix for suffix, name in registered if name not in _NOT_IMAGES and name != "SPIDER"}
    return frozenset({*by_pillow, *_TRIED, *_refused()})


@functools.cache
def _refused() -> dict[str, str]:
    return {suffix: what for suffixes, what in _REFUSED.items() for suffix in suffixes.split()}
