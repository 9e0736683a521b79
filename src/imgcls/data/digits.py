"""The built-in dataset: scikit-learn's handwritten digits, written as folders of PNG files into a cache.

Source: E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits", UCI, 1998; 1,797 images of 8 x 8.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from imgcls import documents
from imgcls.errors import MachineError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")

VERSION = 1  # docs/decisions.md#built-in-digits
"""The version of the files: another split or other pixels are another version, in another folder."""

_TEST_PER_CLASS = 36  # docs/decisions.md#built-in-digits


def indices(split: Literal["train", "test"]) -> list[int]:
    """The indices of one split into ``sklearn.datasets.load_digits()``, ascending.

    ``test`` holds, of each digit, the 36 indices whose decimal spelling has the smallest SHA-256 (360 images);
    ``train`` all others (1,437).
    """
    _, targets = _load()
    return _split(targets, split)


def folder(split: Literal["train", "test"] = "test") -> Path:
    """The folder of a split, one folder per digit (:data:`NAMES`), each file named by its index.

    It lies in ``IMGCLS_CACHE``, by default the user's cache folder, and is written where it is absent, under another
    name first, so that it is whole or absent. The files are 8-bit grey PNGs of 8 x 8 pixels.

    Raises :class:`MachineError` where the cache cannot be written.
    """
    home = cache(os.environ) / f"digits-{VERSION}"
    final = home / split
    if final.is_dir():
        return final
    try:
        with documents.whole_folder(final) as half:
            _write(half, split)
    except OSError as fault:
        raise MachineError(
            f"cannot write the handwritten digits to {final}: {fault.strerror}; "
            "set IMGCLS_CACHE to a folder that can be written"
        ) from fault
    return final


def cache(environ: Mapping[str, str]) -> Path:
    """The folder of what comes with imgcls and is written on first use."""
    import platformdirs

    return Path(environ.get("IMGCLS_CACHE") or platformdirs.user_cache_path("imgcls"))


def _load() -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Images (1797, 8, 8) of 0 to 16, and digits (1797,)."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    return bunch.images, bunch.target


def _split(targets: npt.NDArray[np.int64], split: Literal["train", "test"]) -> list[int]:
    by_hash = sorted(range(len(targets)), key=lambda index: hashlib.sha256(str(index).encode()).digest())
    test = {
        index
        for digit in range(len(NAMES))
        for index in [index for index in by_hash if targets[index] == digit][:_TEST_PER_CLASS]
    }
    return [index for index in range(len(targets)) if (index in test) == (split == "test")]


def _write(target: Path, split: Literal["train", "test"]) -> None:
    import numpy as np
    from PIL import Image

    images, digits = _load()
    greys = np.rint(images * 255 / 16).astype(np.uint8)
    for name in NAMES:
        (target / name).mkdir(parents=True)
    for index in _split(digits, split):
        # Stored, not compressed: the same bytes, and so the same hashes, whatever the version of zlib.
        Image.fromarray(greys[index]).save(target / NAMES[digits[index]] / f"{index:04d}.png", compress_level=0)
