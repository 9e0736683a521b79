"""Which images a dataset is made of, where a user named only a folder: its split, its class folders, its copies."""

from __future__ import annotations

import csv
import io
import os
import shlex
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from imgcls import messages
from imgcls.data import dataset as datasets
from imgcls.data import duplicates
from imgcls.data import listing as listings
from imgcls.errors import ConfigError
from imgcls.records.config import DatasetSpec
from imgcls.records.data import Images, Listing, Place
from imgcls.scaffold import class_folders, names, sources, suffixless
from imgcls.scaffold.class_folders import SPLITS
from imgcls.scaffold.data_folder import EXAMPLE
from imgcls.scaffold.file_labels import FileLabels
from imgcls.scaffold.sources import Source


@dataclass(frozen=True, slots=True)
class TestImages:
    """The images of a dataset, and how a configuration names them.

    ``name`` and ``path``: of the dataset. ``folder``: where the images lie. ``manifest``: the text of a manifest that
    has to be written at ``path``, where a class is not the folder of its images. ``drops_duplicates``: whether some
    bytes have two labels, and are left out. ``training``: a folder of the same dataset that is to train on. ``notes``:
    what was guessed, a phrase each.
    """

    __test__ = False  # it is not a test, whatever pytest takes its name for

    name: str
    path: Path
    folder: Path
    listing: Listing
    manifest: str | None = None
    drops_duplicates: bool = False
    training: Path | None = None
    notes: tuple[str, ...] = ()

    @property
    def folders(self) -> list[str]:
        """The classes, sorted; those without images are among them."""
        return datasets.folder_names(self.listing)

    @property
    def units(self) -> int:
        """How many different images count, or groups of them."""
        return len({image.group or image.sha256 for image in self.listing.images})

    @property
    def distinct(self) -> int:
        """How many different images there are."""
        return len({image.sha256 for image in self.listing.images})


def find(data: Path, is_known: Callable[[str], bool], sha256: Callable[[Place], str] = listings.sha256) -> TestImages:
    """The images that a folder or a manifest stands for.

    ``is_known``: whether a model has a class of this name. ``sha256``: hashes a file, see :func:`listings.find`.
    Raises ConfigError, with the next step, where there are no images in class folders.
    """
    source = sources.find(data, is_known)
    return replace(_of_source(source, is_known, sha256), training=source.training)


def _of_source(source: Source, is_known: Callable[[str], bool], sha256: Callable[[Place], str]) -> TestImages:
    root = source.path
    name = names.cleaned(_title(root), "images")
    if root.is_file():
        return _listed(name, root, source.notes, sha256)
    if source.labels is not None:
        return _without_copies(_labelled(name, source, source.labels, sha256))
    listing = listings.find(name, root, sha256)
    if not listing.images and not listing.rejections:
        step = suffixless.sentence(root) or f"it must hold {EXAMPLE}"
        raise ConfigError(f"{root}: there is no image in its folders, only {_ignored(listing)}: {step}")
    return _without_copies(_grouped(TestImages(name, root, root, listing, notes=source.notes), is_known))


def _ignored(listing: Listing) -> str:
    return messages.counted(listing.ignored, "other file")


def _title(root: Path) -> str:
    """What a dataset is called after: the folder itself, with the one above where it is named like any split."""
    absolute = root.absolute()
    stem = absolute.stem if absolute.is_file() else absolute.name
    is_split = stem.lower() in SPLITS
    return f"{absolute.parent.name}-{stem}" if is_split and len(root.parts) > 1 else stem


# Which classes.


def _labelled(name: str, source: Source, found: FileLabels, sha256: Callable[[Place], str]) -> TestImages:
    """The images of one folder with their labels, which a manifest is to list."""
    root, text = source.path, _manifest(source.path, found.labels)
    file, labels = _new_manifest(name, text), found.labels
    listing = listings.find_flat(name, root, sha256)
    labelled = [replace(image, label=labels[image.path]) for image in listing.images if image.path in labels]
    note = f"the classes are {found.origin}; {file} lists the images: one that comes later is another line of it"
    without = len(listing.images) - len(labelled)
    unlabelled = [f"{messages.counted(without, 'image')} without a label: not in {file}"] if without else []
    return TestImages(
        name, file, root,
        replace(listing, images=Images(labelled)),
        text,
        notes=(*source.notes, note, *unlabelled),
    )  # fmt: skip


