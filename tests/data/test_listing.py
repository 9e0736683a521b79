"""imgcls.data.listing: every path of a dataset is accounted for, and what is read are the bytes that were listed."""

import hashlib
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from imgcls.data import listing as listings
from imgcls.errors import ConfigError, Undecodable
from imgcls.records.data import ImageRef, Images, Listing

DATA = b"not an image: nothing here decodes it"


def _put(file: Path, data: bytes = DATA) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    return file


def _paths(listing: Listing) -> list[str]:
    return [image.path for image in listing.images]


def _reasons(listing: Listing) -> dict[str, str]:
    return {rejection.path: rejection.reason for rejection in listing.rejections}


# Listing.


def test_find_labels_by_first_folder_and_sorts_by_path(tmp_path: Path) -> None:
    """The label is the first folder's name however deep an image lies, and paths come sorted."""
    for path in ("dog/a.png", "cat/deep/er/b.png", "cat/a.png", "cat-2/z.png"):
        _put(tmp_path / path)

    listing = listings.find("pets", tmp_path)

    assert listing == Listing(
        Images(
            ImageRef(path, tmp_path / path, hashlib.sha256(DATA).hexdigest(), label)
            for path, label in [
                ("cat-2/z.png", "cat-2"),
                ("cat/a.png", "cat"),
                ("cat/deep/er/b.png", "cat"),
                ("dog/a.png", "dog"),
            ]
        ),
        (),
        0,
    )


@pytest.mark.parametrize(
    "extension", [".jpg", ".JPG", ".Png", ".ppm", ".avif", ".jp2", ".HEIC", ".tga", ".ico", ".qoi"]
)
def test_find_knows_an_extension_in_any_case(tmp_path: Path, extension: str) -> None:
    """Each of the extensions makes an image, whatever its case."""
    _put(tmp_path / "cat" / f"a{extension}")

    assert _paths(listings.find("pets", tmp_path)) == [f"cat/a{extension}"]


def test_find_rejects_formats_that_are_not_read(tmp_path: Path) -> None:
    """A known image that cannot be read is not left out in silence, by whichever way it is listed."""
    for name in ("a.nef", "b.svg", "c.png"):
        _put(tmp_path / "cat" / name)

    listing = listings.find("pets", tmp_path)
    named = listings.find_unlabelled("predict", [tmp_path / "cat" / "a.nef"])

    assert _paths(listing) == ["cat/c.png"]
    assert _reasons(listing) == {"cat/a.nef": "unsupported", "cat/b.svg": "unsupported"}
    assert [rejection.reason for rejection in named.rejections] == ["unsupported"]


def test_find_names_class_folders_without_images(tmp_path: Path) -> None:
    """Those that hold nothing, only other files, or only what is rejected; hidden ones and a system's own are none."""
    for path in ("cat/a.png", "dog/notes.txt", "fox/a.nef", ".git/config", "__MACOSX/cat/._a.png"):
        _put(tmp_path / path)
    (tmp_path / "ant").mkdir()

    assert listings.find("pets", tmp_path).empty_classes == ("ant", "dog", "fox")


def test_find_counts_other_and_hidden_files_as_ignored(tmp_path: Path) -> None:
    """Other extensions, hidden files and files in hidden folders are each counted once, and not as images."""
    _put(tmp_path / "cat" / "a.png")
    for path in ("README", "cat/notes.txt", "cat/.a.png", ".git/b.png", "cat/@eaDir/THUMB.jpg"):
        _put(tmp_path / path)
    (tmp_path / "cat" / "gone.txt").symlink_to("nowhere")

    listing = listings.find("pets", tmp_path)

    assert (_paths(listing), listing.rejections, listing.ignored) == (["cat/a.png"], (), 6)
    assert listing.ignored_suffixes == {"": 1, ".txt": 2, "hidden": 3}


def test_find_rejects_an_image_without_a_class_folder(tmp_path: Path) -> None:
    """An image in the root has no label, so it is rejected with what to do."""
    _put(tmp_path / "cat" / "a.png")
    _put(tmp_path / "b.png")

    (rejection,) = listings.find("pets", tmp_path).rejections

    assert (rejection.dataset, rejection.path, rejection.reason) == ("pets", "b.png", "unlabelled")
    assert "move it into the folder of its class" in rejection.detail


