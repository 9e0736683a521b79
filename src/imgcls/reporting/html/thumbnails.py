"""Small images for a report, from the files of the datasets as they are when it is written."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from imgcls.errors import ImgclsError, Undecodable
from imgcls.records.config import DatasetSpec, InputSpec
from imgcls.records.data import ImageRef
from imgcls.reporting.html.selection import Shown

if TYPE_CHECKING:
    from PIL import Image

SIDE = 128  # docs/decisions.md#images-in-a-report
"""The longer side of a thumbnail in pixels."""

QUALITY = 50  # docs/decisions.md#images-in-a-report

AT_ONCE = 64
"""How many images are begun before the first of them is needed."""

_ENOUGH = InputSpec(SIDE, (SIDE, SIDE), "center", "bilinear", (0.0,) * 3, (1.0,) * 3)
"""What decoding at a scale must not go below."""


class Images:
    """The files of the datasets; ``notes``: why there are no images of a dataset, a sentence each."""

    def __init__(
        self,
        specs: Mapping[str, DatasetSpec],
        names: Iterable[str],
        listed: Mapping[str, Iterable[ImageRef]] | None = None,
    ) -> None:
        """``names``: of the datasets that the report is about; ``listed``: images that belong to no dataset."""
        self.notes: list[str] = []
        self._specs = specs
        self._files: dict[str, dict[str, ImageRef]] = {name: self._listed(name) for name in dict.fromkeys(names)}
        self._files |= {name: {image.path: image for image in images} for name, images in (listed or {}).items()}
        if any(self._files.values()) and not _writes_webp():
            self.notes.append("this Pillow writes no WebP, so there are no images; install Pillow's own wheel")
            self._files = {}

    def _listed(self, name: str) -> dict[str, ImageRef]:
        if name not in self._specs:
            self.notes.append(
                f"no images of {name}: no configuration in reach has it; --data {name}=DIR names its folder"
            )
            return {}
        from imgcls.data import dataset as datasets
        from imgcls.data import listing

        try:
            found = datasets.list_images(self._specs[name], listing.unhashed)  # hashed when they are read
        except (ImgclsError, OSError) as error:
            self.notes.append(f"no images of {name}: {error}; --data {name}=DIR names where they are")
            return {}
        return {image.path: image for image in found.images}

    def thumbnails(self, images: Sequence[Shown]) -> Iterator[tuple[str, bytes]]:
        """(sha256, WebP) of those images whose bytes are still the same, in order, each once."""
        if not any(self._files.values()):
            return
        from concurrent.futures import ThreadPoolExecutor

        from imgcls.preprocessing import decode
        from imgcls.system import machine

        copies: dict[str, list[Shown]] = {}
        for image in images:
            copies.setdefault(image.sha256, []).append(image)
        distinct = iter(copies.items())
        with decode.quiet_pillow(self._max_megapixels), ThreadPoolExecutor(machine.cores()) as threads:
            while batch := list(islice(distinct, AT_ONCE)):
                for (sha256, _), content in zip(batch, threads.map(self._first, batch), strict=True):
                    if content is not None:
                        yield sha256, content

    @property
    def _max_megapixels(self) -> float | None:
        """The largest of all datasets, because it holds for the whole process."""
        return max((spec.max_megapixels for spec in self._specs.values() if spec.max_megapixels), default=None)

    def _first(self, copies: tuple[str, Sequence[Shown]]) -> bytes | None:
        """The thumbnail of the first file that still has these bytes."""
        return next(filter(None, map(self._thumbnail, copies[1])), None)

    def _thumbnail(self, image: Shown) -> bytes | None:
        ref = self._files.get(image.dataset, {}).get(image.path)
        if ref is None:
            return None
        from imgcls.data import listing
        from imgcls.preprocessing import decode

        try:
            data = listing.read(replace(ref, sha256=image.sha256))
            exif = self._specs[image.dataset].exif if image.dataset in self._specs else "ignore"
            pixels = decode.Decoding(data, exif).fast(_ENOUGH).image
        except (ImgclsError, Undecodable):
            return None
        return webp(pixels)


def _writes_webp() -> bool:
    """Whether Pillow was built with what thumbnails are written in."""
    from PIL import features

    return bool(features.check("webp"))


def webp(image: Image.Image) -> bytes:
    """An RGB image as a small WebP; the same bytes for the same pixels."""
    small = image.copy()
    small.thumbnail((SIDE, SIDE), reducing_gap=2.0)
    stream = io.BytesIO()
    small.save(stream, "WEBP", quality=QUALITY, method=4)
    return stream.getvalue()


def data_uri(content: bytes) -> str:
    return f"data:image/webp;base64,{base64.b64encode(content).decode()}"


def specs(configured: Mapping[str, DatasetSpec], folders: Mapping[str, Path]) -> dict[str, DatasetSpec]:
    """The datasets of a configuration, those of ``folders`` in another place or added."""
    moved = {
        name: replace(configured[name], path=path) if name in configured else DatasetSpec(name, path)
        for name, path in folders.items()
    }
    return {**configured, **moved}