def _new_manifest(name: str, text: str) -> Path:
    """The name of a manifest of this text that no file here has, or only one of the same text, or else the last one."""
    files = [Path(f"{name}{ending}.csv") for ending in ("", "-labels", "-imgcls")]
    return next((file for file in files if _is_free(file, text)), files[-1])


def _is_free(file: Path, text: str) -> bool:
    return not os.path.lexists(file) or (file.is_file() and file.read_bytes() == text.encode())


def _listed(name: str, file: Path, notes: Sequence[str], sha256: Callable[[Place], str]) -> TestImages:
    """The images of a manifest."""
    listing = datasets.list_images(DatasetSpec(name, file, duplicates="drop"), sha256)
    if not listing.images and not listing.rejections:
        raise ConfigError(f"{file} lists no image: its columns are path and label, a row per image")
    # a manifest itself ignores nothing: what is ignored was left out for its second label
    left = replace(listing, ignored=0, ignored_suffixes={})
    return TestImages(name, file, file, left, None, listing.ignored > 0, notes=(*notes, *listing.notes))


def _without_copies(images: TestImages) -> TestImages:
    """The images without those of which the same bytes have another label, too."""
    listing = images.listing
    resolved = duplicates.resolve(listing, "drop")
    if resolved is listing:
        return images
    if not resolved.images:
        command = f"imgcls data check {shlex.quote(str(images.folder))}"
        raise ConfigError(
            f"{images.folder}: the bytes of every image lie under another label, too: {command} lists them"
        )
    left = replace(resolved, ignored=listing.ignored, ignored_suffixes=listing.ignored_suffixes)
    return replace(images, listing=left, drops_duplicates=True, notes=(*images.notes, *resolved.notes))


def _grouped(images: TestImages, is_known: Callable[[str], bool]) -> TestImages:
    """The images under the folders that are their classes, where the folders above those are only groups."""
    listing = images.listing
    paths = [*(image.path for image in listing.images), *(rejection.path for rejection in listing.rejections)]
    folders = class_folders.lowest(paths)
    below = set(folders.values())
    if not class_folders.are_grouped(below, is_known):
        return _with_note_on_splits(images, below)
    labels = {path: PurePosixPath(folder).name for path, folder in folders.items()}
    labelled = replace(
        listing,
        images=Images(replace(image, label=labels[image.path]) for image in listing.images),
        empty_classes=(),
    )
    parents = {PurePosixPath(folder).parent for folder in below}
    classes = f"the classes are the {len(below)} folders below {messages.named(sorted(map(str, parents)), 3)}"
    if len(parents) == 1:
        root = images.path / parents.pop()
        return replace(images, path=root, folder=root, listing=_moved(labelled, root), notes=(*images.notes, classes))
    file = Path(f"{images.name}.csv")
    note = f"{classes}; {file} lists their images: one that comes later is another line of it"
    without = len(paths) - len(labels)
    outside = [f"{messages.counted(without, 'image')} next to these folders: not in {file}"] if without else []
    text = _manifest(images.path, labels)
    return replace(images, path=file, listing=labelled, manifest=text, notes=(*images.notes, note, *outside))


def _with_note_on_splits(images: TestImages, folders: Collection[str]) -> TestImages:
    """The images, with a note where classes hold splits, as ``cat/train`` and ``cat/val``: all of it is tested on."""
    parts = {part for folder in folders for part in PurePosixPath(folder).parts[1:] if part.lower() in SPLITS}
    if not parts:
        return images
    note = f"{' and '.join(sorted(parts))} inside of the class folders are not told apart: all images are tested on"
    return replace(images, notes=(*images.notes, note))


def _moved(listing: Listing, root: Path) -> Listing:
    """The listing of the folder that holds the class folders, in place of one above."""
    images = Images(replace(image, path=messages.path_text(image.file.relative_to(root))) for image in listing.images)
    return replace(listing, images=images)


def _manifest(root: Path, labels: Mapping[str, str]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["path", "label"])
    writer.writerows([(root / path).as_posix(), label] for path, label in sorted(labels.items()))
    return text.getvalue()
