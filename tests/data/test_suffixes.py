"""imgcls.data.suffixes: what is an image, what is refused, and what is ignored, by the suffix of a name."""

from pathlib import PurePosixPath

import pytest
from PIL import Image

from conftest import Command
from imgcls.data import suffixes


def test_every_format_that_pillow_reads_is_an_image() -> None:
    """All suffixes that Pillow registers, except those of films, data and documents."""
    not_images = {".bufr", ".grib", ".h5", ".hdf", ".mpeg", ".mpg", ".pdf"}
    # SPIDER registers what a file happens to be called that it is saved under.
    registered = {suffix for suffix, name in Image.registered_extensions().items() if name != "SPIDER"}
    assert {suffix for suffix in registered if not suffixes.has_image_suffix(f"a{suffix}")} == not_images & registered


def test_usual_names_are_known_without_pillow(python: Command) -> None:
    """To ask Pillow for all suffixes, all of its plugins are imported; class folders have none."""
    code = (
        "import sys\nfrom imgcls.data import suffixes\n"
        "names = ('a.JPG', 'b.jpeg', 'c.png', 'n01440764', '.jpg')\n"
        "print([suffixes.has_image_suffix(name) for name in names], 'PIL' in sys.modules)"
    )
    assert python(code).outlines == ["[True, True, True, False, False] False"]


@pytest.mark.parametrize(
    "name",
    ["a.jpg", "a.JPEG", "a.avif", "a.heic", "IMG_1.HEIC", "a.jxl", "a.webp", "a.ppm", "a.tga", "a.cr2", "a.svg"],
)
def test_what_is_known_as_an_image_is_one(name: str) -> None:
    """In any case, whether this installation reads it or not."""
    assert suffixes.has_image_suffix(name)


@pytest.mark.parametrize("name", ["Thumbs.db", "notes.txt", "README", "labels.csv", "clip.mp4", "a.pdf", "jpg"])
def test_what_is_not_an_image_is_not_one(name: str) -> None:
    """Nor is a name without a suffix."""
    assert not suffixes.has_image_suffix(name)


@pytest.mark.parametrize(
    ("name", "detail"),
    [
        ("DSC_1.NEF", "it is a raw file of a camera, whose pixels depend on how it is developed: save it as JPEG, "),
        ("logo.svg", "it is made of vectors, which have no pixels until they are drawn: save it as JPEG, PNG or TIFF"),
        ("figure.eps", "it is made of vectors"),
        ("scan.dcm", "it is in a format that is not read: save it as JPEG, PNG or TIFF"),
    ],
)
def test_what_no_installation_reads_is_refused(name: str, detail: str) -> None:
    """With what it is, and what to do; Pillow would read the thumbnail of a raw file."""
    refusal = suffixes.refusal(name)
    assert refusal is not None
    assert refusal.reason == "unsupported"
    assert refusal.detail.startswith(detail)


@pytest.mark.parametrize("name", ["a.jpg", "a.heic", "a.jxl", "a.avif", "a.txt", "a"])
def test_what_some_installation_reads_is_tried(name: str) -> None:
    """Its bytes say what it is."""
    assert suffixes.refusal(name) is None


def test_ignored_files_are_counted_by_suffix() -> None:
    """Lower case; without one they stand under the empty name, and hidden ones under theirs."""
    paths = ["cat/Thumbs.db", "cat/a.TXT", "b.txt", "cat/README", ".DS_Store", "cat/.a.jpg", ".git/config"]
    of_systems = [
        "__MACOSX/cat/a.jpg",
        "cat/@eaDir/a.jpg/SYNOPHOTO_THUMB_M.jpg",
        "$RECYCLE.BIN/a.jpg",
        "__pycache__/a.pyc",
    ]
    counts = suffixes.by_suffix(map(PurePosixPath, [*paths, *of_systems]))
    assert counts == {"": 1, ".db": 1, ".txt": 2, "hidden": 7}