def test_find_rejects_what_is_no_file(tmp_path: Path) -> None:
    """Dangling and circular links, empty files and folders named like images are rejected by reason, each once."""
    _put(tmp_path / "cat" / "empty.png", b"")
    _put(tmp_path / "cat" / "folder.jpg" / "inside.png")
    (tmp_path / "cat" / "dangling.jpg").symlink_to("nowhere.jpg")
    (tmp_path / "cat" / "self.jpg").symlink_to("self.jpg")

    listing = listings.find("pets", tmp_path)

    assert _paths(listing) == ["cat/folder.jpg/inside.png"]
    assert _reasons(listing) == {
        "cat/dangling.jpg": "missing",
        "cat/empty.png": "empty",
        "cat/folder.jpg": "not_regular",
        "cat/self.jpg": "unreadable",
    }
    assert all(rejection.detail for rejection in listing.rejections)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes on this system")
def test_find_does_not_wait_for_a_pipe(tmp_path: Path) -> None:
    """A named pipe without a writer, and a link to it, are rejected and never opened."""
    (tmp_path / "cat").mkdir()
    os.mkfifo(tmp_path / "cat" / "pipe.jpg")
    (tmp_path / "cat" / "link.jpg").symlink_to("pipe.jpg")

    listing = listings.find("pets", tmp_path)

    assert _reasons(listing) == {"cat/link.jpg": "not_regular", "cat/pipe.jpg": "not_regular"}


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="no sockets in the file system here")
def test_find_rejects_a_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A socket that is named like an image is not a file."""
    (tmp_path / "cat").mkdir()
    monkeypatch.chdir(tmp_path)  # the name of a socket is short
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("cat/socket.jpg")

    assert _reasons(listings.find("pets", tmp_path)) == {"cat/socket.jpg": "not_regular"}


def test_find_names_a_refused_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system refuses to open a file, the rest is listed; the refusal is simulated, as root has none."""
    locked = _put(tmp_path / "cat" / "locked.png")
    _put(tmp_path / "cat" / "open.png")
    really_open = Path.open

    def refuse(path: Path, mode: str) -> object:
        if path == locked:
            raise PermissionError(13, "Permission denied", str(path))
        return really_open(path, mode)

    monkeypatch.setattr(Path, "open", refuse)

    listing = listings.find("pets", tmp_path)

    assert _paths(listing) == ["cat/open.png"]
    assert _reasons(listing) == {"cat/locked.png": "permission"}


