"""imgcls.data.places.tar: members of an archive are images under the folders of their classes, or are named."""

import hashlib
import io
import os
import tarfile
from pathlib import Path

import pytest

from dataset_forms import DATA, labels, listed, reasons, tar_of
from imgcls.data import dataset
from imgcls.data import listing as listings
from imgcls.data.places import containers
from imgcls.errors import ConfigError, Undecodable
from imgcls.records.config import DatasetSpec
from imgcls.records.data import Member, Place
from imgcls.records.shards import Shard


def test_members_are_images_by_their_folders(tmp_path: Path) -> None:
    """Sorted by path, hashed, and read byte for byte; other files and hidden ones are counted as ignored."""
    tar_of(
        tmp_path / "a.tar",
        {"./dog/1.png": b"one", "cat/x/2.jpg": b"two", "cat/notes.txt": b"n", "cat/._2.jpg": b"mac", "README": b"r"},
    )
    listing = listed(tmp_path / "a.tar")
    assert labels(listing) == {"cat/x/2.jpg": "cat", "dog/1.png": "dog"}
    assert [image.sha256 for image in listing.images] == [hashlib.sha256(data).hexdigest() for data in (b"two", b"one")]
    assert [listings.read(image) for image in listing.images] == [b"two", b"one"]
    assert (listing.ignored, listing.ignored_suffixes) == (3, {"": 1, ".txt": 1, "hidden": 1})
    assert listing.notes == ()


def test_the_folder_that_was_packed_is_no_class(tmp_path: Path) -> None:
    """Where every image lies below one folder and another, the first is left out of the paths, with a note."""
    listing = listed(tar_of(tmp_path / "a.tar", {"photos/dog/1.png": b"one", "photos/cat/2.png": b"two"}))
    assert labels(listing) == {"cat/2.png": "cat", "dog/1.png": "dog"}
    assert listing.notes == ("its paths begin in the folder photos of the archive",)


def test_splits_are_not_classes(tmp_path: Path) -> None:
    """An archive of train and val is refused with what to do."""
    tar_of(tmp_path / "a.tar", {"train/cat/1.png": b"one", "val/cat/2.png": b"two"})
    with pytest.raises(ConfigError, match=r"a\.tar holds val and train, which are not classes: make a dataset of each"):
        listed(tmp_path / "a.tar")


def test_a_folder_that_holds_the_class_folders_is_no_class(tmp_path: Path) -> None:
    """Where it is called as folders of images are and holds all images, below the folder that was packed."""
    below = {"cub/images/cat/1.png": b"one", "cub/images/dog/2.png": b"two", "cub/images.txt": b"1 2"}
    with pytest.raises(ConfigError, match=r"a\.tar lie in folders of images, which is not a class: make a"):
        listed(tar_of(tmp_path / "a.tar", below))
    for more, classes in (("cub/images/3.png", {"images"}), ("cub/birds/3.png", {"images", "birds"})):
        listing = listed(tar_of(tmp_path / "a.tar", {**below, more: b"three"}))
        assert {*labels(listing).values()} == classes


def test_what_is_not_an_image_by_its_place_or_kind_is_named(tmp_path: Path) -> None:
    """Names that lead out of the archive, links, empty members, repeated names, raw files: each with its reason."""
    file = tmp_path / "a.tar"
    members = [
        ("cat/1.png", b"one"), ("/etc/cat/2.png", b"two"), ("../dog/3.png", b"three"), ("4.png", b"four"),
        ("cat/5.png", b""), ("cat/6.png", b"six"), ("cat/6.png", b"other"), ("cat/7.nef", b"raw"),
    ]  # fmt: skip
    tar_of(file, members)
    with tarfile.open(file, "a") as archive:
        for name, kind in (
            ("cat/8.png", tarfile.SYMTYPE),
            ("cat/9.png", tarfile.LNKTYPE),
            ("cat/f.png", tarfile.FIFOTYPE),
        ):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "cat/1.png"
            archive.addfile(info)
    listing = listed(file)
    assert labels(listing) == {"cat/1.png": "cat"}
    assert {path: reason for path, (reason, _) in reasons(listing).items()} == {
        "../dog/3.png": "unlabelled", "/etc/cat/2.png": "unlabelled", "4.png": "unlabelled", "cat/5.png": "empty",
        "cat/6.png": "corrupt", "cat/7.nef": "unsupported", "cat/8.png": "not_regular", "cat/9.png": "not_regular",
        "cat/f.png": "not_regular",
    }  # fmt: skip
    assert reasons(listing)["cat/6.png"][1] == "2 members have this name, so that it is not known which is meant"
    assert "leads out of the archive" in reasons(listing)["../dog/3.png"][1]
    assert not (tmp_path.parent / "dog").exists()


