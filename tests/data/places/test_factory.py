"""imgcls.data.places.factory: what a function returns is a dataset, and each item of it is an image or named."""

import io
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from dataset_forms import DATA, labels, listed, reasons
from imgcls.data import listing as listings
from imgcls.errors import ConfigError, Undecodable

MODULE = """
from io import BytesIO
from pathlib import Path
from PIL import Image

HERE = Path(__file__).parent

def pairs():
    return [(b"one", "cat"), ("images/2.png", 1), (HERE / "images" / "3.png", "dog")]

def odd():
    return [(b"one", 1.5), (b"two", ""), ("gone.png", "cat"), (3, "cat"), b"four", (b"", "cat"), (b"six", None),
            (Image.new("CMYK", (2, 2)), "cat")]

def pixels():
    return [(Image.new("RGB", (2, 3), (9, 8, 7)), 0), (Image.new("L", (2, 3), 5), 1)]

def twice():
    return [("images/2.png", 0), ("images/2.png", 1)]

class Folder:
    root, classes = HERE, ["cat", "dog"]
    samples = [(str(HERE / "images" / "2.png"), 1), (str(HERE / "images" / "3.png"), 0), (str(HERE / "x.png"), 7)]

class Broken:
    def __len__(self):
        return 2
    def __getitem__(self, index):
        if index:
            raise OSError("disk on fire")
        return b"one", "cat"

def raises():
    raise ValueError("no data today")

class Moody:
    read = 0
    def __len__(self):
        return 1
    def __getitem__(self, index):
        self.read += 1
        return (b"one" if self.read == 1 else None), "cat"

class Unsized:
    def __len__(self):
        raise RuntimeError("no length")
    def __getitem__(self, index):
        return b"one", "cat"

class Stubborn:
    def __index__(self):
        raise TypeError("not a number")

def hard():
    stream = BytesIO()
    Image.effect_noise((99, 99), 50).save(stream, "PNG")
    return [(b"one", Stubborn()), ("a\\0b.png", "cat"), (Image.open(BytesIO(stream.getvalue()[:500])), "cat")]

def leaves():
    raise SystemExit(3)

def a_generator():
    yield b"one", "cat"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder with a module and two images; the module is forgotten afterwards."""
    (tmp_path / "factories.py").write_text(MODULE)
    (tmp_path / "images").mkdir()
    for name in ("2", "3"):
        (tmp_path / "images" / f"{name}.png").write_bytes(name.encode())
    yield tmp_path
    sys.modules.pop("factories", None)


def test_pairs_are_bytes_or_paths_with_labels(folder: Path) -> None:
    """Paths begin at the configuration; what has none is called by its number."""
    listing = listed("python:factories:pairs", folder=folder)
    assert labels(listing) == {"0000000": "cat", "images/2.png": "1", "images/3.png": "dog"}
    assert [listings.read(image) for image in listing.images] == [b"one", b"2", b"3"]
    assert listing.images[1].file == folder / "images" / "2.png"


def test_datasets_of_torchvision_are_their_samples(folder: Path) -> None:
    """Paths, and classes by their names; a number without a name is no label."""
    listing = listed("python:factories:Folder", folder=folder)
    assert labels(listing) == {"images/2.png": "dog", "images/3.png": "cat"}
    assert reasons(listing)["x.png"] == ("unlabelled", "item 2 has the label 7, not a text or the number of a class")


def test_numbers_of_classes_stay_numbers_on_request(folder: Path) -> None:
    """With ``labels = "index"``, whatever names they have."""
    assert list(labels(listed("python:factories:Folder", folder=folder, labels="index")).values()) == ["1", "0"]


def test_pixels_are_hashed_as_such_and_stated(folder: Path) -> None:
    """As PPM, which holds them exactly and is the same whatever version wrote it."""
    listing = listed("python:factories:pixels", folder=folder)
    first = listings.read(listing.images[0])
    assert first == b"P6\n2 3\n255\n" + bytes((9, 8, 7)) * 6
    assert Image.open(io.BytesIO(first)).getpixel((1, 1)) == (9, 8, 7)
    assert listing.notes == ("predictions for 2 images are stored by a hash of pixels: no bytes of a file are given",)


def test_items_that_are_no_images_are_named(folder: Path) -> None:
    """By their number, or their path."""
    listing = listed("python:factories:odd", folder=folder)
    assert {path: reason for path, (reason, _) in reasons(listing).items()} == {
        "0000000": "unlabelled", "0000001": "unlabelled", "gone.png": "missing", "0000003": "unsupported",
        "0000004": "unsupported", "0000005": "empty", "0000006": "unlabelled", "0000007": "unsupported",
    }  # fmt: skip
    assert reasons(listing)["0000003"][1] == "item 3 holds int, not bytes, a path or an image"
    assert not listing.images


def test_items_that_fail_later_are_named(folder: Path) -> None:
    """Whatever a label, a path, an image or a second look at an item raises."""
    later = listed("python:factories:Moody", folder=folder)
    assert reasons(later)["0000000"][1].startswith("item 0 raised AttributeError: ")
    hard = listed("python:factories:hard", folder=folder)
    assert [reason for reason, _ in reasons(hard).values()] == ["unlabelled", "unreadable", "missing"]
    assert not hard.images


def test_a_path_under_two_labels_is_named(folder: Path) -> None:
    """Neither of the two is right."""
    assert reasons(listed("python:factories:twice", folder=folder))["images/2.png"][0] == "corrupt"


def test_an_item_that_raises_is_named(folder: Path) -> None:
    """With what it raised; the others are images."""
    listing = listed("python:factories:Broken", folder=folder)
    assert labels(listing) == {"0000000": "cat"}
    assert reasons(listing) == {"0000001": ("unreadable", "item 1 raised OSError: disk on fire")}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("python:factories", "python:factories names no factory: write python:package.module:factory"),
        ("python:factories:gone", "cannot be imported: module 'factories' has no attribute 'gone'"),
        ("python:no_such_module:x", "cannot be imported: No module named 'no_such_module'"),
        ("python:factories:raises", "raises() raised ValueError: no data today"),
        ("python:factories:leaves", "leaves() raised SystemExit: 3"),
        ("python:factories:Unsized", "len(), samples, classes or root raised RuntimeError: no length"),
        ("python:factories:a_generator", "returned generator, not a sequence of (bytes or path, label)"),
    ],
)
def test_a_factory_that_gives_no_sequence_is_an_error(folder: Path, name: str, message: str) -> None:
    """In one line, with what it raised or returned."""
    with pytest.raises(ConfigError) as caught:
        listed(name, folder=folder)
    assert message in str(caught.value)


def test_columns_are_not_those_of_a_factory(folder: Path) -> None:
    """It gives pairs."""
    with pytest.raises(ConfigError, match="columns are those of a manifest"):
        listed("python:factories:pairs", folder=folder, columns={"path": "a"})


def test_items_that_change_are_noticed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is read later has the bytes that were listed."""
    from imgcls.data.places import factory

    (image, *_) = listed("python:factories:pairs", folder=folder).images
    monkeypatch.setitem(factory._SEQUENCES, "python:factories:pairs", [(DATA, "cat")])
    with pytest.raises(Undecodable, match=r"^changed"):
        listings.read(image)