def test_find_names_a_folder_that_cannot_be_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that the system does not list is a rejection: what it holds is not dropped in silence."""
    _put(tmp_path / "cat" / "a.png")
    _put(tmp_path / "dog" / "a.png")
    really_scan = os.scandir

    def refuse(path: str) -> object:
        if path == str(tmp_path / "dog"):
            raise PermissionError(13, "Permission denied", path)
        return really_scan(path)

    monkeypatch.setattr(os, "scandir", refuse)

    listing = listings.find("pets", tmp_path)

    assert (_paths(listing), _reasons(listing)) == (["cat/a.png"], {"dog": "permission"})


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_find_meets_real_permissions(tmp_path: Path) -> None:
    """A file of mode 0 is rejected for its permission."""
    _put(tmp_path / "cat" / "locked.png").chmod(0)

    assert _reasons(listings.find("pets", tmp_path)) == {"cat/locked.png": "permission"}


def test_find_follows_linked_folders_but_no_loops(tmp_path: Path) -> None:
    """Folders linked from elsewhere are followed under each of their names; links back to a parent are not."""
    _put(tmp_path / "elsewhere" / "a.png")
    data = tmp_path / "data"
    (data / "cat" / "deep").mkdir(parents=True)
    (data / "dog").symlink_to("../elsewhere")
    (data / "cat" / "more").symlink_to("../../elsewhere")
    (data / "cat" / "deep" / "up").symlink_to("..")
    (data / "cat" / "deep" / "root").symlink_to(data)
    (tmp_path / "elsewhere" / "back").symlink_to("../elsewhere")

    assert _paths(listings.find("pets", data)) == ["cat/more/a.png", "dog/a.png"]


@pytest.mark.skipif(sys.platform in {"win32", "darwin"}, reason="file names are Unicode on this system")
def test_find_spells_out_a_name_that_is_no_utf8(tmp_path: Path) -> None:
    """A name of arbitrary bytes is listed under a text that every report can hold, and is still opened."""
    _put(tmp_path / "cat" / os.fsdecode(b"caf\xe9.png"))

    (image,) = listings.find("pets", tmp_path).images

    assert (image.path, listings.read(image)) == ("cat/caf\\xe9.png", DATA)


@pytest.mark.parametrize("name", ["absent", "file", "empty"])
def test_find_refuses_what_holds_no_class_folder(tmp_path: Path, name: str) -> None:
    """An absent folder, a file, and a folder without folders are errors that name what is expected."""
    _put(tmp_path / "file")
    _put(tmp_path / "empty" / "a.png")
    (tmp_path / "empty" / ".hidden").mkdir()

    with pytest.raises(ConfigError, match=f"'pets': .*{name}.*expected a folder that holds one folder of images per"):
        listings.find("pets", tmp_path / name)


def test_find_unlabelled_tries_what_it_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Named files are tried whatever their name, folders are searched, nothing has a label, each path is once."""
    for path in ("z.bin", "folder/b.png", "folder/deep/a.png", "folder/notes.txt", "folder/.hidden/c.png"):
        _put(tmp_path / path)
    monkeypatch.chdir(tmp_path)

    listing = listings.find_unlabelled("predict", [Path(p) for p in ("z.bin", "gone.jpg", "folder", "./folder/b.png")])

    assert [(image.path, image.label) for image in listing.images] == [
        ("z.bin", None),
        ("folder/b.png", None),
        ("folder/deep/a.png", None),
    ]
    assert (_reasons(listing), listing.ignored) == ({"gone.jpg": "missing"}, 2)
    assert listing.ignored_suffixes == {".txt": 1, "hidden": 1}
    assert listing.notes == ("files in folders that are not images by their suffix were ignored: .txt 1, hidden 1",)
    assert _paths(listings.find_unlabelled("predict", [Path("folder/deep"), Path()])) == [
        "folder/deep/a.png",
        "folder/b.png",
    ]


@pytest.mark.shared
def test_every_hostile_path_is_listed_once(shared_data: Path) -> None:
    """Images, rejections and ignored files add up to the files of the folder."""
    listing = listings.find("hostile", shared_data / "hostile")
    paths = [*_paths(listing), *_reasons(listing)]

    assert len(set(paths)) + listing.ignored == len(paths) + listing.ignored == 1194
    assert {image.label for image in listing.images} == {"exif", "pillow", "pngsuite"}


# Reading.


def _gone(file: Path) -> None:
    file.unlink()


def _emptied(file: Path) -> None:
    file.write_bytes(b"")


def _rewritten(file: Path) -> None:
    file.write_bytes(b"others")


def _made_a_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


@pytest.mark.parametrize(
    ("happens", "reason"),
    [(_gone, "missing"), (_emptied, "empty"), (_rewritten, "changed"), (_made_a_folder, "not_regular")],
)
def test_read_gives_only_the_bytes_that_were_listed(
    tmp_path: Path, happens: Callable[[Path], None], reason: str
) -> None:
    """A file that is not what it was when it was listed gives no bytes, but the reason."""
    file = _put(tmp_path / "cat" / "a.png")
    (image,) = listings.find("pets", tmp_path).images
    assert listings.read(image) == DATA
    happens(file)

    with pytest.raises(Undecodable, match=f"^{reason}: .") as caught:
        listings.read(image)

    assert caught.value.reason == reason


def test_a_flat_folder_is_listed_without_labels(tmp_path: Path) -> None:
    """With paths relative to it; what is not an image is ignored."""
    for name in ("b.png", "a.jpg", "notes.txt"):
        (tmp_path / name).write_bytes(b"x")
    listing = listings.find_flat("photos", tmp_path, sha256=listings.unhashed)
    assert [(image.path, image.label) for image in listing.images] == [("a.jpg", None), ("b.png", None)]
    assert listing.ignored_suffixes == {".txt": 1}
