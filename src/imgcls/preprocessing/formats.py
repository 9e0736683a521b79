"""The formats that are decoded, and by what: Pillow's own, and HEIC where pillow-heif is installed."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from pathlib import PurePath
from types import ModuleType

import PIL
from PIL import Image, features

# EPS starts Ghostscript, a program of its own; IPTC opens any image that it holds, an EPS too.
# docs/decisions.md#formats
_NEVER = frozenset({"EPS", "IPTC"})

_LIBRARIES = ("libjpeg_turbo", "jpg", "jpg_2000", "zlib", "webp", "libtiff")

_AVIF = frozenset({".avif", ".avifs"})

HEIF = frozenset({".heic", ".heics", ".heif", ".heifs", ".hif"})


@functools.cache
def names() -> tuple[str, ...]:
    """Pillow's names of all formats that are tried, in their order."""
    # All are loaded before the first is tried: Pillow loads them while it looks, and two threads that do so
    # at once can miss one.
    Image.preinit()
    Image.init()
    if plugin := heif():
        plugin.register_heif_opener()
    return tuple(name for name in Image.ID if name not in _NEVER)


def heif() -> ModuleType | None:
    """The package pillow-heif, where it is installed."""
    try:
        import pillow_heif
    except ImportError:
        return None
    return pillow_heif


def has(library: str) -> bool:
    """Whether this Pillow has a library; an old Pillow does not know every name."""
    return library in features.modules and features.check_module(library)


def decoder(paths: Iterable[str] | None = None) -> str:
    """What decodes, for a store's key: ``pillow 13.0.0 (libjpeg_turbo 3.2.0, ...)``.

    With ``paths`` only what files of these names need: another version of a library that decodes none of them changes
    nothing.
    """
    suffixes = None if paths is None else {PurePath(path).suffix.lower() for path in paths}
    versions = [f"{name} {features.version(name)}" for name in _LIBRARIES]
    if has("avif") and (suffixes is None or suffixes & _AVIF):
        versions.append(f"avif {features.version('avif')}")
    if (plugin := heif()) and (suffixes is None or suffixes & HEIF):
        versions.append(f"pillow_heif {plugin.__version__}, libheif {plugin.libheif_version()}")
    return f"pillow {PIL.__version__} ({', '.join(versions)})"
