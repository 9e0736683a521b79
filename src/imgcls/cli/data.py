"""``imgcls data``: what is wrong with a set of images, before anything is predicted."""

import argparse
import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

from imgcls import documents, messages
from imgcls.cli import arguments, destinations, output
from imgcls.data.places import urls
from imgcls.errors import ConfigError
from imgcls.records.config import DatasetSpec
from imgcls.records.data import Listing
from imgcls.records.evaluation import Progress
from imgcls.records.inspection import DISTORTING, Inspection, Kind
from imgcls.reporting import presentation, progress
from imgcls.reporting.presentation import Presentation
from imgcls.session import options as run_options
from imgcls.session import selection
from imgcls.session.options import RunOptions

FORMAT = 1


def add_data(commands: Any) -> None:
    data = commands.add_parser("data", help="sets of images: duplicates, blank and broken files").add_subparsers(
        required=True, metavar="COMMAND"
    )
    check = data.add_parser(
        "check",
        help="duplicates, near duplicates, images that are in another set, blank, tiny and broken ones",
        **arguments.examples(
            "imgcls data check photos/",
            "imgcls data check photos/test --against photos/train --json check.json",
        ),
    )
    what = "a folder of images, with a folder per class or not; a manifest, archive or URL; or a configured dataset"
    check.add_argument("data", metavar="DIR|MANIFEST|DATASET", help=what)
    check.add_argument(
        "--against", metavar="DIR|MANIFEST|DATASET", help="find images that are also in this set, as that of training"
    )
    run_options.add_to_command(check, "config")
    destinations.add(check, "json")
    run_options.add_verbosity(check)
    check.set_defaults(command=check_data)


def check_data(namespace: argparse.Namespace) -> int:
    """Print what was found, and write it; 1 where something distorts a test, 0 otherwise. Raises ConfigError."""
    options = RunOptions.from_namespace(namespace)
    spec, listing = _listed(options, namespace.data)
    against = _listed(options, namespace.against)[1] if namespace.against else None
    data, other = urls.shown(namespace.data), namespace.against and urls.shown(namespace.against)
    if not listing.images and not listing.rejections:
        raise ConfigError(f"{data}: there is no image in it{_ignored(listing)}")
    from imgcls.inspection import check

    with _shown() as report:
        limit = spec.max_megapixels
        inspection = check.inspect(listing, against, report, exif=spec.exif, max_megapixels=limit)
    from imgcls.reporting import inspection_text

    how = Presentation(presentation.terminal_width(), options.verbosity)
    if text := inspection_text.text(inspection, data, other, how):
        output.line(text)
    if options.json:
        documents.write(options.json, _document(inspection, data, other))
    return 0 if inspection.is_clean else 1


def _ignored(listing: Listing) -> str:
    suffixes = [f"{suffix or 'no suffix'} {count}" for suffix, count in listing.ignored_suffixes.items()]
    return f", only files that are not images by their names: {messages.named(suffixes)}" if suffixes else ""


def _listed(options: RunOptions, data: str) -> tuple[DatasetSpec, Listing]:
    """A set, and its files, which are not hashed; a folder without class folders has no labels. Raises ConfigError."""
    from imgcls.data import dataset as datasets
    from imgcls.data import image_folders, layout
    from imgcls.data import listing as listings

    spec = selection.requested_dataset(options.config, data)
    is_folder = os.path.isdir(spec.path)  # noqa: PTH112 - pathlib's raises an error for what may not be entered
    if is_folder and isinstance(spec.path, Path):
        if names := layout.splits_in(spec.path):
            raise ConfigError(_way_to_check(data, spec.path, names))
        if inner := image_folders.of_classes(spec.path):
            command = f"imgcls data check {_quoted(spec.path / inner)}"
            raise ConfigError(f"{image_folders.sentence(data, inner)}: run `{command}`")
        if not layout.has_class_folders(spec.path):
            return spec, listings.find_flat(spec.name, spec.path, sha256=listings.unhashed)
    return spec, datasets.list_images(spec, sha256=listings.unhashed)


def _way_to_check(data: str, folder: Path, names: tuple[str, ...]) -> str:
    """What to say of a folder that holds splits, the one to score first."""
    from imgcls.data import splits

    paths = [_quoted(folder / name) for name in names]
    command = " --against ".join(paths[:: len(paths) - 1]) if len(paths) > 1 else paths[0]
    return f"{splits.sentence(data, names)}: run `imgcls data check {command}`"


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))


@contextmanager
def _shown() -> Iterator[Progress]:
    """What is done at the moment, after a second."""
    with progress.status(sys.stderr) as say:
        yield lambda what, done, total: say(f"{what}: {done} of {messages.counted(total, 'image')}")


def _document(inspection: Inspection, name: str, against: str | None) -> dict[str, Any]:
    """What docs/data.md describes."""
    return {
        "format": FORMAT,
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "data": name,
        "against": against,
        "is_clean": inspection.is_clean,
        "images": inspection.images,
        "classes": inspection.classes,
        "formats": inspection.formats,
        "ignored": inspection.ignored,
        "empty_classes": inspection.empty_classes,
        "notes": inspection.notes,
        "counts": {kind: inspection.count(kind) for kind in get_args(Kind)},
        "distorting": sorted(DISTORTING),
        "findings": inspection.findings,
    }
