"""Images that are there already, so that none is kept that is one of them, or nearly."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from imgcls.collect.manifest import Manifest
from imgcls.collect.refusal import Refusal, Refused
from imgcls.data import listing
from imgcls.errors import ConfigError, Undecodable
from imgcls.inspection import perceptual
from imgcls.inspection.perceptual import ImageHash, NearIndex
from imgcls.preprocessing import decode
from imgcls.records.data import ImageRef
from imgcls.records.evaluation import Progress
from imgcls.system import machine

Look = tuple[str, ImageHash | None]
"""The sha256 of an image and its perceptual hash, None where it does not decode."""


class Known:
    """Images by their bytes and by their looks. ``same`` and ``near``: the reasons to refuse another one."""

    def __init__(self, same: Refusal, near: Refusal) -> None:
        self._same, self._near = same, near
        self._names: dict[str, str] = {}
        self._looks = NearIndex()

    def add(self, name: str, sha256: str, look: ImageHash | None) -> None:
        self._names.setdefault(sha256, name)
        if look is not None:
            self._looks.add(name, look)

    def match(self, sha256: str, look: ImageHash | None) -> Refused | None:
        """The reason to refuse an image, where one like it is known."""
        if sha256 in self._names:
            return Refused(self._same, f"its bytes are those of {self._names[sha256]}")
        match = self._looks.match(look) if look is not None else None
        if match is None:
            return None
        how = "mirrored, it looks like" if match.likeness == "mirrored" else "it looks like"
        return Refused(self._near, f"{how} {match.name}")

    def require_new(self, sha256: str, look: ImageHash) -> None:
        """Raises Refused."""
        if refusal := self.match(sha256, look):
            raise refusal


def images_in(folders: Sequence[Path], without: Path) -> tuple[ImageRef, ...]:
    """The images anywhere in the folders to exclude, but not those in ``without``. Raises ConfigError."""
    for folder in folders:
        if not folder.exists():
            raise ConfigError(f"--exclude {folder}: there is no such folder")
    images = listing.find_unlabelled("", folders).images
    own = without.resolve()
    return tuple(image for image in images if own not in image.file.resolve().parents)


def images_of(manifest: Manifest) -> tuple[ImageRef, ...]:
    """The images in a folder, without those that a killed process wrote and did not account for."""
    images = listing.find_unlabelled("", [manifest.folder] if manifest.folder.is_dir() else []).images
    orphans = manifest.orphans(image.file.name for image in images)
    return tuple(image for image in images if image.file.name not in orphans)


def add_all(
    known: Known, images: Sequence[ImageRef], progress: Progress, clock: Callable[[], float] = time.monotonic
) -> Mapping[str, Look]:
    """Read images that are on the disk, and add them; what was added, by path. Progress only after a second."""
    looks: dict[str, Look] = {}
    threads, started_s = ThreadPoolExecutor(machine.threads()), clock()
    try:
        for image, look in zip(images, threads.map(_look, images), strict=True):
            looks[image.path] = (image.sha256, look)
            known.add(image.path, *looks[image.path])
            if clock() - started_s > 1:
                progress("images already there", len(looks), len(images))
    finally:
        threads.shutdown(cancel_futures=True)
    return looks


def _look(image: ImageRef) -> ImageHash | None:
    with suppress(Undecodable):
        return perceptual.image_hash(decode.decode(listing.read(image)))
    return None