def _sizes(file: Path) -> list[int]:
    with tarfile.open(file) as archive:
        return [info.offset for info in archive]


@pytest.mark.parametrize("where", ["in the last member", "in its header", "after it"])
def test_a_truncated_archive_is_named(tmp_path: Path, where: str) -> None:
    """What there was before is listed, and the archive itself is a rejection: nothing is lost in silence."""
    file = tar_of(tmp_path / "a.tar", {"cat/1.png": b"one", "dog/2.png": DATA})
    last = _sizes(file)[-1]
    os.truncate(
        file, {"in the last member": last + 512 + 10, "in its header": last + 100, "after it": last + 1024}[where]
    )
    listing = listed(file)
    assert "cat/1.png" in labels(listing)
    assert reasons(listing)["a.tar"][0] == "truncated"
    if where == "in the last member":
        assert reasons(listing)["dog/2.png"][0] == "truncated"


def test_what_is_not_a_header_ends_the_archive_aloud(tmp_path: Path) -> None:
    """The standard library ends a listing there as if nothing followed; here the archive is a rejection."""
    file = tar_of(tmp_path / "a.tar", {"cat/1.png": b"one", "dog/2.png": b"two", "dog/3.png": b"three"})
    offset = _sizes(file)[1]
    with file.open("r+b") as stream:
        stream.seek(offset)
        stream.write(b"x" * 512)
    assert reasons(listed(file))["a.tar"] == (
        "corrupt",
        f"no header at byte {offset}: whatever follows member 1 is not listed",
    )


def test_an_archive_that_is_none_is_an_error(tmp_path: Path) -> None:
    """Absent, empty or of another kind: a sentence with the reason."""
    (tmp_path / "a.tar").write_bytes(b"x" * 2000)
    (tmp_path / "empty.tar").touch()
    for name, reason in (
        ("a.tar", "corrupt: it cannot be read as a tar"),
        ("empty.tar", "empty"),
        ("gone.tar", "missing"),
    ):
        with pytest.raises(ConfigError, match=f"^dataset 'd': .*{name}: {reason}"):
            listed(tmp_path / name)


def test_what_is_read_is_what_was_listed(tmp_path: Path) -> None:
    """Another archive in its place has changed; one that is gone is missing; a shorter one is truncated."""
    file = tar_of(tmp_path / "a.tar", {"cat/1.png": b"one", "dog/2.png": DATA})
    cat, dog = listed(file).images
    tar_of(file, {"cat/1.png": b"eno", "dog/2.png": DATA})
    with pytest.raises(Undecodable, match="changed: it was listed with sha256"):
        listings.read(cat)
    assert isinstance(dog.place, Member)
    os.truncate(file, dog.place.at[0] + 5)
    with pytest.raises(Undecodable, match=f"truncated: .*after 5 of its {len(DATA)} bytes"):
        listings.read(dog)
    file.unlink()
    with pytest.raises(Undecodable, match="missing"):
        listings.read(cat)


def test_a_shard_that_is_missing_is_a_rejection(tmp_path: Path) -> None:
    """The others are listed, with the shard's name before their paths."""
    for number in (0, 2):
        tar_of(tmp_path / f"s-{number}.tar", {f"cat/{number}.png": b"%d" % number, "dog/same.png": b"same"})
    listing = listed(tmp_path / "s-{0..2}.tar")
    assert list(labels(listing)) == [
        "s-0.tar/cat/0.png", "s-0.tar/dog/same.png", "s-2.tar/cat/2.png", "s-2.tar/dog/same.png",
    ]  # fmt: skip
    assert reasons(listing) == {"s-1.tar": ("missing", "No such file or directory")}


def test_only_members_are_files_of_training(tmp_path: Path) -> None:
    """What needs a file of its own states so in one line."""
    (image,) = listed(tar_of(tmp_path / "a.tar", {"cat/1.png": b"one"})).images
    with pytest.raises(ConfigError, match=r"^cat/1\.png is not a file of its own.*unpack the dataset"):
        _ = image.file


def test_sparse_members_are_refused(tmp_path: Path) -> None:
    """Their bytes are not in one piece."""
    info = tarfile.TarInfo("cat/1.png")
    info.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "9"}
    data = b"1\n0\n3\n".ljust(512, b"\0") + b"one"
    info.size = len(data)
    with tarfile.open(tmp_path / "a.tar", "w", format=tarfile.PAX_FORMAT) as archive:
        archive.addfile(info, io.BytesIO(data))
    assert reasons(listed(tmp_path / "a.tar"))["cat/1.png"][0] == "unsupported"


