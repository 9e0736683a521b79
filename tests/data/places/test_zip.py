"""imgcls.data.places.zip: members of an archive are images under the folders of their classes, or are named."""

import struct
import warnings
import zipfile
import zlib
from pathlib import Path

import pytest

from dataset_forms import DATA, labels, listed, reasons, zip_of
from imgcls.data import listing as listings
from imgcls.data.places import zip as zip_form
from imgcls.errors import ConfigError, Undecodable

MEMBERS = {"photos/dog/1.png": b"one" * 50, "photos/cat/2.png": DATA, "photos/notes.txt": b"n"}


def test_a_member_that_inflates_too_far_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before it fills the memory; what is stored as it is has the size of its archive at most."""
    monkeypatch.setattr(zip_form, "_MOST_INFLATED", 1000)
    members = {"cat/1.png": bytes(1001), "cat/2.png": bytes(1000)}
    listing = listed(zip_of(tmp_path / "a.zip", members))
    assert labels(listing) == {"cat/2.png": "cat"}
    reason, detail = reasons(listing)["cat/1.png"]
    assert (reason, detail.partition(" inflate ")[2]) == ("unsupported", "to more than 1000: pack it with `zip -0`")
    assert len(listed(zip_of(tmp_path / "b.zip", members, zipfile.ZIP_STORED)).images) == 2


def test_a_member_without_a_name_is_not_an_image(tmp_path: Path) -> None:
    """It is counted as ignored."""
    file = zip_of(tmp_path / "a.zip", {"cat/1.png": DATA, "@": DATA})
    file.write_bytes(file.read_bytes().replace(b"@", b"\0"))  # where zipfile ends a name
    assert listed(file).ignored == 1


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_members_are_images_by_their_folders(tmp_path: Path, method: int) -> None:
    """Stored or deflated: sorted by path, read byte for byte, without the folder that was packed."""
    listing = listed(zip_of(tmp_path / "a.zip", MEMBERS, method))
    assert labels(listing) == {"cat/2.png": "cat", "dog/1.png": "dog"}
    assert [listings.read(image) for image in listing.images] == [DATA, b"one" * 50]
    assert (listing.ignored_suffixes, listing.notes) == (
        {".txt": 1},
        ("its paths begin in the folder photos of the archive",),
    )


@pytest.mark.parametrize(("method", "name"), [(zipfile.ZIP_BZIP2, "bzip2"), (zipfile.ZIP_LZMA, "LZMA")])
def test_other_compression_is_named(tmp_path: Path, method: int, name: str) -> None:
    """Each image is a rejection that states what to do."""
    listing = listed(zip_of(tmp_path / "a.zip", {"cat/1.png": DATA}, method))
    assert reasons(listing) == {
        "cat/1.png": ("unsupported", f"it is compressed by {name}: pack the archive with `zip`, which deflates")
    }


def _patched(file: Path, signature: bytes, at: int, value: bytes) -> None:
    """Write into the first record of this signature."""
    data = bytearray(file.read_bytes())
    start = data.index(signature) + at
    data[start : start + len(value)] = value
    file.write_bytes(data)


def test_encrypted_members_are_named(tmp_path: Path) -> None:
    """The flag in the index is enough."""
    file = zip_of(tmp_path / "a.zip", {"cat/1.png": DATA})
    _patched(file, b"PK\x01\x02", 8, struct.pack("<H", 1))
    assert reasons(listed(file))["cat/1.png"] == ("unsupported", "it is encrypted: pack the archive without a password")


@pytest.mark.parametrize(
    ("at", "value", "message"),
    [
        (42, struct.pack("<I", 7), "there is no member at byte 7, where the archive's index has it"),
        (16, struct.pack("<I", 7), "its bytes are not those that the archive's index states"),
        (24, struct.pack("<I", 5), "its bytes are not those that the archive's index states"),
        (24, struct.pack("<I", 2**31), "its bytes are not those that the archive's index states"),
    ],
    ids=["offset", "checksum", "smaller", "larger"],
)
def test_an_index_that_lies_is_named(tmp_path: Path, at: int, value: bytes, message: str) -> None:
    """Whatever it states of a member, the image is a rejection."""
    file = zip_of(tmp_path / "a.zip", {"cat/1.png": DATA})
    _patched(file, b"PK\x01\x02", at, value)
    (reason, detail) = reasons(listed(file))["cat/1.png"]
    assert (reason, detail[: len(message)]) == ("corrupt", message)


def test_bytes_that_do_not_inflate_are_named(tmp_path: Path) -> None:
    """An error of zlib is the image's."""
    file = zip_of(tmp_path / "a.zip", {"cat/1.png": DATA * 9})
    _patched(file, b"PK\x03\x04", 30 + len("cat/1.png"), b"\xff\xff\xff")
    assert reasons(listed(file))["cat/1.png"][0] == "corrupt"


def test_names_that_repeat_or_lead_out_are_named(tmp_path: Path) -> None:
    """Neither of two members of one name is chosen; nothing is written anywhere."""
    with warnings.catch_warnings(), zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        warnings.simplefilter("ignore", UserWarning)  # of zipfile, about the name
        for name in ("cat/1.png", "cat/1.png", "../cat/2.png", "cat/3.png", "cat/4.png"):
            archive.writestr(name, b"" if name == "cat/4.png" else name)
    listing = listed(tmp_path / "a.zip")
    assert labels(listing) == {"cat/3.png": "cat"}
    assert {path: reason for path, (reason, _) in reasons(listing).items()} == {
        "../cat/2.png": "unlabelled", "cat/1.png": "corrupt", "cat/4.png": "empty",
    }  # fmt: skip


def test_a_truncated_archive_has_no_index(tmp_path: Path) -> None:
    """The only one is an error, one of several a rejection."""
    whole = zip_of(tmp_path / "a.zip", MEMBERS)
    (tmp_path / "b.zip").write_bytes(whole.read_bytes()[:-30])
    with pytest.raises(ConfigError, match=r"b\.zip: corrupt: it cannot be read as a zip archive"):
        listed(tmp_path / "b.zip")
    both = listed(tmp_path / "{a,b}.zip")
    assert list(labels(both)) == ["a.zip/cat/2.png", "a.zip/dog/1.png"]
    assert reasons(both)["b.zip"][0] == "corrupt"


def test_an_archive_that_vanishes_is_missing(tmp_path: Path) -> None:
    """After it was listed."""
    file = zip_of(tmp_path / "a.zip", MEMBERS)
    image = listed(file).images[0]
    file.unlink()
    with pytest.raises(Undecodable, match=r"^missing"):
        listings.read(image)


def test_an_index_that_states_too_little_fills_no_memory() -> None:
    """What inflates to more than it states is read up to one byte more."""
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    data = compressor.compress(b"0" * 10**6) + compressor.flush()
    assert zip_form._inflated(data, 5) == b"0" * 6