def test_the_folder_that_was_packed_is_that_of_all_shards(tmp_path: Path) -> None:
    """A shard whose images lie in one class, in folders below it, does not lose its class."""
    tar_of(tmp_path / "s-0.tar", {"cat/a/1.png": b"1", "cat/b/2.png": b"2"})
    tar_of(tmp_path / "s-1.tar", {"dog/a/1.png": b"3"})
    listing = listed(tmp_path / "s-{0..1}.tar")
    assert list(labels(listing).values()) == ["cat", "cat", "dog"]
    assert listing.notes == ()


def test_folders_without_images_are_classes(tmp_path: Path) -> None:
    """As those of a folder are: a network that was trained on the folders has numbered them."""
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        for name in ("photos", "photos/ant", "photos/.git", "photos/cat"):
            info = tarfile.TarInfo(name)
            info.type = tarfile.DIRTYPE
            archive.addfile(info)
        for name in ("photos/cat/1.png", "photos/dog/notes.txt", "photos/elk/x.nef"):
            info = tarfile.TarInfo(name)
            info.size = 3
            archive.addfile(info, io.BytesIO(b"one"))
    listing = listed(tmp_path / "a.tar")
    assert labels(listing) == {"cat/1.png": "cat"}
    assert listing.empty_classes == ("ant", "dog", "elk")


def test_shards_of_a_run_divide_an_archive(tmp_path: Path) -> None:
    """Every path is in one of them, rejections and ignored files too, and each hashes its own images only."""
    members = {f"{label}/{number}.png": f"{label}{number}".encode() for label in ("cat", "dog") for number in range(9)}
    file = tar_of(tmp_path / "a.tar", {**members, "x.png": b"x", "cat/notes.txt": b"n"})
    hashed = list[Place]()

    def sha256(place: Place) -> str:
        hashed.append(place)
        return listings.sha256(place)

    parts = [dataset.list_images(DatasetSpec("d", file), sha256, Shard(number, 3)) for number in (1, 2, 3)]
    whole = listed(file)
    assert sorted(image.path for part in parts for image in part.images) == [image.path for image in whole.images]
    assert [rejection.path for part in parts for rejection in part.rejections] == ["x.png"]
    assert (sum(part.ignored for part in parts), len(hashed)) == (1, len(members))


@pytest.mark.parametrize("size", [-512, -1024, -2048])
def test_a_size_below_0_ends_the_archive(tmp_path: Path, size: int) -> None:
    """Its headers would lead back to themselves; the members before it are images."""
    file = tar_of(tmp_path / "a.tar", {"cat/1.png": DATA, "cat/2.png": DATA})
    data = bytearray(file.read_bytes())
    start = data.index(b"cat/2.png")
    data[start + 124 : start + 136] = size.to_bytes(12, "big", signed=True)
    data[start + 148 : start + 156] = b" " * 8
    data[start + 148 : start + 156] = b"%06o\0 " % sum(data[start : start + 512])
    file.write_bytes(data)
    listing = listed(file)
    assert labels(listing) == {"cat/1.png": "cat"}
    assert reasons(listing) == {
        "a.tar": ("corrupt", f"cat/2.png has a size of {size} bytes: what follows it is not listed")
    }


def test_an_archive_is_read_once_from_its_beginning_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the order of the names: each image where its header is, and the labels of samples too."""
    members = [("b.png", b"one"), ("b.cls", b"dog"), ("a.cls", b"cat"), ("a.png", b"two"), ("c.txt", b"text")]
    tar_of(tmp_path / "s.tar", members)
    tar_of(tmp_path / "f.tar", {"dog/b.png": b"one", "cat/a.png": b"two", "cat/c.txt": b"text"})
    offsets, really = list[int](), containers.read

    def read(container: str, offset: int, size: int) -> bytes:
        offsets.append(offset)
        return really(container, offset, size)

    monkeypatch.setattr(containers, "read", read)
    for name, paths, reads in (("s.tar", ["a.png", "b.png"], 4), ("f.tar", ["cat/a.png", "dog/b.png"], 2)):
        offsets.clear()
        assert labels(listed(tmp_path / name)) == dict(zip(paths, ("cat", "dog"), strict=True))
        assert (len(offsets), offsets) == (reads, sorted(offsets))


def test_images_that_cannot_be_read_are_named_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By what is wrong with their place where that is known, otherwise by why they cannot be read."""
    file = tar_of(tmp_path / "a.tar", {"x.png": b"one", "cat/a.png": b"two"})

    def read(*_: object) -> bytes:
        raise Undecodable("unreadable", "a broken disk")

    monkeypatch.setattr(containers, "read", read)
    listing = listed(file)
    assert (labels(listing), reasons(listing)["cat/a.png"]) == ({}, ("unreadable", "a broken disk"))
    assert reasons(listing)["x.png"][0] == "unlabelled"
